//! The scenarios of the benchmark.

use super::Ms;
use super::tiers::{Style, Tier, WINDOW, tier};

pub const RATE: u64 = 20;

pub struct Scenario {
    pub tiers: Vec<Tier>,
    pub arrivals: Vec<Ms>,
    pub day_length: Ms,
    pub step_timeout: Ms,
    pub optimum: u64,
}

pub fn scenario(name: &str, windows: u64, style: Option<Style>) -> Scenario {
    let seconds = style.unwrap_or(Style::RetryAfterSeconds);
    let duration = WINDOW * windows;
    let per_window = (RATE * WINDOW / 1000) as f64;
    let mut scenario = Scenario {
        tiers: four(1.3, per_window, seconds),
        arrivals: steady(RATE, windows),
        day_length: 2 * duration,
        step_timeout: 3_000,
        optimum: 0,
    };
    match name {
        "1" => {}
        "2" => scenario.tiers = four(1.3, per_window, style.unwrap_or(Style::Bare)),
        "3" => scenario.tiers = four(1.3, per_window, style.unwrap_or(Style::XRateLimit)),
        "4" => {
            let limit = (2.2 * per_window).round() as u64 / 4;
            let styles = [
                Style::RetryAfterDate,
                Style::Body,
                Style::ResetRequests,
                Style::RetryAfterSeconds,
            ];
            let phases = [0, 1_800, 3_300, 4_800];
            let tiers = styles.into_iter().zip(phases);
            let tiers = tiers.map(|(of_tier, phase)| tier(limit, style.unwrap_or(of_tier), phase));
            scenario.tiers = tiers.collect();
            for tier in &mut scenario.tiers[..2] {
                tier.day = RATE * duration / 1000 / 6;
            }
        }
        "5" | "6" => {
            scenario.tiers = four(1.6, per_window, seconds);
            scenario.tiers[0].trouble = Some((duration / 3, 2 * duration / 3, name == "6"));
            if name == "6" {
                scenario.step_timeout = 1_000;
            }
        }
        "7" => {
            scenario.tiers = four(1.0, per_window, seconds);
            scenario.tiers.iter_mut().for_each(|tier| tier.phase = 0);
            scenario.arrivals = steady(RATE * 3 / 2, windows);
        }
        "8" => {
            let rate = RATE as f64 * 2.0 / 3.0;
            let limit = (1.3 * rate * 6.0 / 3.0).ceil() as u64;
            let mut only = tier(limit, seconds, 1_800);
            only.limits = vec![limit; 3];
            scenario.tiers = vec![only];
            let count = (rate * duration as f64 / 1000.0).round() as u64;
            scenario.arrivals = (0..count)
                .map(|i| ((i as f64 + 0.5) / rate * 1000.0) as Ms)
                .collect();
        }
        "9" => {
            scenario.tiers = four(1.3, 40.0, style.unwrap_or(Style::Full));
            let bursts = (0..windows).map(|window| window * WINDOW + WINDOW / 6);
            // A thread each: they come one behind the other.
            let burst = |at: Ms| (0..40).map(move |i| at + i * 6 / 10);
            scenario.arrivals = bursts.flat_map(burst).collect();
        }
        other => panic!("{other}"),
    }
    // Only the overload offers more than there is: 120 in each window, all of which turn at once.
    scenario.optimum = match name {
        "7" => (per_window as u64) * windows,
        _ => scenario.arrivals.len() as u64,
    };
    scenario
}

fn four(factor: f64, per_window: f64, style: Style) -> Vec<Tier> {
    let total = (factor * per_window).round();
    let shares = [0.25, 0.40, 0.10];
    let mut limits: Vec<u64> = shares
        .iter()
        .map(|share| (total * share).ceil() as u64)
        .collect();
    limits.push(total as u64 - limits.iter().sum::<u64>());
    let phases = [0, 1_800, 3_300, 4_800];
    let tiers = limits.into_iter().zip(phases);
    tiers
        .map(|(limit, phase)| tier(limit, style, phase))
        .collect()
}

fn steady(rate: u64, windows: u64) -> Vec<Ms> {
    let count = rate * WINDOW * windows / 1000;
    (0..count).map(|i| (2 * i + 1) * 500 / rate).collect()
}
