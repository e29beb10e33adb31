//! An answer that is costly to make and the same for all who ask: made once for concurrent callers, and kept for some
//! seconds.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::client_socket::ClientSocket;
use crate::http::{Response, ResponseHead, SharedContent};
use crate::sync::{lock, wait_for};

/// The interval at which a waiting caller looks whether its client is still there: a client that leaves frees its worker within
/// this time.
const GLANCE: Duration = Duration::from_millis(200);

/// A whole answer, whose body is in memory once, however many callers send it.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub head: ResponseHead,
    pub body: SharedContent,
}

impl Rendered {
    pub fn new(head: ResponseHead, body: impl Into<Vec<u8>>) -> Self {
        Self {
            head,
            body: SharedContent::new(body),
        }
    }
}

impl From<Rendered> for Response {
    fn from(rendered: Rendered) -> Self {
        Self::new(rendered.head, rendered.body)
    }
}

/// The time for which an answer is shared.
#[derive(Clone, Copy, Debug)]
pub enum Fresh {
    For(Duration),
    /// So long only while another client still reads it: a crowd shares, and a caller alone has the answer of the moment.
    WhileRead(Duration),
}

/// The answer that all callers share.
#[derive(Debug, Default)]
pub struct SharedAnswer {
    flight: Mutex<Flight>,
    landed: Condvar,
}

#[derive(Debug, Default)]
struct Flight {
    in_flight: bool,
    waiting: usize,
    latest: Option<(Instant, Rendered)>,
}

/// The bounds of a wait for an answer that another caller makes.
pub struct Patience<'a> {
    pub client: &'a ClientSocket,
    pub deadline: Instant,
    /// Callers that may wait at once: each holds a worker.
    pub most_waiting: usize,
}

/// The reason why a caller gets no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Too many callers wait already.
    Crowded,
    /// The deadline passed.
    Late,
    ClientGone,
}

impl SharedAnswer {
    /// The latest answer if it is `fresh`, else that of the flight under way, else one made by `make`.
    ///
    /// # Errors
    /// The wait for another caller's answer came to nothing.
    pub fn get(
        &self,
        fresh: Fresh,
        patience: &Patience<'_>,
        make: impl FnOnce() -> Rendered,
    ) -> Result<Rendered, Unanswered> {
        let mut flight = self.lock();
        let asked = Instant::now();
        loop {
            if let Some((at, rendered)) = &flight.latest
                && (*at >= asked || fresh.covers(*at, rendered))
            {
                return Ok(rendered.clone());
            }
            if !flight.in_flight {
                break;
            }
            if flight.waiting >= patience.most_waiting {
                return Err(Unanswered::Crowded);
            }
            flight.waiting += 1;
            flight = wait_for(&self.landed, flight, GLANCE);
            flight.waiting -= 1;
            if patience.client.is_gone() {
                return Err(Unanswered::ClientGone);
            }
            if Instant::now() >= patience.deadline {
                return Err(Unanswered::Late);
            }
        }
        flight.in_flight = true;
        drop(flight);
        let landing = Landing(self);
        let rendered = make();
        landing.0.lock().latest = Some((Instant::now(), rendered.clone()));
        Ok(rendered)
    }

    fn lock(&self) -> MutexGuard<'_, Flight> {
        lock(&self.flight)
    }
}

impl Fresh {
    fn covers(self, made: Instant, rendered: &Rendered) -> bool {
        match self {
            Self::For(time) => made.elapsed() < time,
            Self::WhileRead(time) => rendered.body.is_being_read() && made.elapsed() < time,
        }
    }
}

/// The end of a flight, also by a panic: without it no later caller would ever take off.
struct Landing<'a>(&'a SharedAnswer);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight = false;
        self.0.landed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::budget::Budget;
    use crate::http::Content;

    const PATIENCE: Duration = Duration::from_secs(10);
    const FRESH: Fresh = Fresh::For(PATIENCE);

    fn client() -> (TcpStream, ClientSocket) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        (far, ClientSocket::new(&Arc::new(near), true))
    }

    fn patience(client: &ClientSocket) -> Patience<'_> {
        Patience {
            client,
            deadline: Instant::now() + PATIENCE,
            most_waiting: 1,
        }
    }

    fn saying(text: &str) -> Rendered {
        Rendered::new(ResponseHead::new(200, "text/plain"), text)
    }

    fn rendered() -> Rendered {
        saying("x")
    }

    fn text(rendered: Result<Rendered, Unanswered>) -> Content {
        rendered.unwrap().body.into()
    }

    /// Runs `ask` while an answer is in the making, and lets the maker end after it.
    fn during_a_flight(ask: impl FnOnce(&SharedAnswer)) {
        let shared = SharedAnswer::default();
        let (started, starts) = channel();
        let (end, ends) = channel::<()>();
        thread::scope(|scope| {
            let shared = &shared;
            scope.spawn(move || {
                let (_far, client) = client();
                let made = shared.get(FRESH, &patience(&client), || {
                    started.send(()).unwrap();
                    let _ = ends.recv();
                    rendered()
                });
                assert_eq!(text(made), Content::from(&b"x"[..]));
            });
            starts.recv().unwrap();
            ask(shared);
            drop(end);
        });
    }

    /// Would leave a worker behind for every visitor that gives up.
    #[test]
    fn a_client_that_leaves_waits_no_longer() {
        during_a_flight(|shared| {
            let (far, client) = client();
            drop(far);
            let answer = shared.get(FRESH, &patience(&client), || unreachable!());
            assert_eq!(answer.err(), Some(Unanswered::ClientGone));
        });
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        during_a_flight(|shared| {
            let (_far, client) = client();
            let patience = Patience {
                deadline: Instant::now(),
                ..patience(&client)
            };
            let answer = shared.get(FRESH, &patience, || unreachable!());
            assert_eq!(answer.err(), Some(Unanswered::Late));
        });
    }

    #[test]
    fn a_crowd_is_turned_away_at_once() {
        during_a_flight(|shared| {
            let (_far, client) = client();
            let patience = Patience {
                most_waiting: 0,
                ..patience(&client)
            };
            let answer = shared.get(FRESH, &patience, || unreachable!());
            assert_eq!(answer.err(), Some(Unanswered::Crowded));
        });
    }

    #[test]
    fn a_maker_that_panics_does_not_keep_others_away() {
        let shared = SharedAnswer::default();
        let (_far, client) = client();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            shared.get(FRESH, &patience(&client), || panic!("in a test"))
        }));
        assert!(panicked.is_err());
        let made = shared.get(FRESH, &patience(&client), rendered);
        assert_eq!(text(made), Content::from(&b"x"[..]));
        let kept = shared.get(FRESH, &patience(&client), || unreachable!());
        assert_eq!(text(kept), Content::from(&b"x"[..]));
    }

    /// 256 answers of 85 KB, all the same, were held at once for clients that did not read them.
    #[test]
    fn a_crowd_that_reads_slowly_shares_and_a_caller_alone_has_the_answer_of_the_moment() {
        let shared = SharedAnswer::default();
        let (_far, client) = client();
        let ask = |text: &'static str| {
            let fresh = Fresh::WhileRead(PATIENCE);
            self::text(shared.get(fresh, &patience(&client), || saying(text)))
        };
        let at_once = ask("first");
        assert_eq!(
            ask("second"),
            Content::from(&b"second"[..]),
            "the first is read"
        );
        drop(at_once);
        let slow = ask("third");
        let _waits = slow.charge(&Budget::new(1000, || {}));
        assert_eq!(ask("fourth"), Content::from(&b"third"[..]));
        drop(slow);
        assert_eq!(ask("fifth"), Content::from(&b"fifth"[..]));
    }
}
