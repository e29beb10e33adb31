//! Request ids: the client's where it is harmless, else a new one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The longest id taken over from a client (bytes).
const LONGEST: usize = 128;

/// The client's id, if it holds but ASCII letters, digits and `._:/+=@-`, as UUIDs, ULIDs, base64 and trace headers do:
/// they cannot end a header field or a log line, nor be mistaken for markup. `None` for any other (1 to 128 bytes).
pub(super) fn adopt(proposed: &[u8]) -> Option<Arc<str>> {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(byte);
    let sane = (1..=LONGEST).contains(&proposed.len()) && proposed.iter().all(harmless);
    str::from_utf8(proposed)
        .ok()
        .filter(|_| sane)
        .map(Arc::from)
}

/// A new id, unique in this process and, with overwhelming probability, among all.
pub(super) fn fresh() -> Arc<str> {
    static PROCESS: OnceLock<[u8; OF_PROCESS]> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut room = [0; OF_PROCESS + HEX_DIGITS];
    let (process, number) = room.split_at_mut(OF_PROCESS);
    process.copy_from_slice(PROCESS.get_or_init(of_process));
    let digits = put_hex(number, NEXT.fetch_add(1, Ordering::Relaxed));
    let id = room.get(..OF_PROCESS + digits).unwrap_or_default();
    Arc::from(str::from_utf8(id).unwrap_or_default())
}

/// The beginning of the ids of this process: `req-`, its number, `-`.
fn of_process() -> [u8; OF_PROCESS] {
    // The standard library seeds its hash maps from the system's random numbers: 64 bits without another dependency.
    let process = RandomState::new().hash_one(std::process::id());
    let text = format!("req-{process:016x}-");
    text.as_bytes().try_into().unwrap_or([b'-'; OF_PROCESS])
}

/// The bytes of an id before its number.
const OF_PROCESS: usize = 4 + HEX_DIGITS + 1;

/// The digits of 64 bits, at most.
const HEX_DIGITS: usize = 16;

/// Puts a number as `{number:x}` does: `format!` was a hundredth of all that a request costs. The number of digits comes
/// back.
fn put_hex(room: &mut [u8], number: u64) -> usize {
    let used = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1) as usize;
    let mut left = number;
    for place in room.iter_mut().take(used).rev() {
        let digit = (left & 0xf) as u8;
        *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
        left >>= 4;
    }
    used
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
            let mut room = [0; HEX_DIGITS];
            let used = put_hex(&mut room, number);
            assert_eq!(&room[..used], format!("{number:x}").as_bytes());
        }
    }

    #[test]
    fn new_ids_differ() {
        assert_ne!(fresh(), fresh());
        let id = fresh();
        assert!(id.starts_with("req-") && id.as_bytes()[20] == b'-', "{id}");
        assert_eq!(adopt(id.as_bytes()).as_ref(), Some(&id));
    }
}
