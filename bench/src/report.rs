//! One line per criterion: what was measured, what it should be, whether it is.

use crate::rounds::Wrong;

/// Prints each criterion when it is known, and remembers whether any was missed.
#[derive(Default)]
pub struct Report {
    pub missed: u32,
    pub wrong: Wrong,
}

/// A bound on a measured number.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub fn head(&self) {
        println!(
            "{:<44} {:>12}  {:<14} {:<7} how",
            "criterion", "measured", "target", ""
        );
    }

    /// `how` shows the numbers behind the measured one.
    pub fn line(&mut self, name: &str, measured: f64, unit: &str, target: Target, how: &str) {
        let (is_met, sign, bound) = match target {
            Target::AtLeast(bound) => (measured >= bound, ">=", bound),
            Target::AtMost(bound) => (measured <= bound, "<=", bound),
        };
        self.missed += u32::from(!is_met);
        println!(
            "{name:<44} {:>12}  {:<14} {:<7} {how}",
            format!("{}{unit}", number(measured)),
            format!("{sign} {bound}{unit}"),
            if is_met { "ok" } else { "MISSED" },
        );
    }

    pub fn went_wrong(&mut self, wrong: impl IntoIterator<Item = Wrong>) {
        self.wrong = wrong.into_iter().fold(self.wrong, |sum, wrong| sum + wrong);
    }
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
