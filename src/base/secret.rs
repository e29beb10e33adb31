//! Keys that cannot be printed, and the masking of keys inside texts that others wrote.

mod spellings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use crate::heapsort::sorted_by_key;

use memchr::memmem::Finder;
use memchr::memrchr_iter;
use subtle::ConstantTimeEq;

/// The mask in place of a key.
pub const MASK: &str = "***";

/// The shortest key that is searched for in foreign texts (bytes): masking `a` or `key` would garble every message.
const SHORTEST_MASKED: usize = 8;

/// A key or token. It has no `Display` and no `Serialize`; `Debug` prints [`MASK`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The key itself, for the one place that puts it on the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A hint that tells one key from another: the mask, and of a long key its last four characters.
    pub fn hint(&self) -> String {
        const LONG: usize = 20;
        let tail = self
            .0
            .len()
            .checked_sub(4)
            .and_then(|start| self.0.get(start..));
        match tail {
            Some(tail) if self.0.len() >= LONG => format!("{MASK}{tail}"),
            _ => MASK.to_owned(),
        }
    }

    /// Whether the key is masked in foreign texts. A shorter one is not: it would garble every message (8 bytes).
    pub fn is_masked(&self) -> bool {
        self.0.len() >= SHORTEST_MASKED
    }

    /// Whether a candidate is the key, compared in constant time. The length is not hidden.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// A redactor that masks every known key inside a text, in any escaped spelling. Providers echo keys in their error
/// messages, and clients paste them into paths.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Vec<KnownKey>,
}

/// A key, made ready to be searched for: each text of each request is.
#[derive(Clone)]
struct KnownKey {
    secret: Secret,
    finder: Finder<'static>,
    /// The key as its escaped spellings are searched for; `None` where too little is left of it.
    plain: Option<Finder<'static>>,
}

impl From<Secret> for KnownKey {
    fn from(secret: Secret) -> Self {
        let finder = Finder::new(secret.0.as_bytes()).into_owned();
        let plain = spellings::plain(&secret.0);
        let plain = (plain.len() >= SHORTEST_MASKED).then(|| Finder::new(&plain).into_owned());
        Self {
            secret,
            finder,
            plain,
        }
    }
}

impl fmt::Debug for Redactor {
    /// The number of the keys, as a finder would print its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} keys)", self.known.len())
    }
}

impl Redactor {
    /// A redactor of these keys, without those shorter than eight bytes, which would garble ordinary words.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let known: Vec<Secret> = secrets.into_iter().filter(Secret::is_masked).collect();
        // The longest first, so that a key that begins with another one is masked whole.
        let mut known = sorted_by_key(&known, |secret| {
            (std::cmp::Reverse(secret.0.len()), secret.0.as_str())
        });
        known.dedup();
        Self {
            known: known.into_iter().cloned().map(KnownKey::from).collect(),
        }
    }

    /// A redactor for the keys of both.
    pub fn and(&self, other: &Self) -> Self {
        let keys = self.known.iter().chain(&other.known);
        Self::new(keys.map(|key| key.secret.clone()))
    }

    /// Masks whole keys in a text that nothing was cut from.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.mask_all(text).0
    }

    /// The same, and whether there may be escapes in what is left.
    fn mask_all<'t>(&self, text: &'t str) -> (Cow<'t, str>, bool) {
        let mut masked = Cow::Borrowed(text);
        for key in &self.known {
            let has_room = key.secret.0.len() <= masked.len();
            if has_room && key.finder.find(masked.as_bytes()).is_some() {
                masked = Cow::Owned(masked.replace(&key.secret.0, MASK));
            }
        }
        if self.known.is_empty() || !spellings::is_escaped(&masked) {
            return (masked, false);
        }
        match self.mask_escaped(&masked) {
            Some(text) => {
                let is_escaped = spellings::is_escaped(&text);
                (Cow::Owned(text), is_escaped)
            }
            None => (masked, true),
        }
    }

    /// The text with the escaped spellings of keys masked; `None` where there are none.
    fn mask_escaped(&self, text: &str) -> Option<String> {
        let mut found = spellings::find(text, self.plain());
        found.first()?;
        let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
        for range in found.drain(..) {
            masked.push_str(text.get(end..range.start).unwrap_or_default());
            masked.push_str(MASK);
            end = range.end;
        }
        masked.push_str(text.get(end..).unwrap_or_default());
        Some(masked)
    }

    /// The keys as they are searched for in the plain form of a text.
    fn plain(&self) -> impl Iterator<Item = &Finder<'static>> {
        self.known.iter().filter_map(|key| key.plain.as_ref())
    }

    /// Masks whole keys anywhere, and the beginning of one at the end: texts come here cut to a bound.
    pub fn redact(&self, text: &str) -> String {
        self.redacted(text).into_owned()
    }

    /// The same, of a text that mostly has no key in it.
    pub fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (masked, is_escaped) = self.mask_all(text);
        let begun = self
            .known
            .iter()
            .filter_map(|key| begun_at_end(&masked, &key.secret));
        let mut start = begun.min();
        if is_escaped {
            let begun = |key| spellings::begun_at_end(&masked, key, SHORTEST_MASKED);
            let escaped = self.plain().filter_map(|key| begun(key.needle()));
            start = escaped.chain(start).min();
        }
        match start.and_then(|start| masked.get(..start)) {
            Some(whole) => Cow::Owned([whole, MASK].concat()),
            None => masked,
        }
    }
}

/// The offset of the longest beginning of a key with which the text ends; `None` where it is short, as it may be
/// anything.
fn begun_at_end(text: &str, key: &Secret) -> Option<usize> {
    let key = key.0.as_str();
    let last = *text.as_bytes().last()?;
    // The last byte of the key ends no mere beginning, and few other bytes are those that the text ends with.
    let ends = SHORTEST_MASKED - 1..key.len().saturating_sub(1);
    let ends_of_begun = memrchr_iter(last, key.as_bytes().get(ends)?);
    ends_of_begun
        .filter_map(|place| key.get(..SHORTEST_MASKED + place))
        .find(|begun| text.ends_with(begun))
        .map(|begun| text.len() - begun.len())
}
