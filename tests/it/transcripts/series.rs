//! The metrics of an exchange: the lines of `/metrics` with another value than before.

use std::collections::BTreeSet;

use crate::support::Exposition;

/// Series about the process and its connections, whose values depend on the test's own questions.
const SURROUNDINGS: [&str; 4] = [
    "ai_gateway_process_",
    "ai_gateway_uptime_",
    "ai_gateway_connections",
    "ai_gateway_workers",
];

/// The gauge of cooldowns runs down: that it has changed is certain, its value is not.
const RUNS_DOWN: &str = "ai_gateway_cooldown_remaining_seconds";

/// Whether the value of a series is never the same twice.
pub fn is_volatile(series: &str) -> bool {
    let of_time = |part: &str| series.contains(&format!("_seconds_{part}"));
    SURROUNDINGS.iter().any(|name| series.starts_with(name))
        || of_time("bucket")
        || of_time("sum")
        || series.starts_with(RUNS_DOWN) && series.contains('{')
}

/// The lines that have changed. Of counters it is shown by how much, and a series that was not there was zero. Buckets are
/// left out: of single observations they say what the sum says, in a dozen lines.
pub fn changed(before: &Exposition, after: &Exposition) -> String {
    let names: BTreeSet<&str> = before.names().chain(after.names()).collect();
    let lines = names.into_iter().filter_map(|name| {
        let earlier = before.get(name).unwrap_or_default();
        let value = after.get(name);
        if value.unwrap_or_default() == earlier {
            return None;
        }
        match value {
            Some(_) if name.starts_with(RUNS_DOWN) => Some(format!("{name} <s>")),
            _ if is_volatile(name) || name.contains("_bucket{") => None,
            Some(value) if counts(name) => Some(format!("{name} +{}", value - earlier)),
            Some(value) => Some(format!("{name} {value}")),
            None => Some(format!("{name} is gone")),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a series is a counter's or a histogram's.
fn counts(series: &str) -> bool {
    let name = series.split('{').next().unwrap_or_default();
    let endings = ["_total", "_count", "_sum", "_bucket"];
    endings.iter().any(|ending| name.ends_with(ending))
}
