//! Keys: a random one for the gateway, and those of providers as people paste them.

use ring::rand::{SecureRandom, SystemRandom};

use crate::text::push_hex;

/// The randomness of the gateway's key (bytes).
const RANDOM: usize = 24;

/// A key for the clients of the gateway.
///
/// # Errors
/// The system has no randomness to give.
pub fn random() -> Result<String, String> {
    let mut bytes = [0; RANDOM];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| "the system gives no random bytes".to_owned())?;
    let mut key = "sk-gateway-".to_owned();
    push_hex(&mut key, &bytes);
    Ok(key)
}

/// A key without what is copied along with it: white space, quotes, `Bearer`.
///
/// # Errors
/// It holds what no key does.
pub fn cleaned(pasted: &str) -> Result<String, &'static str> {
    let key = pasted.trim().trim_matches(['"', '\'']).trim();
    let key = key.strip_prefix("Bearer ").unwrap_or(key).trim();
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"'`\\".contains(&byte);
    match key.bytes().all(fits) {
        true => Ok(key.to_owned()),
        false => Err("a key has no blanks, quotes or characters outside ASCII"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_are_never_the_same_and_long_enough() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), "sk-gateway-".len() + 2 * RANDOM);
    }

    #[test]
    fn a_pasted_key_is_cleaned() {
        for (pasted, key) in [
            ("gsk_abc", Ok("gsk_abc")),
            ("  gsk_abc\r\n", Ok("gsk_abc")),
            ("\"gsk_abc\"", Ok("gsk_abc")),
            ("Bearer gsk_abc", Ok("gsk_abc")),
            ("", Ok("")),
            ("gsk abc", Err(())),
            ("gsk\u{a0}abc", Err(())),
            ("gsk'abc", Err(())),
            ("a\u{1b}[A", Err(())),
        ] {
            let cleaned = cleaned(pasted).map_err(drop);
            assert_eq!(cleaned, key.map(str::to_owned), "{pasted:?}");
        }
    }
}
