//! Times as Ollama writes them: RFC 3339 in UTC with microseconds, which its Python client parses.

use std::fmt::Write as _;
use std::time::SystemTime;

use time::OffsetDateTime;

/// Appends a time, in quotes.
pub fn push(out: &mut String, time: SystemTime) {
    let time = OffsetDateTime::from(time);
    // A String takes whatever is written.
    let _ = write!(
        out,
        "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z\"",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond()
    );
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_time_has_all_its_digits() {
        for (micros, written) in [
            (0, "\"1970-01-01T00:00:00.000000Z\""),
            (1_767_323_045_000_007, "\"2026-01-02T03:04:05.000007Z\""),
        ] {
            let mut out = String::new();
            push(&mut out, UNIX_EPOCH + Duration::from_micros(micros));
            assert_eq!(out, written);
        }
    }
}
