//! Families of series: the neutral form that `/metrics` and the export are written from.
//!
//! Names and labels are OpenTelemetry's (`gen_ai.client.operation.duration`, unit `s`); the Prometheus ones follow from
//! them, see [`super::prometheus`].

use super::histogram::Distribution;

/// All series of one instrument.
#[derive(Clone, Debug)]
pub struct Family {
    /// The name, with dots between its parts and without a unit.
    pub name: &'static str,
    /// A sentence for people.
    pub help: &'static str,
    pub kind: FamilyKind,
    pub unit: Unit,
    pub series: Vec<Series>,
}

/// The instrument behind a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// A sum that only grows, until the process ends.
    Counter,
    /// A value of the moment.
    Gauge,
    Histogram,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The things that the name says.
    Things,
    Seconds,
    Bytes,
}

/// A combination of labels and its value.
#[derive(Clone, Debug)]
pub struct Series {
    pub labels: Vec<(&'static str, String)>,
    pub value: SeriesValue,
}

#[derive(Clone, Debug)]
pub enum SeriesValue {
    Count(u64),
    /// A level, or a sum of what is not counted in whole numbers.
    Level(f64),
    Distribution(Box<Distribution>),
}

impl Family {
    pub fn new(name: &'static str, kind: FamilyKind, unit: Unit, help: &'static str) -> Self {
        Self {
            name,
            help,
            kind,
            unit,
            series: Vec::new(),
        }
    }

    /// A family of one series without labels.
    pub fn single(
        name: &'static str,
        kind: FamilyKind,
        unit: Unit,
        help: &'static str,
        value: SeriesValue,
    ) -> Self {
        let mut family = Self::new(name, kind, unit, help);
        family.push(&[], value);
        family
    }

    pub fn push(&mut self, labels: &[(&'static str, &str)], value: SeriesValue) {
        let owned = labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        self.series.push(Series {
            labels: owned.collect(),
            value,
        });
    }
}
