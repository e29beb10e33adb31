//! The machine's clock, as far as the program can tell that it is wrong: it was not built in the future.
//!
//! A Raspberry Pi has no clock that runs without power. Until it has asked for the time it is in the past, where no
//! certificate is valid yet and no provider can be reached.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of the build (seconds since 1970), from `build.rs`.
const BUILT: &str = env!("BUILD_SECONDS");

/// Says so in the log where the clock cannot be right.
pub(super) fn doubt() {
    let now = SystemTime::now();
    if let Some(built) = built().filter(|built| now < *built) {
        log::warn!(
            clock = httpdate::fmt_http_date(now), built = httpdate::fmt_http_date(built);
            "this machine's clock is wrong: it is before the time this program was built; providers' certificates may be refused as not valid yet"
        );
    }
}

/// The time of the build; `None` for a number that is no time.
fn built() -> Option<SystemTime> {
    // Beyond the year 9999 there are no dates to write it in.
    let seconds = BUILT
        .parse()
        .ok()
        .filter(|seconds| *seconds < 253_402_300_800)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_was_built_before_it_runs() {
        let built = built().unwrap();
        assert!(UNIX_EPOCH <= built && built <= SystemTime::now());
    }
}
