//! The quota endurance benchmark in virtual time: free tiers with windows of 6 s, and the scenarios and styles of 429 of
//! the one in real time. The score is answered/optimum, divided by 1 + calls wasted per answer.

mod replicas;
mod run;
mod scenarios;
mod tiers;

use run::{Run, Score};
use scenarios::scenario;
use tiers::{STYLES, Style};

/// A time of a run (milliseconds from its begin).
pub type Ms = u64;

/// The mean scores of a scenario over several seeds.
fn mean(name: &str, windows: u64, style: Option<Style>, declared: bool) -> Score {
    const SEEDS: u64 = 3;
    let scores: Vec<Score> = (1..=SEEDS)
        .map(|seed| Run::new(scenario(name, windows, style), declared, seed).run())
        .collect();
    let count = scores.len() as f64;
    Score {
        whole: scores.iter().map(|score| score.whole).sum::<f64>() / count,
        later: scores.iter().map(|score| score.later).sum::<f64>() / count,
        wasted: scores.iter().map(|score| score.wasted).sum(),
    }
}

const ALL: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Would break for everybody who copied the limits of a free tier into the configuration.
#[test]
fn declared_limits_cost_nothing() {
    let mut sum = 0.0;
    for name in ALL {
        let score = mean(name, 3, None, true);
        if !matches!(name, "5" | "6") {
            assert!(score.whole >= 99.5, "{name}: {score:?}");
        }
        sum += score.whole;
    }
    assert!(sum / 9.0 >= 99.0);
}

/// The same whichever way a provider refuses: it never has to.
#[test]
fn declared_limits_need_no_words() {
    for name in ["1", "7", "9"] {
        for style in STYLES {
            let score = mean(name, 3, Some(style), true);
            assert!(score.whole >= 99.5, "{name} {style:?}: {score:?}");
        }
    }
}

/// Would break for everybody who did not: limits are learned within two windows.
#[test]
fn limits_are_learned_within_two_windows() {
    let mut sum = 0.0;
    for name in ALL {
        let score = mean(name, 3, None, false);
        if name == "9" {
            assert!(score.whole >= 93.0, "{name}: {score:?}");
        }
        sum += score.whole;
    }
    assert!(sum / 9.0 >= 96.5);
    for (name, least) in [
        ("1", 98.0),
        ("2", 97.0),
        ("3", 98.0),
        ("7", 97.0),
        ("8", 98.0),
        ("9", 98.0),
    ] {
        let score = mean(name, 6, None, false);
        assert!(score.later >= least, "{name}: {score:?}");
    }
}

/// The worst that there is: nobody says anything.
#[test]
fn bare_refusals_are_learned_from_too() {
    for (name, least) in [("1", 98.5), ("7", 91.0), ("9", 90.7)] {
        let score = mean(name, 6, Some(Style::Bare), false);
        assert!(score.later >= least, "{name}: {score:?}");
    }
}
