//! One line per criterion: what was measured, what it should be, whether it is.

use std::fmt::Display;

use crate::rounds::Wrong;

/// The table of criteria. Each line is printed when its figures are known; only those of the first binary can miss.
pub struct Report {
    missed: u32,
    /// Of each binary.
    wrong: Vec<Wrong>,
}

/// A bound on a measured number.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// The number is only shown.
    Open,
}

impl Report {
    /// Begins the table of one binary, or of more, with a column for each.
    pub fn of(binaries: usize) -> Self {
        let report = Self {
            missed: 0,
            wrong: vec![Wrong::default(); binaries],
        };
        let titles = (0..binaries).map(|binary| match binary {
            0 => "measured".to_owned(),
            _ => "against".to_owned(),
        });
        report.print("criterion", titles, "target", "", "how");
        report
    }

    /// Prints a criterion: the `figure` of each binary's result, and `how` the first came about.
    pub fn line<R, H: Display>(
        &mut self,
        criterion: &str,
        unit: &str,
        target: Target,
        results: &[R],
        figure: impl Fn(&R) -> f64,
        how: impl Fn(&R) -> H,
    ) {
        let judged = results.first();
        let is_met = judged.is_some_and(|result| target.is_met(figure(result)));
        self.missed += u32::from(!is_met);
        let figures = results.iter().map(|result| number(figure(result)) + unit);
        let verdict = match target {
            Target::Open => "",
            _ if is_met => "ok",
            _ => "MISSED",
        };
        let how = judged.map(|result| how(result).to_string());
        self.print(
            criterion,
            figures,
            &target.text(unit),
            verdict,
            &how.unwrap_or_default(),
        );
    }

    /// Counts errors of the binaries, one after the other, and those `around` them, which spoil every figure.
    pub fn went_wrong(&mut self, around: &[Wrong], of_each: impl IntoIterator<Item = Wrong>) {
        for (sum, wrong) in self.wrong.iter_mut().zip(of_each) {
            *sum = around.iter().fold(*sum + wrong, |sum, wrong| sum + *wrong);
        }
    }

    /// Prints the errors that were counted.
    pub fn errors(&mut self) {
        let (none, wrong) = (Target::AtMost(0.0), self.wrong.clone());
        let errors = |wrong: &Wrong| wrong.errors as f64;
        self.line(
            "errors, in all of the above",
            "",
            none,
            &wrong,
            errors,
            |_| "",
        );
        let starved = |wrong: &Wrong| wrong.starved as f64;
        self.line(
            "connections without any answer",
            "",
            none,
            &wrong,
            starved,
            |_| "",
        );
    }

    /// Prints how many criteria are missed. `true` if none is.
    pub fn end(&self) -> bool {
        match self.missed {
            0 => println!("\nall criteria are met"),
            1 => println!("\n1 criterion is missed"),
            missed => println!("\n{missed} criteria are missed"),
        }
        self.missed == 0
    }

    fn print(
        &self,
        criterion: &str,
        figures: impl Iterator<Item = String>,
        target: &str,
        verdict: &str,
        how: &str,
    ) {
        let figures: String = figures.map(|figure| format!(" {figure:>12}")).collect();
        println!("{criterion:<44}{figures}  {target:<14} {verdict:<7} {how}");
    }
}

impl Target {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
            Self::Open => true,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::AtLeast(bound) => format!(">= {bound}{unit}"),
            Self::AtMost(bound) => format!("<= {bound}{unit}"),
            Self::Open => String::new(),
        }
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
