//! Attributes of the events in a request's span.

use crate::dialect::class::Class;
use crate::routing::StepReport;
use crate::telemetry::trace::{Attribute, names};

/// The step of a report, and how it failed.
pub fn about(report: &StepReport) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::new(names::STEP, number(report.step_index)),
        Attribute::new(names::PROVIDER, report.provider.clone()),
        Attribute::new(names::REQUEST_MODEL, report.model.clone()),
    ];
    let class = report.class.map(Class::label);
    attributes.extend(class.map(|class| Attribute::new(names::ERROR_TYPE, class)));
    let cooldown = report.retry_after.map(|rest| rest.as_secs_f64());
    attributes.extend(cooldown.map(|rest| Attribute::new(names::COOLDOWN, rest)));
    attributes
}

/// An index as attributes hold numbers.
pub fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
