//! The lines of a request in the log. Tools read them by their `msg` and members.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::adapt::Lesson;
use crate::config::{Name, Step};
use crate::dialect::USUAL;
use crate::dialect::class::Class;
use crate::dialect::usage::Usage;
use crate::routing::StepReport;
use crate::text::milliseconds;

/// The target of all these lines, whatever the file is called that writes them: directives of `LOG_LEVEL` name it.
const TARGET: &str = "ai_gateway::gateway::journal";

/// A request as far as it is known, for its line.
pub struct RequestFacts<'g> {
    pub request_id: Arc<str>,
    method: &'static str,
    path: Cow<'static, str>,
    pub client: Option<&'g Name>,
    pub started: Instant,
    pub route: Option<Name>,
    /// The dialect of the request; `None` for chat, and where it is not known.
    pub api: Option<&'static str>,
    /// The answer came in another dialect than the client's.
    pub translated: bool,
    pub stream: bool,
    pub steps: usize,
    pub fallbacks: usize,
    pub served_by: Option<&'g str>,
    pub usage: Option<Usage>,
    /// The cost of the request, where anything of it has a price.
    pub cost: Option<String>,
    pub error: Option<&'static str>,
    /// The level of the line, where the status says too little.
    pub level: Option<Level>,
    /// The stream broke after its first content: the status that was sent does not tell how it ended.
    pub broken: bool,
}

impl RequestFacts<'_> {
    /// A request of which only the head is known. No key may be in its id or path.
    pub fn new(
        request_id: Arc<str>,
        method: &'static str,
        path: Cow<'static, str>,
        started: Instant,
    ) -> Self {
        Self {
            request_id,
            method,
            path,
            client: None,
            started,
            route: None,
            api: None,
            translated: false,
            stream: false,
            steps: 0,
            fallbacks: 0,
            served_by: None,
            usage: None,
            cost: None,
            error: None,
            level: None,
            broken: false,
        }
    }

    /// The request's own line. A fault of the gateway's own is an error.
    pub fn log_request(&self, status: u16, duration: Duration) {
        let level = self.level.unwrap_or(match status {
            500 => Level::Error,
            501.. => Level::Warn,
            _ if self.broken => Level::Warn,
            _ => Level::Info,
        });
        let prompt_tokens = self.usage.and_then(|usage| usage.prompt_tokens);
        let completion_tokens = self.usage.and_then(|usage| usage.completion_tokens);
        // A member without a value would be shown as null, in every line about chat.
        macro_rules! line {
            ($($more:tt)*) => {
                log::log!(
                    target: TARGET,
                    level,
                    request_id = &*self.request_id,
                    client = self.client.map(Name::as_str),
                    method = self.method,
                    path = &*self.path,
                    route = self.route.as_deref(),
                    $($more)*
                    stream = self.stream,
                    status = status,
                    duration_ms = milliseconds(duration),
                    steps = self.steps,
                    fallbacks = self.fallbacks,
                    served_by = self.served_by,
                    prompt_tokens = prompt_tokens,
                    completion_tokens = completion_tokens,
                    error = self.error;
                    "request"
                )
            };
        }
        if let Some(cost) = self.cost.as_deref() {
            let api = self.api.unwrap_or(USUAL);
            line!(api = api, translated = self.translated, cost = cost,);
            return;
        }
        match (self.api, self.translated) {
            (None, false) => line!(),
            (Some(api), false) => line!(api = api,),
            (None, true) => line!(translated = true,),
            (Some(api), true) => line!(api = api, translated = true,),
        }
    }

    /// The line of a failed attempt, and for how long what failed is left alone.
    pub fn log_failure(&self, report: &StepReport, class: Class, message: &str) {
        log::info!(
            target: TARGET,
            request_id = &*self.request_id,
            route = self.route.as_deref(),
            step = report.step_index,
            provider = report.provider(),
            model = report.model(),
            class = class.label(),
            status = report.status,
            error = message,
            duration_ms = milliseconds(report.duration),
            retry_after_ms = report.retry_after.map(milliseconds);
            "attempt failed"
        );
    }

    /// The line of a call that is repeated without what was refused, for debugging.
    pub fn log_heal(&self, step: &Step, lessons: &[Lesson]) {
        if log::log_enabled!(target: TARGET, Level::Debug) {
            let words: Vec<String> = lessons.iter().map(Lesson::words).collect();
            log::debug!(
                target: TARGET,
                request_id = &*self.request_id,
                provider = step.provider.name.as_str(),
                model = step.model.as_str(),
                lessons = words.join("; ").as_str();
                "healing"
            );
        }
    }

    /// The line of what a provider was learned to refuse, with the setting that says the same for good.
    pub fn log_lesson(&self, step: &Step, lesson: &Lesson) {
        log::warn!(
            target: TARGET,
            request_id = &*self.request_id,
            provider = step.provider.name.as_str(),
            model = step.model.as_str(),
            lesson = lesson.words().as_str(),
            setting = lesson.line().as_deref();
            "learned from a refusal"
        );
    }

    /// The line of a step that cannot ever work: its operator has to mend the key or the name of the model, and no
    /// failover shows it.
    pub fn log_standing_fault(&self, report: &StepReport, class: Class, message: &str) {
        if class == Class::Unauthorized {
            log::error!(
                target: TARGET,
                provider = report.provider(),
                key_index = report.key_index,
                status = report.status,
                error = message,
                request_id = &*self.request_id;
                "the provider refuses the key"
            );
        } else {
            log::warn!(
                target: TARGET,
                provider = report.provider(),
                model = report.model(),
                route = self.route.as_deref(),
                step = report.step_index,
                status = report.status,
                error = message,
                request_id = &*self.request_id;
                "the provider does not know the model"
            );
        }
    }

    /// The line of an attempt that answered.
    pub fn log_answer(&self, report: &StepReport) {
        let level = if self.fallbacks > 0 {
            Level::Info
        } else {
            Level::Debug
        };
        log::log!(
            target: TARGET,
            level,
            request_id = &*self.request_id,
            route = self.route.as_deref(),
            step = report.step_index,
            provider = report.provider(),
            model = report.model(),
            duration_ms = milliseconds(report.duration);
            "attempt answered"
        );
    }

    /// The line of a body in short, for debugging.
    pub fn log_body(&self, message: &str, excerpt: impl FnOnce() -> String) {
        if log::log_enabled!(Level::Debug) {
            let body = excerpt();
            log::debug!(target: TARGET, request_id = &*self.request_id, body = body.as_str(); "{message}");
        }
    }
}
