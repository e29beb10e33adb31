//! The conditions of a moment: what is worth a message, read from the facts, the ledger and the accounts.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::episodes::{Condition, Subject};
use crate::config::{self, AlertEvent, Config, Order, Provider, Route, Step};
use crate::dialect::class::Class;
use crate::gateway::alert_facts::{RouteFacts, Told, noted_name};
use crate::gateway::context::Context;
use crate::gateway::shared_accounts;
use crate::limits::{Money, TimeZone, Unit, UnixMs, Window};
use crate::quota::accounts::LimitReport;
use crate::routing::{Cooling, Ledger, LineEntry};

/// The requests in a row that have to fail whole.
const FAILURES: u32 = 3;

/// The parts of limits that are told (percent): of a provider's, and of a client's.
const NEARLY_USED: u64 = 90;
const OF_BUDGET: [u64; 2] = [80, 100];

/// The shortest window whose use is told. What is free again within hours is no news.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// The most reasons in a sentence.
const MOST_REASONS: usize = 5;

/// The conditions of this moment. Blocks while requests hold the ledger or the accounts.
pub fn observe(context: &Context, told: &Told) -> Vec<Condition> {
    let clock = Clock {
        now: Instant::now(),
        wall: SystemTime::now(),
        zone: context.config.time_zone,
    };
    let config = &context.config;
    let mut conditions = Vec::new();
    let ledger = context.ledger.lock();
    for route in &config.routes {
        let facts = told.routes.get(noted_name(&route.name));
        conditions.extend(route_down(route, facts, &ledger, &clock));
        conditions.extend(facts.and_then(|facts| last_step(route, facts)));
    }
    for entry in ledger.lines(clock.now) {
        conditions.extend(quota(config, &entry, &clock));
    }
    drop(ledger);
    conditions.extend(told.refused_keys.iter().filter_map(|(name, index)| {
        let provider = config.providers.iter().find(|it| it.name == *name)?;
        key_refused(config, provider, *index)
    }));
    conditions.extend(gone_models(context, told));
    conditions.extend(budgets(context, &clock));
    conditions.extend(of_the_gateway(config, told));
    conditions
}

/// The clock of one look.
struct Clock {
    now: Instant,
    wall: SystemTime,
    zone: TimeZone,
}

impl Clock {
    /// A point in time as people say it: `14:05`, of another day with its date. Two clocks differ by a little: a window that
    /// ends at midnight does not end at 23:59.
    fn at(&self, until: Instant) -> String {
        let left = until.saturating_duration_since(self.now);
        self.spell(unix_ms(self.wall + left + Duration::from_millis(500)))
    }

    fn spell(&self, at: UnixMs) -> String {
        let (now, at) = (self.zone.spell(unix_ms(self.wall)), self.zone.spell(at));
        let (today, day) = (now.get(..10), at.get(..10).unwrap_or_default());
        let time = at.get(11..16).unwrap_or_default();
        match today == Some(day) {
            true => time.to_owned(),
            false => format!("{day} {time}"),
        }
    }
}

fn unix_ms(at: SystemTime) -> UnixMs {
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since_1970.as_millis()).unwrap_or(UnixMs::MAX)
}

/// A route none of whose steps is usable, or whose requests fail. It is over once a request is answered; before, a route
/// whose cooldowns have passed may be as bad as it was.
fn route_down(
    route: &Route,
    facts: Option<&RouteFacts>,
    ledger: &Ledger,
    clock: &Clock,
) -> Option<Condition> {
    let standings: Vec<Option<Cooling>> = route
        .steps
        .iter()
        .map(|step| ledger.cooling_of(step, clock.now))
        .collect();
    let failed = facts.map_or(0, |facts| facts.failed_in_a_row);
    let holds = failed >= FAILURES || standings.iter().all(Option::is_some);
    if !holds && failed == 0 {
        return None;
    }
    let mut reasons: Vec<String> = Vec::new();
    for (index, (step, cooling)) in route.steps.iter().zip(&standings).enumerate() {
        let classes = facts.map(|facts| facts.classes.as_slice());
        let mut classes = classes.unwrap_or_default().iter().rev();
        let last = classes
            .find(|(of, _)| *of == index)
            .map(|(_, class)| *class);
        let told = cooling.filter(|cooling| cooling.stated && cooling.until > clock.now);
        let until = told.map(|cooling| clock.at(cooling.until));
        let class = cooling.map(|cooling| cooling.class).or(last);
        let reason = class.map(|class| reason(step, class, until));
        reasons.extend(reason.filter(|reason| !reasons.contains(reason)));
    }
    let more = reasons.len().saturating_sub(MOST_REASONS);
    reasons.truncate(MOST_REASONS);
    let more = match more {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let name = &route.name;
    Some(Condition {
        subject: Subject {
            route: Some(name.to_string()),
            ..Subject::new(AlertEvent::RouteDown)
        },
        holds,
        text: format!("{name} cannot answer: {}{more}", reasons.join(", ")),
        over: Some(format!("{name} answers again")),
        routes: Some(vec![name.to_string()]),
    })
}

/// A step's failure as a person says it.
fn reason(step: &Step, class: Class, until: Option<String>) -> String {
    let provider = &step.provider.name;
    let what = match class {
        Class::RateLimited => "is rate limited".to_owned(),
        Class::QuotaExhausted => "has no quota left".to_owned(),
        Class::Unauthorized => "refused the key".to_owned(),
        Class::Forbidden => "forbids the call".to_owned(),
        Class::Blocked => "blocks this machine".to_owned(),
        Class::ModelNotFound => format!("does not know {}", step.model),
        Class::Timeout => "did not answer in time".to_owned(),
        Class::Unreachable => "is not reached".to_owned(),
        Class::ServerError => "has a fault of its own".to_owned(),
        Class::Rejected | Class::TooLarge | Class::Unsupported => "refuses the request".to_owned(),
        Class::EmptyAnswer => "answers nothing".to_owned(),
        Class::BadResponse => "answers in no form that is known".to_owned(),
        Class::Transient | Class::Cancelled => "failed for the moment".to_owned(),
    };
    let until = until.map(|time| format!(" until {time}"));
    format!("{provider} {what}{}", until.unwrap_or_default())
}

/// A route whose last request was served by the last of several steps, where their order is a ranking.
fn last_step(route: &Route, facts: &RouteFacts) -> Option<Condition> {
    let last = route.steps.len().checked_sub(1).filter(|last| *last > 0)?;
    if facts.served_by != Some(last) || route.order != Order::Listed {
        return None;
    }
    let (step, name) = (route.steps.get(last)?, &route.name);
    let served = format!("{}/{}", step.provider.name, step.model);
    Some(Condition {
        subject: Subject {
            route: Some(name.to_string()),
            provider: Some(step.provider.name.clone()),
            model: Some(step.model.clone()),
            ..Subject::new(AlertEvent::LastStep)
        },
        holds: true,
        text: format!("{name} is served by its last step, {served}"),
        over: Some(format!("{name} is served by an earlier step again")),
        routes: Some(vec![name.to_string()]),
    })
}

fn key_refused(config: &Config, provider: &Provider, index: usize) -> Option<Condition> {
    let name = &provider.name;
    let which = match provider.keys.len() {
        0 | 1 => "the key".to_owned(),
        _ => format!("key {}", index + 1),
    };
    Some(Condition {
        subject: Subject {
            provider: Some(name.clone()),
            detail: index.to_string(),
            ..Subject::new(AlertEvent::KeyRefused)
        },
        holds: true,
        text: format!("{name} refused {which}"),
        over: Some(format!("{name} does not refuse {which} any more")),
        routes: Some(routes_with(config, |step| step.provider.name == *name)),
    })
}

/// Models that their providers do not list any more, or did not know when called.
fn gone_models(context: &Context, told: &Told) -> Vec<Condition> {
    let config = &context.config;
    let called = told.unknown_models.iter();
    let mut gone: Vec<(&str, &str, Vec<String>)> = called
        .map(|(provider, model)| (provider.as_str(), model.as_str(), Vec::new()))
        .collect();
    let listed = context.gone_models.list();
    for missing in &listed {
        let (provider, model) = (missing.provider.as_str(), missing.model.as_str());
        gone.retain(|(of, name, _)| (*of, *name) != (provider, model));
        gone.push((provider, model, missing.near.clone()));
    }
    let conditions = gone.into_iter().filter_map(|(provider, model, near)| {
        let is_it = |step: &Step| step.provider.name == provider && step.model == model;
        let routes = routes_with(config, is_it);
        let near = match near.is_empty() {
            true => String::new(),
            false => format!(", near: {}", near.join(", ")),
        };
        (!routes.is_empty()).then(|| Condition {
            subject: Subject {
                provider: Some(provider.to_owned()),
                model: Some(model.to_owned()),
                ..Subject::new(AlertEvent::ModelGone)
            },
            holds: true,
            text: format!("{provider} has no model {model} any more{near}"),
            over: Some(format!("{provider} has the model {model} again")),
            routes: Some(routes),
        })
    });
    conditions.collect()
}

fn routes_with(config: &Config, is_it: impl Fn(&Step) -> bool) -> Vec<String> {
    let routes = config.routes.iter();
    let concerned = routes.filter(|route| route.steps.iter().any(&is_it));
    concerned.map(|route| route.name.to_string()).collect()
}

/// A limit of a provider, of a day or longer, that is nearly used.
fn quota(config: &Config, entry: &LineEntry<'_>, clock: &Clock) -> Option<Condition> {
    let line = &entry.line;
    let (limit, _) = line.limit?;
    let is_long = line.window.map_or_else(
        || line.length.is_some_and(|length| length >= A_DAY),
        is_a_day_or_longer,
    );
    let left = line.remaining.unwrap_or(limit.saturating_sub(line.used));
    let used = line.used.max(limit.saturating_sub(left));
    let part = percent(used, limit);
    if !is_long || part < NEARLY_USED {
        return None;
    }
    let provider = config.providers.get(entry.provider)?;
    let unit = line.unit.words();
    let window = line.window_words().unwrap_or_default();
    let of_model = entry.model.map(|model| format!(" of {model}"));
    let of_key = (provider.keys.len() > 1).then(|| format!(" with key {}", entry.key + 1));
    let whose = format!(
        "{}{}",
        of_model.unwrap_or_default(),
        of_key.unwrap_or_default()
    );
    let until = line
        .ends_in
        .map(|left| format!(", until {}", clock.at(clock.now + left)));
    let name = &provider.name;
    let concerned = |step: &Step| {
        step.provider.index == provider.index && entry.model.is_none_or(|model| model == step.model)
    };
    Some(Condition {
        subject: Subject {
            provider: Some(name.clone()),
            model: entry.model.map(str::to_owned),
            detail: format!("{} {unit} {}", entry.key, line.window_label()),
            ..Subject::new(AlertEvent::Quota)
        },
        holds: true,
        text: format!(
            "{name} has {part} % of {limit} {unit}/{window}{whose} used{}",
            until.unwrap_or_default()
        ),
        over: Some(format!("{name} has its {unit}/{window}{whose} again")),
        routes: Some(routes_with(config, concerned)),
    })
}

fn is_a_day_or_longer(window: Window) -> bool {
    match window {
        Window::Day | Window::Month | Window::Total => true,
        Window::Sliding(length) => length >= A_DAY,
        Window::AtOnce => false,
    }
}

fn percent(used: u64, limit: u64) -> u64 {
    let part = u128::from(used) * 100 / u128::from(limit.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// The limits of clients, of a day or longer, that are nearly or wholly used.
fn budgets(context: &Context, clock: &Clock) -> Vec<Condition> {
    let is_told = |report: &LimitReport| is_a_day_or_longer(report.limit.rate.window);
    let has_limits = shared_accounts::accounts_of(&context.config)
        .iter()
        .any(|account| !account.limits.is_empty());
    if !has_limits {
        return Vec::new();
    }
    let reports = context.accounts.lock().reports(shared_accounts::now());
    let currency = context.config.currency.as_deref();
    let mut conditions = Vec::new();
    for client in &reports {
        for limit in client.limits.iter().filter(|limit| is_told(limit)) {
            conditions.extend(budget(&client.client, limit, currency, clock));
        }
    }
    conditions
}

fn budget(
    client: &str,
    report: &LimitReport,
    currency: Option<&str>,
    clock: &Clock,
) -> Vec<Condition> {
    let (unit, rate) = (report.limit.unit, report.limit.rate);
    let part = percent(report.used, rate.amount);
    let what = match (unit, currency) {
        (Unit::Money, Some(currency)) => {
            format!("{} {currency}/{}", Money(rate.amount), rate.window)
        }
        (Unit::Money, None) => format!("{}/{}", Money(rate.amount), rate.window),
        _ => format!("{} {}/{}", rate.amount, unit.words(), rate.window),
    };
    let until = report.resets_at;
    let until = until.map(|at| format!(", until {}", clock.spell(at)));
    let until = until.unwrap_or_default();
    let reached = OF_BUDGET.into_iter().filter(|level| part >= *level);
    let conditions = reached.map(|level| {
        let is_all = level == 100;
        Condition {
            subject: Subject {
                client: Some(client.to_owned()),
                detail: format!("{what} {level}"),
                ..Subject::new(AlertEvent::Budget)
            },
            // Of both at once the higher one is told.
            holds: is_all || part < 100,
            text: match is_all {
                true => format!("{client} has used up its {what}{until}"),
                false => format!("{client} has used {part} % of its {what}{until}"),
            },
            over: (is_all || part < 100).then(|| format!("{client} has its {what} again")),
            routes: None,
        }
    });
    conditions.collect()
}

fn of_the_gateway(config: &Config, told: &Told) -> Vec<Condition> {
    let condition = |event, text, over: &str| Condition {
        subject: Subject::new(event),
        holds: true,
        text,
        over: Some(over.to_owned()),
        routes: None,
    };
    let refused = told.refused_config.as_ref().map(|problem| {
        condition(
            AlertEvent::ConfigRefused,
            format!("the new configuration is refused, the old one stays: {problem}"),
            "a new configuration is taken",
        )
    });
    let open = config::open_to_strangers(config).map(|warning| {
        condition(
            AlertEvent::Unsafe,
            format!("the gateway is open to strangers: {warning}"),
            "the gateway is not open to strangers any more",
        )
    });
    refused.into_iter().chain(open).collect()
}
