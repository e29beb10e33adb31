//! Keys that cannot be printed, and the masking of keys inside texts that others wrote.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem::Finder;
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

/// A redactor that masks every known key inside a text. Providers echo keys in their error messages.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Vec<KnownKey>,
}

/// A key, made ready to be searched for: each text of each request is.
#[derive(Clone)]
struct KnownKey {
    secret: Secret,
    finder: Finder<'static>,
}

impl From<Secret> for KnownKey {
    fn from(secret: Secret) -> Self {
        let finder = Finder::new(secret.0.as_bytes()).into_owned();
        Self { secret, finder }
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
        let mut known: Vec<Secret> = secrets
            .into_iter()
            .filter(|secret| secret.0.len() >= SHORTEST_MASKED)
            .collect();
        // The longest first, so that a key that begins with another one is masked whole.
        known.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        known.dedup();
        Self {
            known: known.into_iter().map(KnownKey::from).collect(),
        }
    }

    /// A redactor for the keys of both.
    pub fn and(&self, other: &Self) -> Self {
        let keys = self.known.iter().chain(&other.known);
        Self::new(keys.map(|key| key.secret.clone()))
    }

    /// Masks whole keys in a text that nothing was cut from.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for key in &self.known {
            if key.finder.find(masked.as_bytes()).is_some() {
                masked = Cow::Owned(masked.replace(&key.secret.0, MASK));
            }
        }
        masked
    }

    /// Masks whole keys anywhere, and the beginning of one at the end: texts come here cut to a bound.
    pub fn redact(&self, text: &str) -> String {
        let mut masked = self.mask(text).into_owned();
        let begun = self
            .known
            .iter()
            .filter_map(|key| begun_at_end(&masked, &key.secret));
        if let Some(start) = begun.min() {
            masked.truncate(start);
            masked.push_str(MASK);
        }
        masked
    }
}

/// The offset of the longest beginning of a key with which the text ends; `None` where it is short, as it may be
/// anything.
fn begun_at_end(text: &str, key: &Secret) -> Option<usize> {
    let beginnings = key.0.char_indices().map(|(end, _)| end).rev();
    beginnings
        .take_while(|end| *end >= SHORTEST_MASKED)
        .find(|end| key.0.get(..*end).is_some_and(|begun| text.ends_with(begun)))
        .map(|end| text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("sk-12345678")), "***");
        let redactor = Redactor::new([Secret::new("sk-12345678")]);
        assert_eq!(format!("{redactor:?}"), "Redactor(1 keys)");
    }

    #[test]
    fn a_hint_gives_little_of_a_long_key_and_nothing_of_a_short_one() {
        assert_eq!(Secret::new("sk-0123456789abcdefgh").hint(), "***efgh");
        assert_eq!(Secret::new("sk-12345678").hint(), "***");
        assert_eq!(Secret::new("").hint(), "***");
    }

    #[test]
    fn matching_is_exact() {
        let secret = Secret::new("sk-12345678");
        assert!(secret.matches(b"sk-12345678"));
        for wrong in ["", "sk-1234567", "sk-123456789", "sk-12345679"] {
            assert!(!secret.matches(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn keys_are_masked_wherever_they_stand() {
        let redactor = Redactor::new(["sk-12345678", "sk-12345678-long", "short"].map(Secret::new));
        assert_eq!(
            redactor.redact("bad key sk-12345678, sk-12345678-long; short"),
            "bad key ***, ***; short"
        );
    }

    #[test]
    fn two_redactors_together_mask_the_keys_of_both() {
        let [old, new] = ["sk-old-key", "sk-new-key"].map(|key| Redactor::new([Secret::new(key)]));
        let both = old.and(&new);
        assert_eq!(both.mask("sk-new-key sk-old-key"), "*** ***");
        assert!(matches!(both.mask("nothing"), Cow::Borrowed("nothing")));
    }

    #[test]
    fn a_key_that_was_cut_off_is_masked_too() {
        let redactor = Redactor::new(["sk-0123456789", "sk-01234-other"].map(Secret::new));
        for (text, masked) in [
            ("bad key sk-012345678", "bad key ***"),
            ("bad key sk-01234", "bad key ***"),
            ("bad key sk-01234-o", "bad key ***"),
            // Too short a beginning to be the key's alone.
            ("bad key sk-0123", "bad key sk-0123"),
            ("sk-012345 is bad", "sk-012345 is bad"),
            ("sk-0123456789", "***"),
        ] {
            assert_eq!(redactor.redact(text), masked, "{text}");
        }
    }
}
