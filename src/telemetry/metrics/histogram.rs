//! Distributions that any number of threads count into without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bounds of a histogram's buckets, in whole steps of the finest thing measured.
#[derive(Debug)]
pub struct Scale {
    bounds: [u64; 14],
    /// Steps that make up the unit that is shown.
    steps_in_unit: u64,
}

/// Microseconds, shown as seconds: 10 ms to 300 s.
pub static DURATIONS: Scale = Scale {
    bounds: [
        10_000,
        25_000,
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        30_000_000,
        60_000_000,
        120_000_000,
        300_000_000,
    ],
    steps_in_unit: 1_000_000,
};

/// Microseconds, shown as seconds: 100 us to 5 s, for a server nearby.
pub static ROUND_TRIPS: Scale = Scale {
    bounds: [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 5_000_000,
    ],
    steps_in_unit: 1_000_000,
};

/// The boundaries that the GenAI conventions recommend for `gen_ai.client.token.usage`.
pub static TOKENS: Scale = Scale {
    bounds: [
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
        67_108_864,
    ],
    steps_in_unit: 1,
};

/// A distribution in the making.
#[derive(Debug)]
pub struct Histogram {
    scale: &'static Scale,
    counts: [AtomicU64; 15],
    /// The sum of all values, in steps of the scale.
    sum: AtomicU64,
}

impl Histogram {
    pub fn new(scale: &'static Scale) -> Self {
        Self {
            scale,
            counts: Default::default(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a duration, on the scale of [`DURATIONS`].
    pub fn time(&self, duration: Duration) {
        self.count(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts one thing of this many steps.
    pub fn count(&self, steps: u64) {
        let bucket = self.scale.bounds.partition_point(|bound| *bound < steps);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(steps, Ordering::Relaxed);
        }
    }

    /// The distribution so far.
    pub fn read(&self) -> Distribution {
        let mut counts = [0; 15];
        for (read, count) in counts.iter_mut().zip(&self.counts) {
            *read = count.load(Ordering::Relaxed);
        }
        Distribution {
            scale: self.scale,
            counts,
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// The content of a [`Histogram`] at some moment.
#[derive(Clone, Debug)]
pub struct Distribution {
    scale: &'static Scale,
    counts: [u64; 15],
    sum: u64,
}

impl Distribution {
    /// A distribution that was counted elsewhere: the values in each bucket, and the sum of them in steps of the scale.
    pub fn counted(scale: &'static Scale, counts: [u64; 15], sum: u64) -> Self {
        Self { scale, counts, sum }
    }

    pub fn empty(scale: &'static Scale) -> Self {
        Self {
            scale,
            counts: [0; 15],
            sum: 0,
        }
    }

    /// The upper bounds of all buckets but the last one, which has none; in the unit that is shown.
    pub fn bounds(&self) -> impl Iterator<Item = f64> {
        self.scale.bounds.iter().map(|bound| self.in_unit(*bound))
    }

    /// The number of values in each bucket, the unbounded one included.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all values, in the unit that is shown.
    pub fn sum(&self) -> f64 {
        self.in_unit(self.sum)
    }

    /// Adds another one of the same scale.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }

    fn in_unit(&self, steps: u64) -> f64 {
        // Beyond 2^53 steps the last digits are lost: 285 years.
        steps as f64 / self.scale.steps_in_unit as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `le` is inclusive: a value that is exactly a bound belongs to the bucket that ends there.
    #[test]
    fn a_bound_is_part_of_the_bucket_it_ends() {
        for (milliseconds, bucket) in [
            (0, 0),
            (10, 0),
            (11, 1),
            (1_000, 6),
            (300_000, 13),
            (300_001, 14),
            (9_000_000, 14),
        ] {
            let histogram = Histogram::new(&DURATIONS);
            histogram.time(Duration::from_millis(milliseconds));
            let read = histogram.read();
            assert_eq!(read.counts()[bucket], 1, "{milliseconds} ms: {read:?}");
            assert_eq!(read.total(), 1);
            assert_eq!(read.sum(), milliseconds as f64 / 1e3);
        }
    }

    #[test]
    fn the_scales_rise_and_cover_what_they_should() {
        for scale in [&DURATIONS, &TOKENS] {
            assert!(scale.bounds.is_sorted_by(|a, b| a < b));
        }
        let bounds: Vec<f64> = Distribution::empty(&DURATIONS).bounds().collect();
        assert_eq!(bounds.first(), Some(&0.01));
        assert_eq!(bounds.last(), Some(&300.0));
    }
}
