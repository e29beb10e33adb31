//! How a walk without an answer ends for the client: the status says whether to try again.

use std::time::{Duration, Instant};

use crate::config::Route;
use crate::dialect::error::Code;

use super::ledger::Ledger;
use super::report::StepReport;
use crate::dialect::class::Class;

/// What the client gets when no step answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// 499 when the client is gone and only the log will see it.
    pub status: u16,
    pub code: Code,
    /// With 429 only, and always then: until the soonest step is usable again. Never zero.
    pub retry_after: Option<Duration>,
    /// May hold a provider's words; keys in them are not masked yet.
    pub message: String,
}

/// The wait to name when every step is limited and none told for how long.
const UNTOLD: Duration = Duration::from_secs(5);

/// The shortest wait to name: `Retry-After` counts whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// The ways a route ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Cancelled,
    Limited,
    OutOfTime,
    TooLarge,
    Rejected,
    ModelNotFound,
    Broken,
}

impl End {
    fn status(self) -> u16 {
        match self {
            Self::Cancelled => 499,
            Self::Limited => 429,
            Self::OutOfTime => 504,
            Self::TooLarge => 413,
            Self::Rejected => 400,
            Self::ModelNotFound => 404,
            Self::Broken => 502,
        }
    }

    fn code(self) -> Code {
        match self {
            Self::OutOfTime => Code::RouteTimeout,
            Self::Cancelled
            | Self::Limited
            | Self::TooLarge
            | Self::Rejected
            | Self::ModelNotFound
            | Self::Broken => Code::RouteExecutionFailed,
        }
    }
}

impl Verdict {
    pub(super) fn cancelled() -> Self {
        Self::of(
            End::Cancelled,
            "the client closed the connection".to_owned(),
        )
    }

    pub(super) fn route_deadline(route: &str) -> Self {
        let message =
            format!("route {route} is out of time: no step answered within the route's timeout");
        Self::of(End::OutOfTime, message)
    }

    /// Every step failed or is cooling.
    pub(super) fn exhausted(
        route: &Route,
        reports: &[StepReport],
        ledger: &Ledger,
        now: Instant,
    ) -> Self {
        let words = last_words_of_steps(reports);
        let end = end_of(&words);
        let count = words.len();
        let retry_after = (end == End::Limited).then(|| soonest(route, &words, ledger, now));
        let route = &route.name;
        let message = match end {
            End::Limited => format!("every step of route {route} is rate-limited or cooling down"),
            End::OutOfTime => format!("no step of route {route} answered in time"),
            End::TooLarge | End::Rejected | End::ModelNotFound => own_words(route, end, reports),
            End::Broken | End::Cancelled => match last_attempt(reports) {
                Some(words) => {
                    format!("all {count} steps of route {route} failed; the last: {words}")
                }
                None => format!("route {route} has no step to try"),
            },
        };
        Self {
            retry_after,
            ..Self::of(end, message)
        }
    }

    fn of(end: End, message: String) -> Self {
        Self {
            status: end.status(),
            code: end.code(),
            retry_after: None,
            message,
        }
    }
}

/// What a step says about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// It answered, and this is the end if all that answered agree.
    Answered(End),
    Unreachable,
    OutOfTime,
    /// Skipped, because of a limit or of something else.
    Cooling {
        limited: bool,
    },
}

fn word(report: &StepReport) -> Word {
    let end = match report.class {
        None | Some(Class::Unreachable) => None,
        Some(Class::Timeout) => Some(End::OutOfTime),
        Some(Class::Cancelled) => Some(End::Cancelled),
        Some(Class::RateLimited | Class::QuotaExhausted) => Some(End::Limited),
        Some(Class::TooLarge) => Some(End::TooLarge),
        Some(Class::Rejected) => Some(End::Rejected),
        Some(Class::ModelNotFound) => Some(End::ModelNotFound),
        Some(
            Class::ServerError
            | Class::Unauthorized
            | Class::Transient
            | Class::BadResponse
            | Class::EmptyAnswer,
        ) => Some(End::Broken),
    };
    match end {
        _ if report.skipped => Word::Cooling {
            limited: end == Some(End::Limited),
        },
        None => Word::Unreachable,
        Some(End::OutOfTime) => Word::OutOfTime,
        Some(end) => Word::Answered(end),
    }
}

/// The last word of each step, with the step's index. One limited key makes a step limited: it is worth coming back for.
fn last_words_of_steps(reports: &[StepReport]) -> Vec<(usize, Word)> {
    let mut steps: Vec<(usize, Word)> = Vec::new();
    for report in reports {
        let new = word(report);
        match steps
            .iter_mut()
            .find(|(index, _)| *index == report.step_index)
        {
            Some((_, Word::Answered(End::Limited))) => {}
            Some((_, old)) => *old = new,
            None => steps.push((report.step_index, new)),
        }
    }
    steps
}

/// Steps that did not answer are not asked, unless there are no others: a dead one does not mask a 400 or a 429.
fn end_of(words: &[(usize, Word)]) -> End {
    let mut answered = words.iter().filter_map(|(_, word)| match word {
        Word::Answered(end) => Some(*end),
        Word::Unreachable | Word::OutOfTime | Word::Cooling { .. } => None,
    });
    if let Some(first) = answered.next() {
        return if answered.all(|end| end == first) {
            first
        } else {
            End::Broken
        };
    }
    // A step that cools because of a limit has answered, to an earlier request: dead + 429 stays 429 the next time.
    let mut spoken = words.iter().map(|(_, word)| word);
    if spoken.any(|word| *word == Word::Cooling { limited: true }) {
        return End::Limited;
    }
    let all =
        |kind: fn(&Word) -> bool| !words.is_empty() && words.iter().all(|(_, word)| kind(word));
    if all(|word| matches!(word, Word::Cooling { .. })) {
        End::Limited
    } else if all(|word| *word == Word::OutOfTime) {
        End::OutOfTime
    } else {
        End::Broken
    }
}

fn own_words(route: &str, end: End, reports: &[StepReport]) -> String {
    last_words(reports, |report| word(report) == Word::Answered(end))
        .unwrap_or_else(|| format!("every step of route {route} refused the request"))
}

/// What was tried tells more than what was skipped.
fn last_attempt(reports: &[StepReport]) -> Option<String> {
    last_words(reports, |report| !report.skipped).or_else(|| last_words(reports, |_| true))
}

/// `provider/model: what it said`, of the last attempt that qualifies.
fn last_words(reports: &[StepReport], qualifies: impl Fn(&StepReport) -> bool) -> Option<String> {
    let report = reports.iter().rev().find(|report| qualifies(report))?;
    let label = report.class.map_or("failed", Class::label);
    let said = report
        .message
        .as_deref()
        .filter(|message| !message.is_empty());
    Some(format!(
        "{}/{}: {}",
        report.provider,
        report.model,
        said.unwrap_or(label)
    ))
}

/// Until the ledger lets a request through to the soonest of the limited steps.
fn soonest(route: &Route, words: &[(usize, Word)], ledger: &Ledger, now: Instant) -> Duration {
    let limited = words
        .iter()
        .filter(|(_, word)| matches!(word, Word::Cooling { .. } | Word::Answered(End::Limited)));
    let waits = limited.filter_map(|(index, _)| {
        let cooling = ledger.cooling_of(route.steps.get(*index)?, now)?;
        Some(cooling.until.saturating_duration_since(now))
    });
    waits.min().unwrap_or(UNTOLD).max(SHORTEST)
}
