//! The rhythm of a client on its connection: how soon after an answer it asks again, and so how long a worker lingers for
//! it.

use std::time::{Duration, Instant};

/// The linger for a client of which nothing is known yet. Longer than the pause of a client that asks again at once, and
/// than what is left to the kernel's next tick (4 ms at 250 Hz, as most systems have it): an earlier timer is programmed
/// into the processor when it is set and once more when it is not needed. With 2 ms that was a twelfth of a request's CPU
/// on a virtual machine, where each programming is an exit to its host.
const USUAL: Duration = Duration::from_millis(5);

/// The longest linger. A client with longer pauses is the front's: a worker that wakes up because nothing came has changed
/// threads for nothing.
const LONGEST: Duration = Duration::from_millis(10);

/// The pauses of a client between an answer and its next request.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    answered: Option<Instant>,
    pause: Option<Duration>,
}

impl Rhythm {
    /// A request has arrived whole.
    pub fn asks(&mut self, now: Instant) {
        let answered = self.answered.take();
        self.pause = answered.map(|answered| now.saturating_duration_since(answered));
    }

    /// The answer has been sent. Returns the end of the linger: after twice the last pause, as a core may be busy, within
    /// 5 to 10 ms; at once for a client whose last pause was longer.
    pub fn answered(&mut self, now: Instant) -> Instant {
        self.answered = Some(now);
        now + match self.pause {
            None => USUAL,
            Some(pause) if pause > LONGEST => Duration::ZERO,
            Some(pause) => (2 * pause).clamp(USUAL, LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_lingers_as_the_client_has_it() {
        let millis = Duration::from_millis;
        for (pauses, linger) in [
            (&[][..], millis(5)),
            (&[millis(0)], millis(5)),
            (&[millis(3)], millis(6)),
            (&[millis(8)], millis(10)),
            (&[millis(10)], millis(10)),
            (&[millis(11)], millis(0)),
            (&[millis(900), millis(1)], millis(5)),
        ] {
            let (mut rhythm, mut now) = (Rhythm::default(), Instant::now());
            rhythm.asks(now);
            let mut end = rhythm.answered(now);
            for pause in pauses {
                now += *pause;
                rhythm.asks(now);
                now += millis(500);
                end = rhythm.answered(now);
            }
            assert_eq!(end - now, linger, "{pauses:?}");
        }
    }
}
