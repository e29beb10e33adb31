//! The keys that nothing exported may show.

use std::sync::{Arc, Mutex};

use crate::secret::Redactor;
use crate::sync::lock;

/// The redactor of the moment, shared by every span and every log record on its way to a collector. A reload exchanges
/// it.
#[derive(Clone, Debug, Default)]
pub struct Masking(Arc<Mutex<Arc<Redactor>>>);

impl Masking {
    pub fn new(redactor: Redactor) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(redactor))))
    }

    /// Masks these keys from now on, and no others.
    pub fn replace(&self, redactor: Redactor) {
        *lock(&self.0) = Arc::new(redactor);
    }

    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&lock(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// Spans and records have copies of the handle.
    #[test]
    fn all_copies_follow_a_reload() {
        let redactor = |key: &str| Redactor::new([Secret::new(key)]);
        let masking = Masking::new(redactor("sk-old-key"));
        let copy = masking.clone();
        masking.replace(redactor("sk-new-key"));
        assert_eq!(copy.redactor().mask("sk-new-key"), "***");
    }
}
