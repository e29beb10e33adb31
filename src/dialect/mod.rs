//! Wire formats: a file or a folder for each dialect that clients and providers speak, and the facts that all share.
//!
//! A dialect answers the same questions in the same order ([`Dialect`]): reading a request, addressing the provider,
//! telling frames apart, judging a frame, judging a whole answer, annotating, spelling a refusal, spelling a break. The
//! rooms above ask these questions and know no dialect by its name; the table of endpoints does.
//!
//! Views judge the raw text and never build a tree: the members that the gateway needs are read in one pass.

pub mod annotation;
pub mod answer;
pub mod audio;
pub mod call_rules;
pub mod canonical;
pub mod chat;
pub mod class;
pub mod classify;
pub mod completions;
mod conversation;
pub mod embeddings;
pub mod error;
mod error_envelope;
mod error_members;
mod error_object;
pub mod finish;
pub mod hearing;
pub mod images;
pub mod json_request;
mod last_frame;
pub mod limit_words;
mod markup;
pub mod messages;
pub mod models;
pub mod moderations;
pub mod multipart;
mod object_frame;
pub mod ollama;
pub mod opening;
pub mod provider_error;
mod questions;
pub mod rate_limits;
pub mod reading;
pub mod repairs;
pub mod request;
pub mod rerank;
pub mod responses;
pub mod restatement;
mod rule;
mod rules;
pub mod side_question;
mod signals;
pub mod size_of_request;
mod statuses;
pub mod step_traits;
mod stream;
pub mod translate;
#[cfg(any(test, feature = "fuzzing"))]
pub mod translated_streams;
pub mod usage;
pub mod vocabulary;
mod wait_in_prose;
pub mod waits;
mod without_streams;
pub mod wyoming;

/// The name of the dialect that goes without saying, where telemetry names one.
pub const USUAL: &str = "chat";

/// The names of dialects, as the configuration spells them ([`Dialect::name`]).
pub const NAMES: [&str; 12] = [
    "chat",
    "completions",
    "embeddings",
    "transcriptions",
    "translations",
    "speech",
    "images",
    "moderations",
    "rerank",
    "responses",
    "messages",
    "ollama",
];

pub use questions::{Dialect, Framing, Invariant, Parts, PassedFields, StepRefusal};
pub use stream::{Assemble, DONE, FrameKind, Judged, StreamJudge};
