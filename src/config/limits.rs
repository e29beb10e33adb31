//! Limits and prices, wherever they stand: `limits:` of providers, models and clients, `budget:` of clients, `models:` of
//! providers.

use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::model::Route;
use super::section::{Section, Setting, Text};
use super::suggest::did_you_mean;
use super::typed_settings::parse_count;
use crate::limits::{Limit, Price, Rate, TimeZone, Unit, Window};

/// The units of `limits:` that have rates.
const RATED: [(&str, Unit); 4] = [
    ("requests", Unit::Requests),
    ("tokens", Unit::Tokens),
    ("input_tokens", Unit::InputTokens),
    ("output_tokens", Unit::OutputTokens),
];

/// The most rates of one unit: each is counted on its own.
const MOST_RATES: usize = 8;

/// The longest window that is no month.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// The shortest window: calls are counted one by one in it.
const SHORTEST: Duration = Duration::from_millis(100);

/// The largest amount that a limit names: what is more is none.
const LARGEST: u64 = 1 << 50;

/// The largest price of a million tokens. What costs more was meant per token, or is in another currency's cents
/// (millionths).
const DEAREST: u64 = 1000 * MILLION;

const MILLION: u64 = 1_000_000;

/// The holder of limits: a provider's total of all time is in nobody's terms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Provider,
    Client,
}

/// The terms of a model at a provider, an entry of its `models:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTerms {
    pub limits: Vec<Limit>,
    pub price: Option<Price>,
}

/// The limits under `limits:` of a section; none without it.
pub(super) fn limits(table: &Section, holder: Holder) -> Vec<Limit> {
    let section = table.get("limits").and_then(|value| value.table());
    let mut limits = Vec::new();
    let Some(section) = section else {
        return limits;
    };
    for (key, unit) in RATED {
        if let Some(value) = section.get(key) {
            let rates = rates(&value, &|value, text| rate(value, text, holder));
            limits.extend(rates.into_iter().map(|rate| Limit { unit, rate }));
        }
    }
    let concurrent = section.get("concurrent");
    let concurrent = concurrent.and_then(|value| value.count(&(1..=100_000)));
    let concurrent = concurrent.and_then(|amount| u64::try_from(amount).ok());
    limits.extend(concurrent.map(Limit::concurrent));
    section.finish(|_| false);
    limits
}

/// The limits of money under `budget:` of a section; none without it.
pub(super) fn budget(table: &Section) -> Vec<Limit> {
    let budget = table.get("budget");
    let rates = budget.map_or_else(Vec::new, |value| rates(&value, &budget_rate));
    let unit = Unit::Money;
    rates.into_iter().map(|rate| Limit { unit, rate }).collect()
}

/// The name of a model in a provider's `models:`, and its place.
pub(super) struct NamedModel<'r> {
    provider: usize,
    name: String,
    setting: Setting<'r>,
}

/// The terms of a provider's models, by their names; none without `models:`. Each name is put to `named`.
pub(super) fn models<'r>(
    table: &Section<'r>,
    provider: usize,
    named: &mut Vec<NamedModel<'r>>,
) -> Vec<(String, ModelTerms)> {
    let models = table.get("models").and_then(|value| value.table());
    let models = models.map(Section::into_values).unwrap_or_default();
    let mut terms = Vec::new();
    for (name, setting) in models {
        let Some(table) = setting.table() else {
            continue;
        };
        let of_model = ModelTerms {
            limits: limits(&table, Holder::Provider),
            price: price(&table),
        };
        table.finish(|_| false);
        terms.push((name.clone(), of_model));
        named.push(NamedModel {
            provider,
            name,
            setting,
        });
    }
    terms
}

/// Reports models that no step names: their terms would hold for nothing.
pub(super) fn check_models(named: &[NamedModel], routes: &[Arc<Route>]) {
    let steps = routes.iter().flat_map(|route| &route.steps);
    for model in named {
        let at_provider = steps
            .clone()
            .filter(|step| step.provider.index == model.provider);
        let mut used = at_provider.map(|step| step.model.as_str());
        // A step with an unreadable model may be the one that is meant.
        let is_meant = |used: &str| used == model.name || used.is_empty();
        if !used.clone().any(is_meant) {
            let suggestion = did_you_mean(&model.name, &mut used);
            let words = format!("no step names this model{suggestion}");
            model.setting.report(words);
        }
    }
}

/// The time zone under a key; `None` without it.
pub(super) fn time_zone(table: &Section, key: &'static str) -> Option<TimeZone> {
    let value = table.get(key)?;
    let text = value.filled()?;
    let zone = TimeZone::parse(&text.content);
    if zone.is_none() {
        value.report(format!(
            "{} is not utc, pacific, or an offset such as \"+02:00\"",
            text.quoted()
        ));
    }
    zone
}

/// The rates of a value or of a list of them.
fn rates(value: &Setting, read: &dyn Fn(&Setting, &Text) -> Option<Rate>) -> Vec<Rate> {
    let listed = match value.is_list() {
        true => value.list().unwrap_or_default(),
        false => vec![value.clone()],
    };
    if listed.len() > MOST_RATES {
        value.report(format!("has more than {MOST_RATES} rates"));
    }
    let mut rates: Vec<Rate> = Vec::new();
    for value in listed.iter().take(MOST_RATES) {
        let Some(text) = value.filled() else { continue };
        let Some(rate) = read(value, &text) else {
            continue;
        };
        if rates.iter().any(|other| other.window == rate.window) {
            value.report(format!("is a second limit per {}", rate.window));
        }
        rates.push(rate);
    }
    rates
}

/// A rate such as `10/min`, `40/6s`.
fn rate(value: &Setting, text: &Text, holder: Holder) -> Option<Rate> {
    let wrong = |why: &str| {
        value.report(format!("{} {why}", text.quoted()));
        None
    };
    let Some((amount, window)) = text.content.split_once('/') else {
        return wrong("is no rate such as `10/min`, `250/day` or `40/6s`");
    };
    let amount = match parse_count(amount.trim()) {
        Some(0) => return wrong("allows nothing: leave it out for no limit"),
        Some(amount) => u64::try_from(amount)
            .ok()
            .filter(|amount| *amount <= LARGEST),
        None => None,
    };
    let Some(amount) = amount else {
        return wrong("does not begin with a whole number, as `10/min` does");
    };
    let window = match window.trim() {
        "s" => Window::Sliding(Duration::from_secs(1)),
        "min" | "m" => Window::Sliding(Duration::from_secs(60)),
        "h" => Window::Sliding(Duration::from_secs(3600)),
        "day" | "d" => Window::Day,
        "month" => Window::Month,
        "total" if holder == Holder::Client => Window::Total,
        other => match duration::parse(other) {
            Ok(length) if (SHORTEST..=LONGEST).contains(&length) => Window::Sliding(length),
            Ok(_) => return wrong("has a window that is not between 100ms and 31 days"),
            Err(_) => return wrong(windows(holder)),
        },
    };
    Some(Rate { amount, window })
}

fn windows(holder: Holder) -> &'static str {
    match holder {
        Holder::Provider => {
            "is not per s, min, h, day, month, or a duration such as `6s` (as in `40/6s`)"
        }
        Holder::Client => {
            "is not per s, min, h, day, month, total, or a duration such as `6s` (as in `40/6s`)"
        }
    }
}

/// An amount of money in a window of the calendar: `5.00/month`.
fn budget_rate(value: &Setting, text: &Text) -> Option<Rate> {
    let (amount, window) = match text.content.split_once('/') {
        Some((amount, window)) => (millionths(amount.trim()), window.trim()),
        None => (None, ""),
    };
    let window = match window {
        "day" => Some(Window::Day),
        "month" => Some(Window::Month),
        "total" => Some(Window::Total),
        _ => None,
    };
    match (amount, window) {
        (Some(0), Some(_)) => value.report(format!(
            "{} allows nothing: leave it out for no limit",
            text.quoted()
        )),
        (Some(amount), Some(window)) if amount <= LARGEST => return Some(Rate { amount, window }),
        _ => value.report(format!(
            "{} is no budget such as `5.00/month`, `0.50/day` or `20/total`",
            text.quoted()
        )),
    }
    None
}

/// The price of a model, `price: {input, output, cached_input}`, per million tokens.
fn price(table: &Section) -> Option<Price> {
    let table = table.get("price")?.table()?;
    let of = |key| {
        let value = table.get(key)?;
        let text = value.filled()?;
        let price = millionths(&text.content);
        match price {
            None => value.report(format!(
                "{} is no price such as `0.30` (per million tokens)",
                text.quoted()
            )),
            Some(price) if price > DEAREST => value.report(format!(
                "{} is more than 1000: prices are per million tokens",
                text.quoted()
            )),
            Some(_) => {}
        }
        price
    };
    let (input, output) = (of("input"), of("output"));
    let cached_input = of("cached_input");
    if input.is_none() && output.is_none() && cached_input.is_none() {
        table.report("names no price: `input` and `output`, per million tokens");
    }
    table.finish(|_| false);
    Some(Price {
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached_input,
    })
}

/// A decimal number that is not negative, in millionths; `None` for any other text, and for one that is more exact.
fn millionths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = !fraction.is_empty() && fraction.len() <= 6 && !whole.is_empty();
    if !fits || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction = format!("{fraction:0<6}").parse::<u64>().ok()?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(MILLION)?;
    whole.checked_add(fraction)
}
