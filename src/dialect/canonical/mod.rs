//! The canonical form: what a request and an answer say, whatever the dialect.
//!
//! Translation goes through it alone: a reader and a writer for each dialect, and no bridge between two of them. A form of
//! this kind exists only while a translation runs. Texts stay as they stand between the quotes of JSON ([`Escaped`]), so
//! that most of a request and of a stream is copied, not decoded. What the form cannot say is dropped by name, or makes a
//! step unfit.

mod delta;
mod escaped;
mod json_scan;
mod order;
mod request;
mod sequence;
mod token_counts;

pub use delta::{Begin, CallFragment, Delta, End, OrderedDelta, ReasoningMember};
pub use escaped::{Escaped, join};
pub use request::{
    Call, Choice, Format, Image, Media, Names, Part, Reasoning, Request, Role, Sampling, Schema,
    Thinking, Tool, ToolName, ToolResult, Turn,
};
pub use sequence::Sequence;
pub use token_counts::TokenCounts;
