//! The content of whole answers: owned, or shared by all who asked at once.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::budget::{Budget, Charge};

/// The content of a whole answer.
#[derive(Clone, Debug)]
pub enum Content {
    Owned(Vec<u8>),
    Shared(SharedContent),
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
    /// Charges the budget for content that stays in memory until its client takes it. The charge that comes back ends
    /// with the connection's need of it; that of shared content, with the last connection's.
    pub fn charge(&self, budget: &Budget) -> Charge {
        match self {
            Self::Owned(bytes) => budget.force(bytes.capacity()),
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

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(SharedContent(shared)) => &shared.bytes,
        }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
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
        assert_eq!((budget.used(), &*owned), (charge.bytes(), &b"abc"[..]));
    }
}
