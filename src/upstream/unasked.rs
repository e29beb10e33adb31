//! Bytes that no request had asked for: the origins that sent some, and for how long their connections are not kept.
//!
//! A provider, or a proxy before it, that answers one request twice shifts a kept connection by one: each call over it
//! gets the answer of the call before, which may be another client's. HTTP/1.1 has no mark by which an answer could be
//! told from the next; all that shows is bytes at a time when none are due.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The time after a sign in which an origin's connections are not kept (10 minutes).
const DISTRUST: Duration = Duration::from_secs(600);

/// The bound of remembered origins. Configurations name a few dozen at most (256).
const MAX_ORIGINS: usize = 256;

/// The origins whose connections carry no second call for a while. Clients that follow each other share it: a reload
/// makes no provider better.
#[derive(Default)]
pub(super) struct Distrusted {
    /// False as long as no origin gave a sign, which spares every call the lock.
    any: AtomicBool,
    origins: Mutex<HashMap<Box<str>, Distrust>>,
}

struct Distrust {
    until: Instant,
    signs: u64,
}

impl Distrusted {
    /// Notes a sign. The first one of a period is a warning in the log, each one makes the period longer.
    pub fn note_sign(&self, origin: &str, now: Instant) {
        let mut origins = lock(&self.origins);
        if !origins.contains_key(origin) && origins.len() >= MAX_ORIGINS {
            let first = origins.iter().min_by_key(|(_, known)| known.until);
            if let Some(first) = first.map(|(origin, _)| origin.clone()) {
                origins.remove(&first);
            }
        }
        let known = origins.entry(origin.into()).or_insert(Distrust {
            until: now,
            signs: 0,
        });
        let begins = known.until <= now;
        known.until = now + DISTRUST;
        known.signs += 1;
        drop(origins);
        self.any.store(true, Ordering::Release);
        if begins {
            log::warn!(
                origin = without_user(origin), minutes = DISTRUST.as_secs() / 60;
                "a provider sent bytes that no request had asked for: its connections are not kept for now"
            );
        }
    }

    /// Whether an origin gave a sign not long ago.
    pub fn contains(&self, origin: &str, now: impl FnOnce() -> Instant) -> bool {
        self.any.load(Ordering::Acquire)
            && lock(&self.origins)
                .get(origin)
                .is_some_and(|known| now() < known.until)
    }

    /// The signs of an origin so far.
    pub fn signs(&self, origin: &str) -> u64 {
        lock(&self.origins)
            .get(origin)
            .map_or(0, |known| known.signs)
    }
}

/// The origin without the user and the password that may stand in it.
fn without_user(origin: &str) -> &str {
    origin.rsplit_once('@').map_or(origin, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_trusted_again_when_it_has_been_quiet_long_enough() {
        let (distrusted, start) = (Distrusted::default(), Instant::now());
        assert!(!distrusted.contains("http://a", || start));
        distrusted.note_sign("http://a", start);
        distrusted.note_sign("http://a", start + DISTRUST / 2);
        assert!(distrusted.contains("http://a", || start + DISTRUST));
        assert!(!distrusted.contains("http://a", || start + DISTRUST * 3 / 2));
        assert!(!distrusted.contains("http://b", || start));
        assert_eq!(
            (distrusted.signs("http://a"), distrusted.signs("http://b")),
            (2, 0)
        );
    }

    /// Every reload may name other origins.
    #[test]
    fn origins_are_forgotten_when_there_are_too_many() {
        let (distrusted, mut now) = (Distrusted::default(), Instant::now());
        for n in 0..MAX_ORIGINS + 1 {
            now += Duration::from_millis(1);
            distrusted.note_sign(&format!("http://{n}"), now);
        }
        assert!(!distrusted.contains("http://0", || now));
        assert!(distrusted.contains("http://1", || now));
        assert_eq!(lock(&distrusted.origins).len(), MAX_ORIGINS);
    }

    #[test]
    fn a_password_in_an_origin_is_not_shown() {
        assert_eq!(without_user("http://user:p@ss@host:80"), "host:80");
        assert_eq!(without_user("http://host:80"), "http://host:80");
    }
}
