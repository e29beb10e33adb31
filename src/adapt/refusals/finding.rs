//! The statement of a refusal, before it is known what follows for a request.

use crate::adapt::shapes::Shape;

/// A statement of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The member at this path is refused.
    Refused(String),
    /// A member of this name is refused, wherever it stands.
    RefusedAnywhere(String),
    /// A member is refused, and another name recommended for it.
    Instead(String, String),
    /// A member's number is too large; the largest, as JSON.
    AtMost(String, String),
    /// A member has too many items, or too high a number; the most.
    TooMany(String, u64),
    /// The member, or kind of parts, is nothing that the model takes.
    Unsupported(String),
    /// Requests without a stream need this member with this value.
    WithoutStream(&'static str, &'static str),
    Shape(Shape),
    RelaxToolChoice,
    EqualStrict,
    FormatYields,
    NoSchemas,
    /// The context length (tokens).
    ContextLength(u64),
}
