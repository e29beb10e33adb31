//! Ids that the gateway makes. No provider can know what stands behind them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::dialect::canonical::{Escaped, ReasoningMember};
use crate::json::raw;
use crate::text::push_hex;

/// The beginning of the ids of responses.
const RESPONSE: &str = "resp_agw";

/// The beginning of the ids of reasoning.
const REASONING: &str = "rs_agw";

/// The beginning of what stands in place of encrypted reasoning.
const CIPHER: &str = "agw1_";

/// The mark behind the prefix of every id.
const MARK: &str = "_agw";

/// The length of the random part (letters).
const RANDOM: usize = 24;

/// Whether a raw value is the id of a response of ours.
pub fn is_response(id: &str) -> bool {
    raw::text(id).is_some_and(|id| id.starts_with(RESPONSE))
}

/// Whether a raw value is an id of reasoning of ours.
pub fn is_reasoning(id: &str) -> bool {
    raw::text(id).is_some_and(|id| id.starts_with(REASONING))
}

/// Whether a raw value stands in place of encrypted reasoning.
pub fn is_cipher(content: &str) -> bool {
    raw::text(content).is_some_and(|content| content.starts_with(CIPHER))
}

/// Whether a raw value is an id of any item of ours.
pub fn is_item(id: &str) -> bool {
    raw::text(id).is_some_and(|id| {
        let prefix = id.split(MARK).next().unwrap_or_default();
        id.contains(MARK)
            && prefix.len() <= 4
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// The ids of one answer.
#[derive(Debug)]
pub struct Ids {
    random: String,
}

impl Ids {
    /// The ids that come from a number and a time, another one for each answer.
    pub fn new(seed: u64, now: SystemTime) -> Self {
        let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let source = [
            seed.to_be_bytes().as_slice(),
            &elapsed.as_nanos().to_be_bytes(),
        ]
        .concat();
        let digest = ring::digest::digest(&ring::digest::SHA256, &source);
        let mut random = String::with_capacity(RANDOM);
        push_hex(
            &mut random,
            digest.as_ref().get(..RANDOM / 2).unwrap_or_default(),
        );
        Self { random }
    }

    pub fn response(&self) -> String {
        [RESPONSE, &self.random].concat()
    }

    /// The id of an item; `prefix` tells its kind (`msg`), `index` its place in the output.
    pub fn item(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}{MARK}{}_{index}", self.random)
    }

    pub fn reasoning(&self, mark: Mark, index: usize) -> String {
        format!("{REASONING}{}{}_{index}", self.random, mark.spelled())
    }
}

/// The mark of reasoning: the step that it came from, and the member in which that step takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A hash of the provider and the model.
    pub tag: u16,
    pub member: ReasoningMember,
}

impl Mark {
    /// The text in place of encrypted reasoning, for clients that drop ids; `signature` is the inside of a JSON string.
    pub fn cipher(self, signature: &str) -> String {
        let signature = match signature {
            "" => String::new(),
            signature => format!("_{signature}"),
        };
        [CIPHER, &self.spelled(), &signature].concat()
    }

    /// The mark in a raw value that stands in place of encrypted reasoning, with the signature; `None` of all others.
    pub fn of_cipher(content: &str) -> Option<(Self, Option<Escaped<'_>>)> {
        let rest = raw::inside(content)?.strip_prefix(CIPHER)?;
        let mark = Self::of_spelling(rest)?;
        let signature = rest.get(SPELLED..)?;
        let signature = signature.strip_prefix('_').filter(|it| !it.is_empty());
        Some((mark, signature.map(Escaped::plain)))
    }

    fn spelled(self) -> String {
        let member = match self.member {
            ReasoningMember::Content => 'c',
            ReasoningMember::Reasoning => 'r',
            ReasoningMember::Thinking => 'a',
            // It goes back to nobody: no reader knows the letter.
            ReasoningMember::Details => 'd',
        };
        format!("{:04x}{member}", self.tag)
    }

    /// The mark that a text begins with.
    fn of_spelling(text: &str) -> Option<Self> {
        let member = match text.as_bytes().get(SPELLED - 1)? {
            b'c' => ReasoningMember::Content,
            b'r' => ReasoningMember::Reasoning,
            b'a' => ReasoningMember::Thinking,
            _ => return None,
        };
        let tag = u16::from_str_radix(text.get(..SPELLED - 1)?, 16).ok()?;
        Some(Self { tag, member })
    }
}

/// The length of a mark as it is spelled (letters).
const SPELLED: usize = 5;

/// The mark in a raw id of reasoning; `None` of all others.
pub fn mark_of(id: &str) -> Option<Mark> {
    let random_and_mark = raw::inside(id)?.strip_prefix(REASONING)?;
    Mark::of_spelling(random_and_mark.get(RANDOM..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_of_the_letters_that_openai_takes() {
        let ids = Ids::new(7, UNIX_EPOCH);
        let mark = Mark {
            tag: 0xab,
            member: ReasoningMember::Reasoning,
        };
        let longest = usize::MAX;
        for id in [
            ids.response(),
            ids.item("msg", longest),
            ids.reasoning(mark, longest),
        ] {
            assert!(id.len() <= 64, "{id}");
            assert!(
                id.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            );
        }
        assert_ne!(ids.response(), Ids::new(8, UNIX_EPOCH).response());
        assert!(is_response(&raw::quoted(&ids.response())));
        assert!(is_item(&raw::quoted(&ids.item("ctc", 3))));
    }

    #[test]
    fn a_mark_is_found_in_ids_and_in_ciphers() {
        let ids = Ids::new(7, UNIX_EPOCH);
        for member in [
            ReasoningMember::Content,
            ReasoningMember::Reasoning,
            ReasoningMember::Thinking,
        ] {
            let mark = Mark {
                tag: 0xf00d,
                member,
            };
            let id = raw::quoted(&ids.reasoning(mark, 12));
            assert_eq!(mark_of(&id), Some(mark), "{id}");
            for signature in ["", "EqQ_B/+=="] {
                let cipher = raw::quoted(&mark.cipher(signature));
                let (found, said) = Mark::of_cipher(&cipher).unwrap();
                let said = said.map(|said| said.inside().to_owned());
                assert_eq!(
                    (found, said.unwrap_or_default().as_str()),
                    (mark, signature)
                );
            }
        }
        for foreign in [
            r#""rs_0123""#,
            r#""rs_agw""#,
            r#""rs_agw0123456789abcdef01234567zzzzc_0""#,
        ] {
            assert_eq!(mark_of(foreign), None);
        }
        for foreign in [r#""gAAAA""#, r#""agw1_""#, r#""agw1_00aé""#, "null"] {
            assert_eq!(Mark::of_cipher(foreign), None);
        }
    }
}
