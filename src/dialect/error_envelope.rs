//! The object around an error, in which providers put it by one name or another.

use super::error_object::{ErrorObject, each_member};
use crate::json::reader::MemberKey;

/// The members of a body in which an error may stand, as raw values; of a repeated one the last counts.
#[derive(Default)]
pub struct ErrorEnvelope<'a> {
    pub error: Option<&'a str>,
    /// The members of `error`, where they were read with the body.
    pub described: Option<ErrorObject<'a>>,
    pub errors: Option<&'a str>,
    /// The first message, by either name.
    pub message: Option<&'a str>,
    pub detail: Option<&'a str>,
    pub base_resp: Option<&'a str>,
    /// Members other than `error` are there as well.
    pub has_more: bool,
    /// The members of the object that is being read.
    inner: Option<ErrorObject<'a>>,
}

impl<'a> ErrorEnvelope<'a> {
    /// Reads an object; `None` for what is none.
    pub fn of(json: &'a str) -> Option<Self> {
        let mut envelope = Self::default();
        each_member(json, &mut |key, value| envelope.take(0, key, value)).ok()?;
        Some(envelope)
    }

    /// Takes a member of the object (depth 0) or one of a member (depth 1), which stand in front of that member.
    pub fn take(&mut self, depth: usize, key: MemberKey<'a>, value: &'a str) {
        match depth {
            0 => self.take_own(key.raw(), value),
            1 => self.inner.get_or_insert_default().take(key, value),
            _ => {}
        }
    }

    fn take_own(&mut self, key: &str, value: &'a str) {
        let inner = self.inner.take();
        self.has_more |= key != r#""error""#;
        match key {
            r#""error""# => (self.error, self.described) = (Some(value), inner),
            r#""errors""# => self.errors = Some(value),
            r#""message""# | r#""msg""# => self.message = self.message.or(Some(value)),
            r#""detail""# => self.detail = Some(value),
            r#""base_resp""# => self.base_resp = Some(value),
            _ => {}
        }
    }
}
