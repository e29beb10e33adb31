//! The heads of calls to providers, written at the first call of a kind and kept for those that follow: all in them comes
//! from the configuration, and they live as long as it does.

use std::sync::OnceLock;

use crate::config::{Config, HeaderEdit, Provider};
use crate::secret::Secret;
use crate::upstream::{CallError, CallHead};

/// The bound of kept heads for each key of a provider. Each endpoint that its routes are asked by needs one, most of them
/// another for streams.
pub const MOST_OF_A_KEY: usize = 8;

/// The kept heads of a configuration, by the index of the provider.
pub struct KeptHeads(Vec<HeadsOfProvider>);

/// The kept heads of a provider. None is ever exchanged for another, so that there is nothing to lock.
pub struct HeadsOfProvider(Box<[OnceLock<Box<KeptHead>>]>);

/// All that tells a call from the others to its provider that have another head.
#[derive(Clone, Copy)]
pub struct CallKind<'a> {
    pub key: Option<&'a Secret>,
    pub base: &'a str,
    pub path: &'a str,
    pub accept: &'a str,
    /// The edits that follow those of the provider.
    pub edits: &'a [HeaderEdit],
}

/// A head, and the kind of its calls.
struct KeptHead {
    head: Box<CallHead>,
    key: Option<Secret>,
    base: String,
    path: String,
    accept: String,
    edits: Vec<HeaderEdit>,
}

impl KeptHeads {
    pub fn new(config: &Config) -> Self {
        let providers = config.providers.iter();
        let most = providers.map(|provider| provider.keys.len().max(1) * MOST_OF_A_KEY);
        let heads = most.map(|most| (0..most).map(|_| OnceLock::new()).collect());
        Self(heads.map(HeadsOfProvider).collect())
    }

    pub fn of(&self, provider: &Provider) -> Option<&HeadsOfProvider> {
        self.0.get(provider.index)
    }
}

impl HeadsOfProvider {
    /// The head of calls of a kind, which is made and kept if there is none yet; `None` where there is no room left for one.
    ///
    /// # Errors
    /// The head cannot be made.
    pub fn find(
        &self,
        kind: CallKind<'_>,
        make: impl Fn() -> Result<Box<CallHead>, CallError>,
    ) -> Result<Option<&CallHead>, CallError> {
        for place in &self.0 {
            let kept = match place.get() {
                Some(kept) => kept,
                None => {
                    let new = Box::new(KeptHead::new(make()?, kind));
                    // Another call may have been faster, with a head of another kind.
                    place.get_or_init(|| new)
                }
            };
            if kept.is_of(kind) {
                return Ok(Some(&kept.head));
            }
        }
        Ok(None)
    }

    /// The number of kept heads.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.0.iter().filter(|place| place.get().is_some()).count()
    }
}

impl KeptHead {
    fn new(head: Box<CallHead>, kind: CallKind<'_>) -> Self {
        Self {
            head,
            key: kind.key.cloned(),
            base: kind.base.to_owned(),
            path: kind.path.to_owned(),
            accept: kind.accept.to_owned(),
            edits: kind.edits.to_vec(),
        }
    }

    fn is_of(&self, kind: CallKind<'_>) -> bool {
        self.path == kind.path
            && self.accept == kind.accept
            && self.key.as_ref() == kind.key
            && self.base == kind.base
            && self.edits == kind.edits
    }
}
