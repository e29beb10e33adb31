//! `/metrics` as a reader of the Prometheus text format sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use super::gateway::anonymous;
use super::{Gateway, PATIENCE};

/// Every series and its value, by its text up to the value: `name{label="value"}`.
pub struct Exposition(BTreeMap<String, f64>);

impl Exposition {
    /// What the gateway measures now.
    pub fn of(gateway: &Gateway) -> Self {
        let response = gateway.exchange(anonymous("GET", "/metrics", &[], ""));
        assert_eq!(response.status, 200, "{response}");
        Self::parse(&response.text())
    }

    /// The same once this holds: a request is counted a moment after its client has the answer.
    pub fn once(gateway: &Gateway, holds: impl Fn(&Self) -> bool) -> Self {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let exposition = Self::of(gateway);
            if holds(&exposition) {
                return exposition;
            }
            assert!(Instant::now() < give_up, "not in time:\n{exposition}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn parse(text: &str) -> Self {
        let mut series = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            let first = series.insert(name.to_owned(), value).is_none();
            assert!(first, "twice: {line}");
        }
        Self(series)
    }

    /// The value of one series; `None` if it is not there.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// The value of one series, which has to be there.
    pub fn value(&self, series: &str) -> f64 {
        self.get(series)
            .unwrap_or_else(|| panic!("no {series} in\n{self}"))
    }

    /// The sum over all series that begin and contain so.
    pub fn sum(&self, beginning: &str, parts: &[&str]) -> f64 {
        let series = self.0.iter().filter(|(series, _)| {
            series.starts_with(beginning) && parts.iter().all(|part| series.contains(part))
        });
        series.map(|(_, value)| value).sum()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (series, value) in &self.0 {
            writeln!(f, "{series} {value}")?;
        }
        Ok(())
    }
}
