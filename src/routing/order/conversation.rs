//! The conversation that a request belongs to, as a number: its client, its route and its first messages under a key that
//! nobody knows. No text is kept.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

/// The bytes of a text that go into the number, besides its length: providers' caches go by the beginning, and the end
/// tells documents apart that are put under the same words.
const BEGINNING: usize = 4096;
const END: usize = 512;

/// The number that stands for a conversation, the same for each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// A conversation of a client with a route.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The hash of what all conversations of the client with the route have in common.
    of_client: DefaultHasher,
    fingerprint: Fingerprint,
}

impl Conversation {
    /// The conversation of a request; `None` where it has no messages. `tell` is given a function that takes the texts of
    /// its opening one by one, and returns whether there were any.
    pub fn of(
        key: &RandomState,
        client: &str,
        route: &str,
        tell: impl FnOnce(&mut dyn FnMut(&str)) -> bool,
    ) -> Option<Self> {
        let mut of_client = key.build_hasher();
        (client, route).hash(&mut of_client);
        let mut opening = of_client.clone();
        let has_messages = tell(&mut |text| push(&mut opening, text));
        has_messages.then(|| Self {
            of_client,
            fingerprint: Fingerprint(opening.finish()),
        })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The number of requests of the same client with the same route that open with this text alone.
    pub fn continued_by(&self, text: &str) -> Fingerprint {
        let mut opening = self.of_client.clone();
        push(&mut opening, text);
        Fingerprint(opening.finish())
    }
}

fn push(hasher: &mut DefaultHasher, text: &str) {
    let bytes = text.as_bytes();
    bytes.len().hash(hasher);
    hasher.write(bytes.get(..BEGINNING).unwrap_or(bytes));
    let end = bytes.len().saturating_sub(END).max(BEGINNING);
    hasher.write(bytes.get(end..).unwrap_or_default());
}
