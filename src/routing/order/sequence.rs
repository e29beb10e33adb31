//! The sequence of a route's steps, and the lots by which it is drawn.

use super::outlook::StepOutlook;

/// The order in which a walk looks at the steps of its route. The default is the one of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// All steps, each once; `None` for the order of the configuration.
    steps: Option<Box<[usize]>>,
    /// The step that is first only to measure its time.
    probed: Option<usize>,
}

impl Sequence {
    /// A sequence of all steps of a route, each once.
    pub(super) fn of(steps: Vec<usize>) -> Self {
        Self {
            steps: Some(steps.into_boxed_slice()),
            probed: None,
        }
    }

    /// A sequence of one step alone: the others are not looked at.
    pub fn only(step: usize) -> Self {
        Self::of(vec![step])
    }

    /// The index of the step at a place; `None` behind the last one. In the order of the configuration there is no last
    /// one: the route knows.
    pub fn at(&self, place: usize) -> Option<usize> {
        match &self.steps {
            None => Some(place),
            Some(steps) => steps.get(place).copied(),
        }
    }

    /// The step that is first only to measure its time; `None` for most requests.
    pub fn probed(&self) -> Option<usize> {
        self.probed
    }

    /// The same sequence with a step before the others, of which there are `count` with it.
    #[must_use]
    pub(super) fn led_by(self, step: usize, count: usize) -> Self {
        let others = (0..count).filter_map(|place| self.at(place));
        let others = others.filter(|other| *other != step);
        Self::of([step].into_iter().chain(others).collect())
    }

    /// The same sequence, its first step being there to be measured.
    #[must_use]
    pub(super) fn probing(self, step: usize) -> Self {
        Self {
            probed: Some(step),
            ..self
        }
    }
}

/// The weight with which a step takes part in the lots: none for one that cannot serve.
pub(super) fn lot(outlook: &StepOutlook, weight: u32) -> f64 {
    match outlook.serves() {
        true => f64::from(weight) * f64::from(outlook.left),
        false => 0.0,
    }
}

/// A sequence drawn by lot: the first step by its weight among all, the next one among those that remain. Steps without a
/// weight stand last, in the order of the configuration. `random` is any number.
pub(super) fn draw(weights: &[f64], random: u64) -> Sequence {
    let mut numbers = Numbers(random);
    let mut remaining: Vec<usize> = (0..weights.len()).collect();
    let mut drawn = Vec::with_capacity(weights.len());
    let weight_of = |step: &usize| weights.get(*step).copied().unwrap_or_default();
    loop {
        let total: f64 = remaining.iter().map(weight_of).sum();
        if total <= 0.0 {
            drawn.append(&mut remaining);
            return Sequence::of(drawn);
        }
        let mut mark = numbers.unit() * total;
        let hit = remaining.iter().position(|step| {
            mark -= weight_of(step);
            mark < 0.0
        });
        // Of a rounding error at the upper end the last one with a weight has the benefit.
        let hit = hit.or_else(|| remaining.iter().rposition(|step| weight_of(step) > 0.0));
        match hit {
            Some(place) => drawn.push(remaining.remove(place)),
            None => drawn.append(&mut remaining),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): any seed is as good as another.
struct Numbers(u64);

impl Numbers {
    /// A number from 0 up to, but without, 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        (number >> 11) as f64 / (1_u64 << 53) as f64
    }
}
