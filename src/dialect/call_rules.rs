//! The rules of a dialect for its calls, which the walk keeps.

use std::time::Duration;

/// The rules for the calls of an endpoint. The default ones are those of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRules {
    /// The timeout of a step for which the configuration names none.
    pub timeout: Duration,
    /// A call that failed may be repeated on the same step. Each image costs money, also one that was not seen.
    pub repeats: bool,
    /// A failure is a witness against the whole provider or key. A broken image service must not cool its chat.
    pub is_witness: bool,
}

impl CallRules {
    /// The rules of endpoints beside chat: a failure there says nothing about the provider's chat.
    pub fn beside_chat() -> Self {
        Self {
            is_witness: false,
            ..Self::default()
        }
    }
}

impl Default for CallRules {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            repeats: true,
            is_witness: true,
        }
    }
}
