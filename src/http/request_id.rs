//! Request ids: the client's where it is harmless, else a new one.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest id taken over from a client (bytes).
const LONGEST: usize = 128;

/// The client's id, if it holds but ASCII letters, digits and `._:/+=@-`, as UUIDs, ULIDs, base64 and trace headers do:
/// they cannot end a header field or a log line, nor be mistaken for markup. `None` for any other (1 to 128 bytes).
pub(super) fn adopt(proposed: &[u8]) -> Option<String> {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(byte);
    let sane = (1..=LONGEST).contains(&proposed.len()) && proposed.iter().all(harmless);
    sane.then(|| String::from_utf8_lossy(proposed).into_owned())
}

/// A new id, unique in this process and, with overwhelming probability, among all.
pub(super) fn fresh() -> String {
    static PROCESS: OnceLock<String> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // The standard library seeds its hash maps from the system's random numbers: 64 bits without another dependency.
    let process = PROCESS.get_or_init(|| {
        let process = RandomState::new().hash_one(std::process::id());
        format!("req-{process:016x}-")
    });
    let mut digits = [0; HEX_DIGITS];
    let digits = hex(&mut digits, NEXT.fetch_add(1, Ordering::Relaxed));
    let mut id = String::with_capacity(process.len() + digits.len());
    id.push_str(process);
    id.push_str(digits);
    id
}

/// The digits of 64 bits, at most.
const HEX_DIGITS: usize = 16;

/// A number as `{number:x}` puts it: `format!` was a hundredth of all that a request costs.
fn hex(room: &mut [u8; HEX_DIGITS], number: u64) -> &str {
    let (mut left, mut used) = (number, 0);
    for place in room.iter_mut().rev() {
        let digit = (left & 0xf) as u8;
        *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
        (left, used) = (left >> 4, used + 1);
        if left == 0 {
            break;
        }
    }
    let digits = room.get(HEX_DIGITS - used..).unwrap_or_default();
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_reflected() {
        let longest = "a".repeat(128);
        for sane in ["x", "0190b2c4-7c1e-7d5b", "a:b/c+d=@e._f", &longest] {
            assert_eq!(adopt(sane.as_bytes()).as_deref(), Some(sane));
        }
        let too_long = "a".repeat(129);
        for wild in ["", "a b", "a\r\nb", "a\"b", "<b>", "a,b", "é", &too_long] {
            assert_eq!(adopt(wild.as_bytes()), None, "{wild:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_format_does() {
        for number in [
            0,
            1,
            9,
            10,
            0xff,
            0x100,
            0xfeed_f00d,
            u64::MAX >> 4,
            u64::MAX,
        ] {
            assert_eq!(hex(&mut [0; HEX_DIGITS], number), format!("{number:x}"));
        }
    }

    #[test]
    fn new_ids_differ() {
        assert_ne!(fresh(), fresh());
    }
}
