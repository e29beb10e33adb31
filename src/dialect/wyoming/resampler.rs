//! Another sample rate for a sound under way: the player was told the first one, and the next sentence came from a step
//! that speaks at another.

use super::wav::PcmFormat;

/// Samples of 16 bits from one rate to another, by straight lines between them: of speech nobody hears the difference.
pub struct Resampler {
    from: u64,
    to: u64,
    channels: usize,
    /// The last samples that came, one for each channel; empty before the first.
    last: Vec<i16>,
    /// The distance from those to the next samples that go out (in parts of `to` of the distance between two that come).
    distance: u64,
}

impl Resampler {
    /// `None` where it takes more than another rate: another width, or other channels.
    pub fn new(from: PcmFormat, to: PcmFormat) -> Option<Self> {
        let is_alike = (from.width, from.channels) == (to.width, to.channels);
        (is_alike && from.width == 2).then(|| Self {
            from: from.rate.into(),
            to: to.rate.into(),
            channels: from.channels.into(),
            last: Vec::new(),
            distance: 0,
        })
    }

    /// The samples that come after those before, at the other rate. `pcm` holds whole samples of all channels.
    pub fn push(&mut self, pcm: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for block in pcm.chunks_exact(self.channels.max(1) * 2) {
            let samples = block.chunks_exact(2).map(|sample| match sample {
                [low, high] => i16::from_le_bytes([*low, *high]),
                _ => 0,
            });
            let next: Vec<i16> = samples.collect();
            if !self.last.is_empty() {
                while self.distance < self.to {
                    self.between(&next, &mut out);
                    self.distance += self.from;
                }
                self.distance -= self.to;
            }
            self.last = next;
        }
        out
    }

    fn between(&self, next: &[i16], out: &mut Vec<u8>) {
        for (last, next) in self.last.iter().zip(next) {
            let (last, next) = (i64::from(*last), i64::from(*next));
            // Both are below 2^18: a product with a difference of samples fits.
            let (distance, whole) = (self.distance as i64, self.to as i64);
            let sample = last + (next - last) * distance / whole;
            out.extend_from_slice(&(sample as i16).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(from: u32, to: u32, samples: &[i16], pieces: usize) -> Vec<i16> {
        let format = |rate| PcmFormat {
            rate,
            width: 2,
            channels: 1,
        };
        let mut resampler = Resampler::new(format(from), format(to)).unwrap();
        let bytes: Vec<u8> = samples.iter().flat_map(|it| it.to_le_bytes()).collect();
        let pieces = bytes.chunks(pieces * 2);
        let out: Vec<u8> = pieces.flat_map(|piece| resampler.push(piece)).collect();
        let pairs = out.chunks(2);
        pairs.map(|it| i16::from_le_bytes([it[0], it[1]])).collect()
    }

    #[test]
    fn lines_are_drawn_between_samples() {
        assert_eq!(resampled(8000, 16_000, &[0, 100, -100], 3), [0, 50, 100, 0]);
        assert_eq!(resampled(16_000, 8000, &[0, 1, 2, 3, 4], 5), [0, 2]);
        assert_eq!(
            resampled(8000, 8000, &[i16::MIN, i16::MAX, 5], 1),
            [i16::MIN, i16::MAX]
        );
        assert_eq!(resampled(8000, 24_000, &[i16::MIN, i16::MAX], 2).len(), 3);
    }

    /// However the pieces are cut, the sound is the same, and as long.
    #[test]
    fn pieces_do_not_matter() {
        let samples: Vec<i16> = (0..22_050).map(|at| (at * 37 % 5000) as i16).collect();
        let whole = resampled(22_050, 24_000, &samples, samples.len());
        assert!((23_990..=24_000).contains(&whole.len()), "{}", whole.len());
        assert_eq!(resampled(22_050, 24_000, &samples, 7), whole);
    }

    #[test]
    fn other_forms_are_not_guessed() {
        let one = PcmFormat {
            rate: 8000,
            width: 2,
            channels: 1,
        };
        for other in [
            PcmFormat { width: 1, ..one },
            PcmFormat { channels: 2, ..one },
        ] {
            assert!(Resampler::new(one, other).is_none() && Resampler::new(other, one).is_none());
        }
    }
}
