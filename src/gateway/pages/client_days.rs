//! The last 30 days of clients, for the chart of the status page.

use serde::Serialize;

use crate::config::Config;
use crate::gateway::shared_accounts::now;
use crate::limits::{PeriodKey, TimeZone, UnixMs};
use crate::quota::accounts::{Report, Totals};

use super::usage::{LimitUsage, limit_usage};
use super::visit::Visit;

/// The days that are shown, today's among them.
const DAYS: u64 = 30;

/// A day, and half of one (milliseconds).
const DAY: UnixMs = 24 * 60 * 60 * 1000;
const NOON: UnixMs = DAY / 2;

/// The use of a client.
#[derive(Serialize)]
pub struct ClientDays {
    name: String,
    /// The requests of each day, the oldest first.
    days: Vec<u64>,
    /// Of these days.
    tokens: u64,
    cost: String,
    limits: Vec<LimitUsage>,
}

/// The clients that one may see: all with `admin: true`, else itself.
pub fn clients(visit: &Visit<'_, '_>) -> Vec<ClientDays> {
    let Some(own) = visit.client else {
        return Vec::new();
    };
    let (config, at) = (&visit.context.config, now());
    let reports = if own.admin {
        visit.context.accounts.lock().reports(at)
    } else {
        let place = visit.context.places.named(config, &own.name);
        let report = place.and_then(|place| visit.context.accounts.lock().report(place, at));
        report.into_iter().collect()
    };
    let keys = last_days(config.time_zone, at.unix_ms());
    let clients = reports.iter().map(|report| of(report, &keys, config));
    clients.collect()
}

fn of(report: &Report, keys: &[PeriodKey], config: &Config) -> ClientDays {
    let shown = |key: &PeriodKey| report.days.iter().find(|day| day.key == *key);
    let used = keys.iter().map(|key| shown(key).map(|day| day.used));
    let used: Vec<Totals> = used.map(Option::unwrap_or_default).collect();
    let mut sum = Totals::default();
    used.iter().for_each(|day| sum.add(day));
    let limits = report.limits.iter();
    ClientDays {
        name: report.client.clone(),
        days: used.iter().map(|day| day.requests).collect(),
        tokens: sum.input.saturating_add(sum.output),
        cost: sum.cost.to_string(),
        limits: limits
            .map(|limit| limit_usage(limit, config.time_zone))
            .collect(),
    }
}

/// The last days up to a point in time, the oldest first. Counted from noon: where clocks are turned, days are longer or
/// shorter by an hour.
fn last_days(zone: TimeZone, at: UnixMs) -> Vec<PeriodKey> {
    let noon = zone.day(at).start.saturating_add(NOON);
    let days = (0..DAYS).rev();
    let days = days.map(|back| zone.day(noon.saturating_sub(back * DAY)).key);
    days.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In November the clocks are turned back: the day has 25 hours.
    #[test]
    fn no_day_is_left_out_or_told_twice() {
        for zone in [TimeZone::Utc, TimeZone::Pacific] {
            // 2026-11-10T05:00:00Z.
            let days = last_days(zone, 1_794_286_800_000);
            let words: Vec<String> = days.iter().map(PeriodKey::to_string).collect();
            assert_eq!(words.len(), 30);
            let mut without_twins = words.clone();
            without_twins.dedup();
            assert_eq!(without_twins, words);
            let today = if zone == TimeZone::Utc {
                "2026-11-10"
            } else {
                "2026-11-09"
            };
            assert_eq!(words.last().map(String::as_str), Some(today));
        }
    }
}
