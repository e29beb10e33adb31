//! The members of a dialect's requests, as far as the adapters edit them.

/// The members that adapters look for. What a dialect does not have, no adapter edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// Whether the built-in table of what providers refuse is about these members.
    pub has_table: bool,
    /// The member with the format of the answer.
    pub format: FormatMember,
}

/// The place of the format that an answer is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatMember {
    /// `response_format`, with the schema in its `json_schema`.
    ResponseFormat,
    /// `text.format`, with the schema beside its type.
    TextFormat,
    /// None that adapters know.
    None,
}

impl Vocabulary {
    pub const CHAT: Self = Self {
        has_table: true,
        format: FormatMember::ResponseFormat,
    };
}
