//! `routing_summary`: the steps that were tried for a request, and how each one ended.

use crate::json::raw;
use crate::routing::{StepMessage, StepReport};
use crate::secret::Redactor;
use crate::text::{milliseconds, push_decimal};

/// About as much as the members of a step take, without its message (bytes).
const STEP: usize = 160;

/// The most names of one list of changes.
const MOST_NAMES: usize = 16;

/// The summary as JSON, with the cost of the request where that is known; keys in providers' messages are masked.
pub fn summary(
    route: &str,
    reports: &[StepReport],
    cost: Option<&str>,
    redactor: &Redactor,
) -> String {
    // Every answer has one: written by hand, at a third of what a serializer takes.
    let mut out = String::with_capacity(route.len() + STEP * (reports.len() + 1));
    out.push_str("{\"route_name\":");
    raw::push_quoted(&mut out, route);
    out.push_str(",\"steps\":[");
    for (position, report) in reports.iter().enumerate() {
        out.push_str(if position > 0 { ",{" } else { "{" });
        push_step(&mut out, report, redactor);
        out.push('}');
    }
    out.push(']');
    if let Some(cost) = cost {
        out.push_str(",\"cost\":");
        raw::push_quoted(&mut out, cost);
    }
    out.push('}');
    out
}

fn push_step(out: &mut String, report: &StepReport, redactor: &Redactor) {
    push_number(out, "\"step_index\":", report.step_index as u64);
    out.push(',');
    out.push_str(report.summary_names());
    if let Some(index) = report.key_index {
        push_number(out, ",\"key_index\":", index as u64);
    }
    out.push_str(",\"success\":");
    out.push_str(if report.success { "true" } else { "false" });
    push_number(out, ",\"duration_ms\":", milliseconds(report.duration));
    if let Some(message) = &report.message {
        out.push_str(",\"error\":");
        match message {
            StepMessage::Said(_) | StepMessage::Masked(_) => {
                raw::push_quoted(out, &message.masked(redactor));
            }
            // Our own words have no key in them, and no sign that JSON escapes.
            own => {
                out.push('"');
                own.push_words(out);
                out.push('"');
            }
        }
    }
    if let Some(class) = report.class {
        out.push_str(",\"class\":");
        raw::push_quoted(out, class.label());
    }
    if let Some(status) = report.status {
        push_number(out, ",\"status\":", status.into());
    }
    if report.skipped {
        out.push_str(",\"skipped\":true");
    }
    if let Some(after) = report.retry_after {
        push_number(out, ",\"retry_after_ms\":", milliseconds(after));
    }
    if report.changes.translated {
        out.push_str(",\"translated\":true");
    }
    push_names(out, ",\"dropped\":[", &report.changes.dropped);
    push_names(out, ",\"healed\":[", &report.changes.healed);
}

/// The first of some names as an array; nothing if there are none.
fn push_names(out: &mut String, begin: &str, names: &[String]) {
    for (position, name) in names.iter().take(MOST_NAMES).enumerate() {
        out.push_str(if position == 0 { begin } else { "," });
        raw::push_quoted(out, name);
    }
    if !names.is_empty() {
        out.push(']');
    }
}

fn push_number(out: &mut String, name: &str, number: u64) {
    out.push_str(name);
    push_decimal(out, number);
}
