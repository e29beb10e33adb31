//! The fields of an answer besides those that the edge writes itself.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use crate::text::{has_control, is_field_name, same_name};

/// Fields that the edge writes itself: a second one from a handler would make the framing ambiguous.
const OWN_FIELDS: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
    "x-content-type-options",
    "x-request-id",
];

/// A field of an answer: its name, which stands in the source, and its value.
pub type Field = (&'static str, FieldValue);

/// Fields of an answer.
pub type Fields = Vec<Field>;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A text of the source.
    Fixed(&'static str),
    Owned(String),
    /// A text that outlives the answer, of the configuration for one.
    Shared(Arc<str>),
}

impl FieldValue {
    /// Appends the value. What would end its line becomes a space: values are made of what clients and providers say.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend_from_slice(self.as_bytes());
        if !matches!(self, Self::Fixed(_)) && has_control(self) {
            let value = bytes.get_mut(start..).unwrap_or_default();
            let controls = value.iter_mut().filter(|byte| byte.is_ascii_control());
            controls.for_each(|byte| *byte = b' ');
        }
    }
}

impl Deref for FieldValue {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Owned(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<&'static str> for FieldValue {
    fn from(text: &'static str) -> Self {
        Self::Fixed(text)
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

impl From<&Arc<str>> for FieldValue {
    fn from(text: &Arc<str>) -> Self {
        Self::Shared(Arc::clone(text))
    }
}

impl From<Cow<'static, str>> for FieldValue {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Fixed(text),
            Cow::Owned(text) => Self::Owned(text),
        }
    }
}

/// Whether a name is one that a handler's field may have: a token, and not the edge's own.
pub(super) fn is_free(name: &str) -> bool {
    let own = OWN_FIELDS.iter().any(|own| same_name(own, name));
    !own && is_field_name(name)
}
