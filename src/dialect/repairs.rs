//! The repairs of answers: what no client can use is mended on the way, and counted by its kind.

/// A kind of repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairKind {
    /// A tool call's delta without an index, or with one that another call has.
    ToolCallIndex,
    /// A tool call without an id.
    ToolCallId,
    /// Arguments that are a JSON value instead of a text.
    ToolCallArguments,
    /// A message, or a stream's first delta, without a role.
    Role,
    /// Bytes that are no UTF-8.
    Utf8,
    /// A code fence around JSON that was asked for.
    CodeFence,
    /// An answer under another content type than its own.
    ContentType,
}

impl RepairKind {
    pub const ALL: [Self; 7] = [
        Self::ToolCallIndex,
        Self::ToolCallId,
        Self::ToolCallArguments,
        Self::Role,
        Self::Utf8,
        Self::CodeFence,
        Self::ContentType,
    ];

    /// The kind as metrics label it; stable.
    pub fn label(self) -> &'static str {
        match self {
            Self::ToolCallIndex => "tool_call_index",
            Self::ToolCallId => "tool_call_id",
            Self::ToolCallArguments => "tool_call_arguments",
            Self::Role => "role",
            Self::Utf8 => "utf8",
            Self::CodeFence => "code_fence",
            Self::ContentType => "content_type",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The kinds of repairs that one answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs(u8);

impl Repairs {
    pub fn add(&mut self, kind: RepairKind) {
        self.0 |= kind.bit();
    }

    /// Adds the repairs of another part of the same answer.
    pub fn add_all(&mut self, others: Self) {
        self.0 |= others.0;
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn kinds(self) -> impl Iterator<Item = RepairKind> {
        let kinds = RepairKind::ALL.into_iter();
        kinds.filter(move |kind| self.0 & kind.bit() != 0)
    }
}
