//! One clock for the provider's events and their arrival.

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since the first call (nanoseconds).
pub fn nanoseconds() -> u64 {
    START.elapsed().as_nanos() as u64
}
