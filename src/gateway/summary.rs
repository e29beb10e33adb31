//! `routing_summary`: which steps were tried for a request, and how each one ended.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::openai::error::{ErrorBody, type_of};
use crate::routing::{StepReport, Verdict};
use crate::secret::Redactor;

use super::journal::milliseconds;

#[derive(Serialize)]
struct Summary<'a> {
    route_name: &'a str,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    step_index: usize,
    provider: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_index: Option<usize>,
    success: bool,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// The summary as JSON; keys in providers' messages are masked.
pub fn summary(route: &str, reports: &[StepReport], redactor: &Redactor) -> String {
    let summary = Summary {
        route_name: route,
        steps: reports
            .iter()
            .map(|report| step(report, redactor))
            .collect(),
    };
    // Strings and numbers always serialize; the empty object is for the type checker.
    serde_json::to_string(&summary).unwrap_or_else(|_| "{}".to_owned())
}

fn step<'a>(report: &'a StepReport, redactor: &Redactor) -> Step<'a> {
    Step {
        step_index: report.step_index,
        provider: &report.provider,
        model: &report.model,
        key_index: report.key_index,
        success: report.success,
        duration_ms: milliseconds(report.duration),
        error: report
            .message
            .as_deref()
            .map(|message| redactor.redact(message)),
        class: report.class.map(|class| class.label()),
        status: report.status,
        skipped: report.skipped,
        retry_after_ms: report.retry_after.map(milliseconds),
    }
}

/// Attempts that were made.
pub fn tried(reports: &[StepReport]) -> usize {
    reports.iter().filter(|report| !report.skipped).count()
}

/// The body of the error when no step answered: `details` hold the same steps as the summary.
pub fn error_body(verdict: &Verdict, message: &str, routing_summary: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a ErrorBody<'a>,
        routing_summary: &'a RawValue,
    }
    let Ok(routing_summary) = serde_json::from_str::<&RawValue>(routing_summary) else {
        return ErrorBody::new(verdict.code, message).to_json();
    };
    let error = ErrorBody {
        kind: type_of(verdict.status),
        details: Some(routing_summary),
        ..ErrorBody::new(verdict.code, message)
    };
    serde_json::to_vec(&Body {
        error: &error,
        routing_summary,
    })
    .unwrap_or_else(|_| error.to_json())
}
