//! The content of whole answers: owned, shared by all who asked at once, or a provider's in slices.

use std::borrow::Cow;
use std::fmt;
use std::io::IoSlice;
use std::sync::{Arc, OnceLock};

use crate::budget::{Budget, Charge};
use crate::json::spliced::Spliced;

/// The content of a whole answer.
#[derive(Clone, Debug)]
pub enum Content {
    Owned(Vec<u8>),
    Shared(SharedContent),
    /// In slices, so that nothing of its size is copied.
    Spliced(Box<Spliced>),
}

/// The content of one rendering, which all its readers share. However many connections wait to send it, it is in memory
/// once, and is charged once.
#[derive(Clone)]
pub struct SharedContent(Arc<Rendering>);

struct Rendering {
    bytes: Box<[u8]>,
    charge: OnceLock<Charge>,
}

impl SharedContent {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Rendering {
            bytes: bytes.into().into_boxed_slice(),
            charge: OnceLock::new(),
        }))
    }

    /// Whether a client has not taken it at once, and another answer still holds it.
    pub fn is_being_read(&self) -> bool {
        self.0.charge.get().is_some() && Arc::strong_count(&self.0) > 1
    }
}

impl Content {
    /// The length (bytes).
    pub fn len(&self) -> usize {
        match self {
            Self::Owned(bytes) => bytes.len(),
            Self::Shared(SharedContent(shared)) => shared.bytes.len(),
            Self::Spliced(spliced) => spliced.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, copied where they do not lie in one piece.
    pub fn to_bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Owned(bytes) => Cow::Borrowed(bytes),
            Self::Shared(SharedContent(shared)) => Cow::Borrowed(&shared.bytes),
            Self::Spliced(spliced) => Cow::Owned(spliced.slices().collect::<Vec<_>>().concat()),
        }
    }

    /// Has `write` send the content behind a head: in two slices, or in as many as it has.
    pub(super) fn written_behind<T>(
        &self,
        head: &[u8],
        write: impl FnOnce(&mut [IoSlice<'_>]) -> T,
    ) -> T {
        let whole = match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(SharedContent(shared)) => &*shared.bytes,
            Self::Spliced(spliced) => {
                let all = std::iter::once(head).chain(spliced.slices());
                let mut all: Vec<IoSlice<'_>> = all.map(IoSlice::new).collect();
                return write(&mut all);
            }
        };
        write(&mut [IoSlice::new(head), IoSlice::new(whole)])
    }

    /// Charges the budget for content that stays in memory until its client takes it. The charge that comes back ends
    /// with the connection's need of it; that of shared content, with the last connection's.
    pub fn charge(&self, budget: &Budget) -> Charge {
        match self {
            Self::Owned(bytes) => budget.force(bytes.capacity()),
            Self::Spliced(spliced) => budget.force(spliced.capacity()),
            Self::Shared(SharedContent(shared)) => {
                let charged = || budget.force(shared.bytes.len());
                shared.charge.get_or_init(charged);
                budget.empty()
            }
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for Content {}

impl PartialEq for SharedContent {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl fmt::Debug for SharedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} shared bytes", self.0.bytes.len())
    }
}

impl From<SharedContent> for Content {
    fn from(shared: SharedContent) -> Self {
        Self::Shared(shared)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl From<Spliced> for Content {
    fn from(spliced: Spliced) -> Self {
        Self::Spliced(Box::new(spliced))
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Owned(text.into_bytes())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Owned(text.into())
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::Owned(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_content_is_charged_once_until_its_last_reader_has_it() {
        let budget = Budget::new(1000, || {});
        let shared = SharedContent::new("x".repeat(100));
        let at_once = shared.clone();
        assert!(!shared.is_being_read());
        let first = Content::from(shared.clone());
        let second = first.clone();
        let charges = [first.charge(&budget), second.charge(&budget)];
        assert!(budget.used() == 100 && shared.is_being_read());
        drop((first, charges, shared, at_once));
        assert_eq!(budget.used(), 100);
        drop(second);
        assert_eq!(budget.used(), 0);
        let owned = Content::from("abc");
        let charge = owned.charge(&budget);
        assert_eq!(
            (budget.used(), &*owned.to_bytes()),
            (charge.bytes(), &b"abc"[..])
        );
    }
}
