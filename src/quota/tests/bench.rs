//! A line on a virtual clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::dialect::rate_limits::ToldWindow;
use crate::limits::{TimeZone, Unit, Window};
use crate::quota::{Ask, Call, Guesses, Hint, Line, Moment, SharedMoment, Standing};

/// A line, a clock, and the number of the last call.
pub struct Bench {
    pub line: Line,
    pub now: Instant,
    pub wall: SystemTime,
    pub in_flight: u32,
    pub peak: u32,
    pub shared: Option<SharedMoment>,
    serial: u64,
}

pub const MINUTE: Window = Window::Sliding(Duration::from_secs(60));

impl Bench {
    pub fn new(line: Line) -> Self {
        Self {
            line,
            now: Instant::now(),
            // 2026-11-26T18:00:00Z.
            wall: UNIX_EPOCH + Duration::from_secs(1_795_716_000),
            in_flight: 0,
            peak: 0,
            shared: None,
            serial: 0,
        }
    }

    /// A line of so many requests a minute.
    pub fn declared(amount: u64) -> Self {
        Self::new(Line::declared(
            Unit::Requests,
            amount,
            Some(MINUTE),
            TimeZone::Utc,
        ))
    }

    /// A line of which nothing is known.
    pub fn unknown() -> Self {
        Self::new(Line::found(Unit::Requests, None, TimeZone::Utc))
    }

    pub fn at(&self) -> Moment {
        Moment {
            now: self.now,
            wall: self.wall,
            shared: self.shared,
        }
    }

    pub fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.wall += Duration::from_millis(milliseconds);
    }

    pub fn ask(&self, amount: u64) -> Ask {
        Ask {
            at: self.at(),
            amount,
            reserve: 0,
            in_flight: self.in_flight,
            peak: self.peak,
        }
    }

    pub fn standing(&self) -> Standing {
        self.line.standing(&self.ask(1))
    }

    /// The word of the standing.
    pub fn label(&self) -> &'static str {
        self.standing().label()
    }

    pub fn begin(&mut self, amount: u64) -> Call {
        self.serial += 1;
        let call = Call {
            id: self.serial,
            started: self.now,
            amount,
        };
        let until = self.now + Duration::from_secs(30);
        let ask = self.ask(amount);
        self.line.begin(&call, until, &ask);
        call
    }

    /// Writes down what has come by now.
    pub fn advance(&mut self) {
        let at = self.at();
        self.line.advance(at);
    }

    pub fn succeed(&mut self, call: &Call) {
        let at = self.at();
        self.line.succeeded(call, at);
    }

    /// Calls that are answered, a second apart.
    pub fn answered(&mut self, calls: u64) {
        for _ in 0..calls {
            let call = self.begin(1);
            self.pass(500);
            self.succeed(&call);
            self.pass(500);
        }
    }

    pub fn refuse(&mut self, call: &Call, seconds: Option<u64>) {
        let hint = Hint {
            wait: seconds.map(Duration::from_secs),
            ..Hint::default()
        };
        self.refuse_with(call, hint);
    }

    pub fn refuse_with(&mut self, call: &Call, hint: Hint) {
        let guesses = Guesses {
            base: Duration::from_secs(5),
            ceiling: Duration::from_secs(60),
        };
        let at = self.at();
        self.line.refused(call, hint, Some(guesses), at);
    }

    /// A call that is refused after 60 ms.
    pub fn refused(&mut self, seconds: Option<u64>) {
        let call = self.begin(1);
        self.pass(60);
        self.refuse(&call, seconds);
    }

    pub fn tell(&mut self, remaining: u64, limit: u64, seconds: u64) {
        let window = ToldWindow {
            unit: Unit::Requests,
            window: None,
            remaining: Some(remaining),
            limit: Some(limit),
            resets_in: Some(Duration::from_secs(seconds)),
        };
        let charged = self.line.charged();
        self.line.tell(&window, charged, self.now);
    }

    pub fn limit(&self) -> Option<u64> {
        self.line.limit().map(|(limit, _)| limit)
    }

    /// Seconds until a firm line is open again.
    pub fn firm_for(&self) -> Option<f64> {
        match self.standing() {
            Standing::Firm { until } => {
                Some(until.saturating_duration_since(self.now).as_secs_f64())
            }
            _ => None,
        }
    }
}
