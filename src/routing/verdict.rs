//! The verdict of a walk without an answer: a status that tells the client whether to try again.

use std::time::{Duration, Instant};

use crate::config::Route;
use crate::dialect::error::Code;

use super::ledger::Ledger;
use super::step_message::StepMessage;
use super::step_report::StepReport;
use crate::dialect::class::Class;
use crate::text::for_people;

/// The answer to the client when no step gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The HTTP status; 499, for the log only, when the client is gone.
    pub status: u16,
    pub code: Code,
    /// The wait until the soonest step is usable again, with 429 only and always then (never zero).
    pub retry_after: Option<Duration>,
    /// The message; a provider's words in it are not masked yet.
    pub message: String,
    /// The member at fault, by its path, where no step could carry the request.
    pub param: Option<String>,
}

/// The wait to name when every step is limited and no provider stated one.
const UNTOLD: Duration = Duration::from_secs(5);

/// The shortest wait to name: `Retry-After` counts whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// The ways a route ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RouteEnd {
    Cancelled,
    Limited,
    OutOfTime,
    TooLarge,
    Rejected,
    ModelNotFound,
    /// All refused the request, each in its own way.
    Refused,
    Broken,
}

impl RouteEnd {
    fn status(self) -> u16 {
        match self {
            Self::Cancelled => 499,
            Self::Limited => 429,
            Self::OutOfTime => 504,
            Self::TooLarge => 413,
            Self::Rejected | Self::Refused => 400,
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
            | Self::Refused
            | Self::Broken => Code::RouteExecutionFailed,
        }
    }

    /// Whether the request would have to change.
    fn blames_the_request(self) -> bool {
        match self {
            Self::TooLarge | Self::Rejected | Self::ModelNotFound | Self::Refused => true,
            Self::Cancelled | Self::Limited | Self::OutOfTime | Self::Broken => false,
        }
    }
}

impl Verdict {
    pub(super) fn cancelled() -> Self {
        Self::of(
            RouteEnd::Cancelled,
            "the client closed the connection".to_owned(),
        )
    }

    pub(super) fn route_deadline(route: &str) -> Self {
        let message =
            format!("route {route} is out of time: no step answered within the route's timeout");
        Self::of(RouteEnd::OutOfTime, message)
    }

    /// The verdict when every step failed or is cooling.
    pub(super) fn exhausted(
        route: &Route,
        reports: &[StepReport],
        ledger: &Ledger,
        now: Instant,
    ) -> Self {
        let words = last_words_of_steps(reports);
        let end = end_of(&words);
        let count = words.len();
        let retry_after = (end == RouteEnd::Limited).then(|| soonest(route, &words, ledger, now));
        let route = &route.name;
        let message = match end {
            RouteEnd::Limited => {
                format!("every step of route {route} is rate-limited or cooling down")
            }
            RouteEnd::OutOfTime => format!("no step of route {route} answered in time"),
            RouteEnd::TooLarge | RouteEnd::Rejected | RouteEnd::ModelNotFound => {
                own_words(route, end, reports)
            }
            RouteEnd::Refused => first_words(reports)
                .unwrap_or_else(|| format!("every step of route {route} refused the request")),
            RouteEnd::Broken | RouteEnd::Cancelled => match last_attempt(reports) {
                Some(words) => {
                    format!("all {count} steps of route {route} failed; the last: {words}")
                }
                None => format!("route {route} has no step to try"),
            },
        };
        let is_unsupported = |(_, word): &(usize, Word)| word.is_unfit();
        let param = if words.iter().all(is_unsupported) {
            reports.iter().find_map(|report| report.param.clone())
        } else {
            None
        };
        Self {
            retry_after,
            param,
            ..Self::of(end, message)
        }
    }

    fn of(end: RouteEnd, message: String) -> Self {
        Self {
            status: end.status(),
            code: end.code(),
            retry_after: None,
            message: for_people(&message).to_owned(),
            param: None,
        }
    }
}

/// A step's word about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// The step answered, and this is the end if all that answered agree.
    Answered(RouteEnd),
    /// The step lacks what the request needs: its provider said so.
    Lacking,
    /// The step was not asked: it lacks what the request needs, or the request is too large for it.
    PassedOver {
        too_large: bool,
    },
    Unreachable,
    OutOfTime,
    /// The step was skipped, because of a limit or for another reason.
    Cooling {
        limited: bool,
    },
}

impl Word {
    /// Whether the step lacks what the request needs.
    fn is_unfit(self) -> bool {
        matches!(self, Self::Lacking | Self::PassedOver { .. })
    }
}

fn word(report: &StepReport) -> Word {
    let end = match report.class {
        None | Some(Class::Unreachable) => None,
        Some(Class::Timeout) => Some(RouteEnd::OutOfTime),
        Some(Class::Cancelled) => Some(RouteEnd::Cancelled),
        Some(Class::RateLimited | Class::QuotaExhausted) => Some(RouteEnd::Limited),
        // A limit keeps no step away by this class: the request was not sent.
        Some(Class::TooLarge) if report.skipped => {
            return Word::PassedOver { too_large: true };
        }
        Some(Class::TooLarge) => Some(RouteEnd::TooLarge),
        Some(Class::Rejected) => Some(RouteEnd::Rejected),
        Some(Class::ModelNotFound) => Some(RouteEnd::ModelNotFound),
        Some(Class::Unsupported) => {
            return if report.skipped {
                Word::PassedOver { too_large: false }
            } else {
                Word::Lacking
            };
        }
        Some(
            Class::ServerError
            | Class::Unauthorized
            | Class::Forbidden
            | Class::Blocked
            | Class::Transient
            | Class::BadResponse
            | Class::EmptyAnswer,
        ) => Some(RouteEnd::Broken),
    };
    match end {
        _ if report.skipped => Word::Cooling {
            limited: end == Some(RouteEnd::Limited),
        },
        None => Word::Unreachable,
        Some(RouteEnd::OutOfTime) => Word::OutOfTime,
        Some(end) => Word::Answered(end),
    }
}

/// The last word of each step, with the step's index. One limited key makes a step limited: it is worth coming back
/// for.
fn last_words_of_steps(reports: &[StepReport]) -> Vec<(usize, Word)> {
    let mut steps: Vec<(usize, Word)> = Vec::new();
    for report in reports {
        let new = word(report);
        match steps
            .iter_mut()
            .find(|(index, _)| *index == report.step_index)
        {
            Some((_, Word::Answered(RouteEnd::Limited))) => {}
            Some((_, old)) => *old = new,
            None => steps.push((report.step_index, new)),
        }
    }
    steps
}

/// Steps that did not answer are not asked, unless there are no others: a dead one does not mask a 400 or a 429. A step
/// that lacks what the request needs says nothing where another one might have it.
fn end_of(words: &[(usize, Word)]) -> RouteEnd {
    let answered = words.iter().filter_map(|(_, word)| match word {
        Word::Answered(end) => Some(*end),
        Word::Lacking
        | Word::PassedOver { .. }
        | Word::Unreachable
        | Word::OutOfTime
        | Word::Cooling { .. } => None,
    });
    let mut answered: Vec<RouteEnd> = answered.collect();
    let asked = words.iter().any(|(_, word)| *word == Word::Lacking);
    if asked && answered.iter().any(|end| end.blames_the_request()) {
        answered.push(RouteEnd::Rejected);
    }
    if let Some(first) = answered.first().copied() {
        return if answered.iter().all(|end| *end == first) {
            first
        } else if answered.iter().all(|end| end.blames_the_request()) {
            RouteEnd::Refused
        } else {
            RouteEnd::Broken
        };
    }
    let mut others = words
        .iter()
        .map(|(_, word)| word)
        .filter(|word| !word.is_unfit())
        .peekable();
    if others.peek().is_none() && !words.is_empty() {
        let mut words = words.iter();
        let too_large = Word::PassedOver { too_large: true };
        return if words.all(|(_, word)| *word == too_large) {
            RouteEnd::TooLarge
        } else {
            RouteEnd::Rejected
        };
    }
    let others: Vec<&Word> = others.collect();
    // A step that cools because of a limit has answered, to an earlier request: dead + 429 stays 429 the next time.
    if others.contains(&&Word::Cooling { limited: true }) {
        return RouteEnd::Limited;
    }
    let all = |kind: fn(&Word) -> bool| !others.is_empty() && others.iter().all(|word| kind(word));
    if all(|word| matches!(word, Word::Cooling { .. })) {
        RouteEnd::Limited
    } else if all(|word| *word == Word::OutOfTime) {
        RouteEnd::OutOfTime
    } else {
        RouteEnd::Broken
    }
}

fn own_words(route: &str, end: RouteEnd, reports: &[StepReport]) -> String {
    last_words(reports, |report| word(report) == Word::Answered(end))
        .or_else(|| {
            let lacking = |report: &&StepReport| word(report).is_unfit();
            reports.iter().find(lacking).map(words_of)
        })
        .unwrap_or_else(|| format!("every step of route {route} refused the request"))
}

/// The words of the first provider that refused the request.
fn first_words(reports: &[StepReport]) -> Option<String> {
    let refused = |report: &&StepReport| match word(report) {
        Word::Answered(end) => end.blames_the_request(),
        Word::Lacking => true,
        Word::PassedOver { .. } => false,
        Word::Unreachable | Word::OutOfTime | Word::Cooling { .. } => false,
    };
    reports.iter().find(refused).map(words_of)
}

/// The words of the last attempt; an attempt tells more than a skipped step.
fn last_attempt(reports: &[StepReport]) -> Option<String> {
    last_words(reports, |report| !report.skipped).or_else(|| last_words(reports, |_| true))
}

/// `provider/model: what it said`, of the last attempt that qualifies.
fn last_words(reports: &[StepReport], qualifies: impl Fn(&StepReport) -> bool) -> Option<String> {
    let mut latest = reports.iter().rev();
    latest.find(|report| qualifies(report)).map(words_of)
}

fn words_of(report: &StepReport) -> String {
    let label = report.class.map_or("failed", Class::label);
    let said = report.message.as_ref().map(StepMessage::text);
    let said = said.filter(|message| !message.is_empty());
    format!(
        "{}/{}: {}",
        report.provider(),
        report.model(),
        said.as_deref().unwrap_or(label)
    )
}

/// The wait until the ledger lets a request through to the soonest of the limited steps.
fn soonest(route: &Route, words: &[(usize, Word)], ledger: &Ledger, now: Instant) -> Duration {
    let limited = words.iter().filter(|(_, word)| {
        matches!(
            word,
            Word::Cooling { .. } | Word::Answered(RouteEnd::Limited)
        )
    });
    let waits = limited.filter_map(|(index, _)| {
        let cooling = ledger.cooling_of(route.steps.get(*index)?, now)?;
        Some(cooling.until.saturating_duration_since(now))
    });
    waits.min().unwrap_or(UNTOLD).max(SHORTEST)
}
