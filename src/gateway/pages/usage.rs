//! `GET /v1/usage`: what a client has used, and what is left of its limits. Nobody is asked for it.

use serde::Serialize;

use crate::config::{Account, Config};
use crate::dialect::error::Code;
use crate::gateway::context::Context;
use crate::gateway::refusal::Refusal;
use crate::gateway::shared_accounts::{accounts_of, now};
use crate::http::Response;
use crate::limits::{Money, TimeZone, Unit};
use crate::quota::accounts::{CounterReport, LimitReport, Report, Totals};

use super::visit::{Unserved, Visit, json};

/// The days that are told, the latest first.
const DAYS: usize = 35;

#[derive(Serialize)]
struct UsageReport<'a> {
    object: &'static str,
    client: &'a str,
    currency: Option<&'a str>,
    expires: Option<String>,
    limits: Vec<LimitUsage>,
    months: Vec<PeriodUsage>,
    days: Vec<PeriodUsage>,
    /// Of this month.
    routes: Vec<RouteUsage<'a>>,
}

#[derive(Serialize)]
struct UsageList<'a> {
    object: &'static str,
    data: Vec<UsageReport<'a>>,
}

/// A limit of a client, and what is left of it.
#[derive(Serialize)]
pub struct LimitUsage {
    unit: &'static str,
    window: Option<String>,
    limit: Amount,
    used: Amount,
    reserved: Amount,
    remaining: Amount,
    resets_at: Option<String>,
}

/// An amount: a number, of money a decimal text, as no float holds it.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Count(u64),
    Money(String),
}

#[derive(Serialize)]
struct PeriodUsage {
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(flatten)]
    used: Used,
}

#[derive(Serialize)]
struct RouteUsage<'a> {
    route: &'a str,
    #[serde(flatten)]
    used: Used,
}

#[derive(Serialize)]
struct Used {
    requests: u64,
    input_tokens: u64,
    output_tokens: u64,
    cached_tokens: u64,
    /// Requests whose tokens are an estimate.
    estimated: u64,
    cost: String,
}

/// The usage of the client that asks, of another with `?client=NAME`, or of all with `?client=*`, a list.
///
/// # Errors
/// Another client is asked for without `admin`, or one that there is not.
pub fn page(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let config = &visit.context.config;
    let asked = asked_client(visit.exchange.head().query().unwrap_or_default());
    let Some(own) = visit.client else {
        return Err(refused("a key is needed to see usage").into());
    };
    let name = asked.as_deref().unwrap_or(&own.name);
    if name != own.name && !own.admin {
        return Err(refused("only a client with admin: true sees what others use").into());
    }
    if name == "*" {
        let reports = visit.context.accounts.lock().reports(now());
        return Ok(json(200, &list(&reports, config)));
    }
    let place = visit.context.places.named(config, name);
    let report = place.and_then(|place| visit.context.accounts.lock().report(place, now()));
    match report {
        Some(report) => Ok(json(200, &usage(&report, config))),
        None => Err(Refusal::new(Code::NotFound, "there is no such client".to_owned()).into()),
    }
}

/// The usage of all clients, for whoever need not show a key.
pub fn report_on_all(context: &Context) -> Vec<u8> {
    let reports = context.accounts.lock().reports(now());
    serde_json::to_vec(&list(&reports, &context.config)).unwrap_or_default()
}

fn list<'a>(reports: &'a [Report], config: &'a Config) -> UsageList<'a> {
    let data = reports.iter().map(|report| usage(report, config));
    UsageList {
        object: "list",
        data: data.collect(),
    }
}

fn refused(words: &str) -> Refusal {
    Refusal::new(Code::RouteNotAllowed, words.to_owned())
}

/// The client that the query names.
fn asked_client(query: &str) -> Option<String> {
    let mut members = query.split('&').filter_map(|member| member.split_once('='));
    let (_, value) = members.find(|(name, _)| *name == "client")?;
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
    Some(decoded.into_owned())
}

fn usage<'a>(report: &'a Report, config: &'a Config) -> UsageReport<'a> {
    let zone = config.time_zone;
    let account: Option<&Account> = accounts_of(config)
        .into_iter()
        .find(|account| account.name == report.client);
    let period = |counter: &CounterReport, is_month: bool| PeriodUsage {
        month: is_month.then(|| counter.key.to_string()),
        day: (!is_month).then(|| counter.key.to_string()),
        used: used(&counter.used),
    };
    UsageReport {
        object: "usage",
        client: &report.client,
        currency: config.currency.as_deref(),
        expires: account
            .and_then(|account| account.expires)
            .map(|at| zone.spell(at)),
        limits: report
            .limits
            .iter()
            .map(|limit| limit_usage(limit, zone))
            .collect(),
        months: report
            .months
            .iter()
            .map(|month| period(month, true))
            .collect(),
        days: report
            .days
            .iter()
            .take(DAYS)
            .map(|day| period(day, false))
            .collect(),
        routes: report
            .routes
            .iter()
            .map(|(route, totals)| RouteUsage {
                route,
                used: used(totals),
            })
            .collect(),
    }
}

/// A limit as `/v1/usage` and the status page tell it.
pub fn limit_usage(report: &LimitReport, zone: TimeZone) -> LimitUsage {
    let unit = report.limit.unit;
    let amount = |amount: u64| match unit {
        Unit::Money => Amount::Money(Money(amount).to_string()),
        _ => Amount::Count(amount),
    };
    let rate = report.limit.rate;
    LimitUsage {
        unit: unit.label(),
        window: (unit != Unit::Concurrent).then(|| rate.window.to_string()),
        limit: amount(rate.amount),
        used: amount(report.used),
        reserved: amount(report.reserved),
        remaining: amount(report.remaining),
        resets_at: report.resets_at.map(|at| zone.spell(at)),
    }
}

fn used(totals: &Totals) -> Used {
    Used {
        requests: totals.requests,
        input_tokens: totals.input,
        output_tokens: totals.output,
        cached_tokens: totals.cached,
        estimated: totals.estimated,
        cost: totals.cost.to_string(),
    }
}
