//! The room for content in a span, and its bounds.

use std::borrow::Cow;

use crate::json::raw;
use crate::secret::Redactor;
use crate::text::cut;

/// Bytes of one text, and of all of them.
pub const LONGEST_TEXT: usize = 4 * 1024;
pub const MOST_TEXT: usize = 16 * 1024;

/// Bytes of a text that are read: those that are shown, however they are spelled, and the rest of a key that begins in
/// them.
const READ: usize = 32 * 1024;

/// The room that each text takes besides, as names stand around it (bytes).
const AROUND: usize = 32;

/// Messages and parts of a message.
pub const MOST_MESSAGES: usize = 64;
pub const MOST_PARTS: usize = 32;

/// The room for texts.
pub struct CaptureRoom<'a> {
    /// Bytes that may still be shown.
    left: usize,
    redactor: &'a Redactor,
}

impl<'a> CaptureRoom<'a> {
    /// Room for one request or answer.
    pub fn new(redactor: &'a Redactor) -> Self {
        Self {
            left: MOST_TEXT,
            redactor,
        }
    }

    /// Whether nothing more is shown.
    pub fn is_full(&self) -> bool {
        self.left == 0
    }

    /// A text as it is shown: masked, then cut.
    pub fn take(&mut self, text: &str) -> String {
        let masked = self.redactor.redact(cut(text, READ));
        let shown = cut(&masked, self.left.min(LONGEST_TEXT));
        self.left = self.left.saturating_sub(shown.len() + AROUND);
        shown.to_owned()
    }

    /// The text of an object's member as it is shown; empty if it has none.
    pub fn member(&mut self, object: &str, key: &str) -> String {
        self.take(&text(object, key))
    }
}

/// The text of a value, as much of it as is read; `None` if it is none.
pub fn text_of(value: &str) -> Option<Cow<'_, str>> {
    raw::lossy_beginning(value, READ)
}

/// The text of an object's member, as much of it as is read; empty if it has none.
pub fn text(object: &str, key: &str) -> String {
    let value = raw::member(object, key).and_then(text_of);
    value.unwrap_or_default().into_owned()
}
