//! The times at which providers' model lists are looked at: a while after the start, and then once a day.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::gateway::{Reloadable, model_watch};
use crate::sync::lock;
use crate::threads;

/// The time from the start to the first look, at least, and the part of it that is drawn by lot: gateways that start
/// together do not ask together.
const FIRST: Duration = Duration::from_secs(5 * 60);
const SPREAD: u64 = 15 * 60;

/// The time between two looks.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The stack of the thread that asks (bytes).
const STACK: usize = 256 * 1024;

/// The watch over models that come and go.
pub struct ModelWatch(Mutex<Instant>);

impl ModelWatch {
    pub fn new() -> Self {
        let by_lot = Duration::from_secs(RandomState::new().hash_one(0_u8) % SPREAD);
        Self(Mutex::new(Instant::now() + FIRST + by_lot))
    }

    /// The time until the next look.
    pub fn pause(&self) -> Duration {
        lock(&self.0).saturating_duration_since(Instant::now())
    }

    /// Looks if it is time, on a thread that lives as long as that.
    pub fn look(&self, current: &Arc<Reloadable>) {
        self.look_at(Instant::now(), current);
    }

    /// Whether it was time at a moment: then it looks.
    fn look_at(&self, now: Instant, current: &Arc<Reloadable>) -> bool {
        {
            let mut due = lock(&self.0);
            if now < *due {
                return false;
            }
            *due = now + AGAIN;
        }
        let current = Arc::clone(current);
        let look = threads::start("models", STACK, move || {
            model_watch::look(&current.current())
        });
        if let Err(error) = look {
            log::warn!(error:% = error; "model lists are not looked at");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::app::in_process::loopback;
    use crate::config::{self, EdgeLimits};
    use crate::gateway::Context;
    use crate::http::Server;

    /// A day of the machine is not waited for: the times are told.
    #[test]
    fn lists_are_asked_for_a_while_after_the_start_and_then_once_a_day() {
        let provider = TcpListener::bind(loopback(0)).unwrap();
        let url = format!("http://{}/v1", provider.local_addr().unwrap());
        let text = format!(
            "api_key: some-client-key\nproviders: [{{name: a, base_url: '{url}'}}]\n\
             routes: [{{name: r, steps: [{{provider: a, model: m}}]}}]\n"
        );
        let config = config::parse(&text, &BTreeMap::new()).unwrap();
        let server = Server::bind(&[loopback(0)], EdgeLimits::default()).unwrap();
        let context = Context::new(config, server.stats()).unwrap();
        let current = Arc::new(Reloadable::new(context));
        let is_asked = || {
            let (mut connection, _) = provider.accept().unwrap();
            let mut line = String::new();
            let read = BufReader::new(&connection).read_line(&mut line);
            read.unwrap();
            assert!(line.starts_with("GET /v1/models "), "{line}");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            connection.write_all(answer).unwrap();
        };

        let watch = ModelWatch::new();
        let pause = watch.pause();
        let latest = FIRST + Duration::from_secs(SPREAD);
        assert!(
            FIRST - Duration::from_secs(60) < pause && pause <= latest,
            "{pause:?}"
        );
        let first = Instant::now() + pause;
        assert!(!watch.look_at(Instant::now(), &current));
        assert!(!watch.look_at(first - Duration::from_secs(1), &current));
        let mut due = first + Duration::from_secs(1);
        for _ in 0..3 {
            assert!(watch.look_at(due, &current));
            is_asked();
            assert!(!watch.look_at(due, &current));
            assert!(!watch.look_at(due + AGAIN - Duration::from_secs(1), &current));
            due += AGAIN;
        }
        assert!(watch.pause() > AGAIN);
        provider.set_nonblocking(true).unwrap();
        assert!(provider.accept().is_err(), "asked more often");
    }
}
