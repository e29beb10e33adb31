//! The rows of the selftest: a fault of a provider, and the answer that clients get by the contract.

/// A fault of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    LimitTold,
    LimitUntold,
    Status(u16),
    Html,
    Empty,
    ErrorIn200,
    Refused,
    ResetBefore,
    ResetInHead,
    CutBefore,
    CutAfter,
    CallWithoutIndex,
    ArgumentsAsObject,
    Stall,
    Late,
    DeadKey,
    NoModel,
    TooLarge,
}

/// The steps that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    First,
    All,
}

impl Failing {
    /// The stable name of the report in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::All => "all",
        }
    }
}

/// The answer that a client gets by the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whole, of whichever step.
    Whole,
    /// Whole, and the next request does not ask the failed step.
    WholeAndSkipped,
    /// Whole, with tool calls that clients can use.
    Repaired,
    /// An error event behind the content, within a client's patience.
    ErrorEvent,
    /// A refusal with this status; 429 with `Retry-After`.
    Refusal(u16),
}

impl Expected {
    /// The words of the report.
    pub fn words(self) -> String {
        match self {
            Self::Whole => "a whole answer".to_owned(),
            Self::WholeAndSkipped => "a whole answer, the step skipped the next time".to_owned(),
            Self::Repaired => "tool calls that were repaired".to_owned(),
            Self::ErrorEvent => "an error event in time".to_owned(),
            Self::Refusal(429) => "429 with Retry-After".to_owned(),
            Self::Refusal(status) => status.to_string(),
        }
    }
}

/// The requests that a row is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Plain,
    /// Streamed where the endpoint streams text, else plain.
    Streamed,
    /// Streamed, at endpoints that stream text alone.
    StreamAlone,
    /// With tools, at chat alone.
    Tools {
        stream: bool,
    },
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// The stable name of the report in JSON.
    pub id: &'static str,
    pub title: &'static str,
    pub fault: Fault,
    pub form: Form,
    /// The answer where the first step fails so.
    pub first: Expected,
    /// The answer where all steps fail so.
    pub all: Expected,
}

const fn row(
    id: &'static str,
    title: &'static str,
    fault: Fault,
    form: Form,
    first: Expected,
    all: Expected,
) -> Row {
    Row {
        id,
        title,
        fault,
        form,
        first,
        all,
    }
}

use Expected::{ErrorEvent, Refusal, Repaired, Whole, WholeAndSkipped};
use Form::{Plain, StreamAlone, Streamed};

pub const ROWS: &[Row] = &[
    row("well", "answers well", Fault::None, Plain, Whole, Whole),
    row(
        "well_streamed",
        "streams well",
        Fault::None,
        StreamAlone,
        Whole,
        Whole,
    ),
    row(
        "limit_told",
        "429, Retry-After",
        Fault::LimitTold,
        Plain,
        WholeAndSkipped,
        Refusal(429),
    ),
    row(
        "limit_untold",
        "429, nothing told",
        Fault::LimitUntold,
        Plain,
        WholeAndSkipped,
        Refusal(429),
    ),
    row("500", "500", Fault::Status(500), Plain, Whole, Refusal(502)),
    row("503", "503", Fault::Status(503), Plain, Whole, Refusal(502)),
    row(
        "html",
        "HTML instead of JSON",
        Fault::Html,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "empty",
        "empty answer",
        Fault::Empty,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "error_in_200",
        "error within a 200",
        Fault::ErrorIn200,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "refused",
        "connection refused",
        Fault::Refused,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "reset_before",
        "reset before the head",
        Fault::ResetBefore,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "reset_in_head",
        "reset in the head",
        Fault::ResetInHead,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "cut_before",
        "cut before content",
        Fault::CutBefore,
        StreamAlone,
        Whole,
        Refusal(502),
    ),
    row(
        "cut_after",
        "cut after content",
        Fault::CutAfter,
        StreamAlone,
        ErrorEvent,
        ErrorEvent,
    ),
    row(
        "call_without_index",
        "tool call without index",
        Fault::CallWithoutIndex,
        Form::Tools { stream: true },
        Repaired,
        Repaired,
    ),
    row(
        "arguments_as_object",
        "arguments as object",
        Fault::ArgumentsAsObject,
        Form::Tools { stream: false },
        Repaired,
        Repaired,
    ),
    row(
        "stall",
        "stall in the middle",
        Fault::Stall,
        StreamAlone,
        ErrorEvent,
        ErrorEvent,
    ),
    row(
        "late",
        "first content late",
        Fault::Late,
        Streamed,
        Whole,
        Refusal(504),
    ),
    row(
        "dead_key",
        "dead key (401)",
        Fault::DeadKey,
        Plain,
        Whole,
        Refusal(502),
    ),
    row(
        "no_model",
        "model unknown (404)",
        Fault::NoModel,
        Plain,
        Whole,
        Refusal(404),
    ),
    row(
        "too_large",
        "request too large (413)",
        Fault::TooLarge,
        Plain,
        Whole,
        Refusal(413),
    ),
];
