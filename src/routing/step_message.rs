//! The words about an attempt or a skipped step, spelled only where somebody reads them.

use std::borrow::Cow;
use std::time::Duration;

use crate::dialect::class::Class;
use crate::dialect::waits::in_words;
use crate::quota::LineReport;
use crate::secret::Redactor;

/// The words about an attempt or a skipped step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepMessage {
    /// A provider's words, or such that may repeat them; keys in them are not masked.
    Said(String),
    /// The same, in which they are.
    Masked(String),
    /// The step cools for so long (zero: until another request that tries it is answered).
    Cooling { left: Duration, class: Class },
    /// A limit keeps the step away.
    Limit(Box<LineReport>),
}

impl StepMessage {
    /// The words, in which keys are not masked.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Said(words) | Self::Masked(words) => Cow::Borrowed(words),
            Self::Cooling { .. } | Self::Limit(_) => {
                let mut words = String::new();
                self.push_words(&mut words);
                Cow::Owned(words)
            }
        }
    }

    /// Appends the words, in which keys are not masked.
    pub fn push_words(&self, out: &mut String) {
        match self {
            Self::Said(words) | Self::Masked(words) => out.push_str(words),
            Self::Cooling { left, class } => {
                if left.is_zero() {
                    out.push_str("another request is trying it");
                } else {
                    out.push_str("cooling down for ");
                    out.push_str(&in_words(*left));
                }
                out.push_str(" after ");
                out.push_str(class.label());
            }
            Self::Limit(line) => line.push_words(out),
        }
    }

    /// The words without keys. Our own have none: a search in them for each key of a long route would cost more than all else
    /// of a skipped step.
    pub fn masked(&self, redactor: &Redactor) -> Cow<'_, str> {
        match self {
            Self::Said(words) => redactor.redacted(words),
            Self::Masked(_) | Self::Cooling { .. } | Self::Limit(_) => self.text(),
        }
    }

    /// Masks the keys in the words for good: several read them.
    pub fn mask(&mut self, redactor: &Redactor) {
        if let Self::Said(words) = self {
            let words = std::mem::take(words);
            *self = Self::Masked(match redactor.redacted(&words) {
                Cow::Borrowed(_) => words,
                Cow::Owned(masked) => masked,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// Would break for everybody whose provider repeats a key, or for long routes of which most steps are skipped.
    #[test]
    fn only_words_of_others_are_searched_for_keys() {
        let redactor = Redactor::new([Secret::new("cooling down for"), Secret::new("sk-12345678")]);
        let said = StepMessage::Said("the key sk-12345678 is wrong".to_owned());
        assert!(!said.masked(&redactor).contains("sk-12345678"));
        let mut masked = said.clone();
        masked.mask(&redactor);
        assert_eq!(masked.text(), said.masked(&redactor));
        assert_eq!(masked.masked(&redactor), masked.text());
        let class = Class::ServerError;
        for (left, words) in [
            (12, "cooling down for 12.0 s after server_error"),
            (0, "another request is trying it after server_error"),
        ] {
            let left = Duration::from_secs(left);
            let own = StepMessage::Cooling { left, class };
            assert_eq!(
                (own.text(), own.masked(&redactor)),
                (words.into(), words.into())
            );
        }
    }
}
