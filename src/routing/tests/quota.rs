//! A provider with quotas by the minute and by the day, on a virtual clock.

/// Virtual time in milliseconds.
pub type Ms = u64;

pub const MINUTE: Ms = 60_000;
pub const HOUR: Ms = 60 * MINUTE;
pub const DAY: Ms = 24 * HOUR;
/// The headers that the providers send.
#[derive(Clone, Copy, PartialEq)]
pub enum Tells {
    Nothing,
    RetryAfter,
    Remaining,
}

pub struct Quota {
    per_minute: u64,
    per_day: u64,
    /// The beginning of the windows within the minute.
    phase: Ms,
    minute: Ms,
    in_minute: u64,
    pub in_day: u64,
}

impl Quota {
    pub fn new(per_minute: u64, per_day: u64, phase: Ms) -> Self {
        Self {
            per_minute,
            per_day,
            phase,
            minute: 0,
            in_minute: 0,
            in_day: 0,
        }
    }

    /// Takes a call or refuses it, and says with which headers.
    pub fn call(&mut self, at: Ms, tells: Tells) -> (bool, Vec<(String, String)>) {
        let minute = (at + self.phase) / MINUTE;
        if minute != self.minute {
            (self.minute, self.in_minute) = (minute, 0);
        }
        let taken = self.in_minute < self.per_minute && self.in_day < self.per_day;
        if taken {
            self.in_minute += 1;
            self.in_day += 1;
        }
        let minute_ends = (minute + 1) * MINUTE - self.phase - at;
        let ends = if self.in_day >= self.per_day {
            DAY - at
        } else {
            minute_ends
        };
        let fields = match tells {
            Tells::RetryAfter if !taken => vec![("retry-after", ends.div_ceil(1000).to_string())],
            Tells::Nothing | Tells::RetryAfter => vec![],
            Tells::Remaining => vec![
                ("x-ratelimit-limit-requests", self.per_minute.to_string()),
                (
                    "x-ratelimit-remaining-requests",
                    (self.per_minute - self.in_minute).to_string(),
                ),
                ("x-ratelimit-reset-requests", format!("{minute_ends}ms")),
                ("x-ratelimit-limit-requests-day", self.per_day.to_string()),
                (
                    "x-ratelimit-remaining-requests-day",
                    (self.per_day - self.in_day).to_string(),
                ),
                ("x-ratelimit-reset-requests-day", format!("{}ms", DAY - at)),
            ],
        };
        let owned = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        (taken, owned.collect())
    }
}
