//! Table of the criteria: a line each, with what was measured, the target, and whether it is met.

use std::fmt::Display;

use crate::rounds::Wrong;

/// Table of criteria. Each line is printed when its figures are known; only the first binary can miss a criterion.
pub struct Report {
    missed: u32,
    /// Errors of each binary.
    wrong: Vec<Wrong>,
}

/// Bound on a measured number.
#[derive(Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// No bound: the number is only shown.
    Open,
}

impl Report {
    /// Table with a column for each of the binaries; its head is printed.
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

    /// Line of a criterion: the `figure` of each binary's result, and `how` the first came about.
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

    /// Line of a criterion that cannot be measured, and the reason.
    pub fn skipped(&self, criterion: &str, why: &str) {
        let figures = self.wrong.iter().map(|_| "-".to_owned());
        self.print(criterion, figures, "", "skipped", why);
    }

    /// Errors are counted: those of each binary, and those `around` them, which spoil every figure.
    pub fn went_wrong(&mut self, around: &[Wrong], of_each: impl IntoIterator<Item = Wrong>) {
        for (sum, wrong) in self.wrong.iter_mut().zip(of_each) {
            *sum = around.iter().fold(*sum + wrong, |sum, wrong| sum + *wrong);
        }
    }

    /// Lines of the errors that were counted.
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

    /// Closing line with the number of missed criteria. `true` if none is.
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

/// Number with as many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
