//! Limits, budgets and prices, and the clients that have them.

use std::time::Duration;

use super::super::{Account, AllowedRoutes};
use super::{MINIMAL, accept, refuse, with};
use crate::limits::{Limit, Price, Rate, TimeZone, Unit, Window};

fn client(settings: &str) -> Account {
    let config = with(&format!(
        "api_keys: [{{name: home, key: other, {settings}}}]"
    ));
    config.clients[1].clone()
}

/// The problems of the one client's settings.
fn wrong(settings: &str) -> String {
    refuse(&format!(
        "{MINIMAL}api_keys: [{{name: home, key: other, {settings}}}]\n"
    ))
}

/// The smallest configuration whose provider says more.
fn provider(settings: &str) -> String {
    MINIMAL.replace("v1}", &format!("v1, {settings}}}"))
}

#[test]
fn rates_are_read_in_every_spelling() {
    let sliding = |seconds| Window::Sliding(Duration::from_secs(seconds));
    for (text, amount, window) in [
        ("10/min", 10, sliding(60)),
        ("10/m", 10, sliding(60)),
        ("1/s", 1, sliding(1)),
        ("7/h", 7, sliding(3600)),
        ("250/day", 250, Window::Day),
        ("250 / day", 250, Window::Day),
        ("9/month", 9, Window::Month),
        ("9/total", 9, Window::Total),
        ("40/6s", 40, sliding(6)),
        ("100/5m", 100, sliding(300)),
        ("100/168h", 100, sliding(604_800)),
        ("1/100ms", 1, Window::Sliding(Duration::from_millis(100))),
    ] {
        for spelled in [text.to_owned(), format!("[{text}]")] {
            let limits = client(&format!("limits: {{requests: {spelled}}}")).limits;
            let rate = Rate { amount, window };
            let unit = Unit::Requests;
            assert_eq!(limits, [Limit { unit, rate }], "{spelled}");
        }
    }
    let limits = client(
        "limits: {requests: [20/min, 500/day], tokens: 9/day, input_tokens: 8/day, output_tokens: 7/day, concurrent: 4}, \
         budget: [5.00/month, 0.5/day, 20/total]",
    );
    let told: Vec<String> = limits.limits.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "20 requests/min",
            "500 requests/day",
            "9 tokens/day",
            "8 input tokens/day",
            "7 output tokens/day",
            "4 requests at once",
            "5.00/month",
            "0.50/day",
            "20.00/total",
        ]
    );
}

#[test]
fn what_is_no_limit_is_refused_in_words() {
    for (settings, words) in [
        ("limits: {requests: 10}", "is no rate such as"),
        ("limits: {requests: 0/min}", "allows nothing"),
        ("limits: {requests: -1/min}", "begin with a whole number"),
        ("limits: {requests: 1.5/min}", "begin with a whole number"),
        (
            "limits: {requests: 99999999999999999999/min}",
            "begin with a whole number",
        ),
        ("limits: {requests: 1/year}", "is not per s, min, h, day"),
        ("limits: {requests: 1/0s}", "not between 100ms and 31 days"),
        (
            "limits: {requests: 1/900h}",
            "not between 100ms and 31 days",
        ),
        (
            "limits: {requests: [1/min, 2/60s]}",
            "requests[1]: is a second limit per min",
        ),
        (
            "limits: {requests: [1/1s, 1/2s, 1/3s, 1/4s, 1/5s, 1/6s, 1/7s, 1/8s, 1/9s]}",
            "more than 8 rates",
        ),
        ("limits: {concurrent: 0}", "not between 1 and 100000"),
        ("limits: {request: 1/min}", "did you mean \"requests\""),
        ("budget: 5", "is no budget such as"),
        ("budget: 5/min", "is no budget such as"),
        ("budget: 5.0000001/day", "is no budget such as"),
        ("budget: 0.00/day", "allows nothing"),
        ("expires: soon", "is no day such as"),
        ("expires: 2027-02-30", "is no day such as"),
        ("soft: maybe", "neither true nor false"),
        ("routes: [\"x/*\"]", "no route has a name like"),
    ] {
        let told = wrong(settings);
        assert!(told.contains(words), "{settings}: {told}");
    }
    let told = refuse(&provider("models: {m: {limits: {requests: 1/total}}}"));
    assert!(told.contains("is not per s, min, h, day, month"), "{told}");
}

#[test]
fn prices_are_per_million_tokens() {
    let text = provider(
        "models: {m: {limits: {requests: 10/min}, price: {input: 0.30, output: \"2.5\", cached_input: 0.000001}}}",
    );
    let config = accept(&text);
    let price = Price {
        input: 300_000,
        output: 2_500_000,
        cached_input: Some(1),
    };
    assert_eq!(config.routes[0].steps[0].price, Some(price));
    let terms = config.providers[0].terms("m").unwrap();
    assert_eq!(terms.limits.len(), 1);
    assert_eq!(accept(MINIMAL).routes[0].steps[0].price, None);
    for (settings, words) in [
        ("price: {input: 1000.1}", "is more than 1000"),
        ("price: {input: -1}", "is no price such as"),
        ("price: {input: 1e-3}", "is no price such as"),
        ("price: {}", "names no price"),
        ("price: {inptu: 1}", "did you mean \"input\""),
    ] {
        let told = refuse(&provider(&format!("models: {{m: {{{settings}}}}}")));
        assert!(told.contains(words), "{settings}: {told}");
    }
    let told = refuse(&provider("models: {mm: {price: {input: 1}}}"));
    assert!(
        told.contains("providers[0].models.mm") && told.contains("no step names this model"),
        "{told}"
    );
}

#[test]
fn keys_end_with_a_day_of_the_clients_zone() {
    let with_zone = |zone: &str, expires: &str| {
        let lines = format!("{zone}\napi_keys: [{{name: home, key: other, expires: {expires}}}]");
        let config = with(&lines);
        config.clients[1]
            .expires
            .map(|end| TimeZone::Utc.spell(end))
    };
    for (zone, expires, end) in [
        ("", "2027-01-31", "2027-02-01T00:00:00Z"),
        ("time_zone: utc", "2027-01-31", "2027-02-01T00:00:00Z"),
        ("time_zone: '+01:00'", "2027-01-31", "2027-01-31T23:00:00Z"),
        ("time_zone: pacific", "2027-01-31", "2027-02-01T08:00:00Z"),
        ("", "2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        ("", "2027-01-31T12:00:00.5+02:00", "2027-01-31T10:00:00Z"),
    ] {
        assert_eq!(
            with_zone(zone, expires).as_deref(),
            Some(end),
            "{zone} {expires}"
        );
    }
    let told = refuse(&format!("{MINIMAL}time_zone: Europe/Berlin\n"));
    assert!(told.contains("is not utc, pacific"), "{told}");
}

#[test]
fn a_star_at_the_end_allows_all_that_begin_so() {
    let account = client("routes: [\"r*\"]");
    assert_eq!(
        account.routes,
        Some(vec![AllowedRoutes::Below("r".to_owned())])
    );
    assert!(account.may_use("r") && account.may_use("r/more") && !account.may_use("other"));
    let named = MINIMAL.replace("name: r,", "name: 'r*',");
    let lines = format!("{named}api_keys: [{{name: home, key: other, routes: ['r*']}}]\n");
    let account = accept(&lines).clients[1].clone();
    assert_eq!(
        account.routes,
        Some(vec![AllowedRoutes::Named("r*".to_owned())])
    );
}

/// A plain key beside others is no longer its operator's alone.
#[test]
fn a_key_that_stands_alone_is_an_administrator_s() {
    assert!(with("").clients[0].admin);
    let config = with("api_keys: [{name: a, key: other}, {name: b, key: third, admin: true}]");
    let admins: Vec<bool> = config.clients.iter().map(|client| client.admin).collect();
    assert_eq!(admins, [false, false, true]);
}

#[test]
fn usage_is_kept_beside_the_state_unless_it_has_a_place() {
    let file = |lines: &str| {
        with(lines)
            .accounts_file
            .map(|path| path.display().to_string())
    };
    assert_eq!(file(""), None);
    assert_eq!(
        file("state_file: /s/state.json").as_deref(),
        Some("/s/accounts.jsonl")
    );
    assert_eq!(
        file("state_file: /s/state.json\naccounts_file: /a/b").as_deref(),
        Some("/a/b")
    );
}

#[test]
fn callers_without_a_key_share_limits() {
    let lines =
        "ollama: {enabled: true, require_key: false, limits: {requests: 5/day}, budget: 1/month}";
    let ollama = with(lines).ollama.unwrap();
    assert_eq!(ollama.keyless.unwrap().account.limits.len(), 2);
}

/// Speech for Home Assistant has no key: its callers are one client all the same.
#[test]
fn callers_of_speech_are_an_account_that_may_use_its_routes_alone() {
    let settings = "wyoming: {stt: r, limits: {requests: 5/day}, budget: 1/month}";
    let config = with(settings);
    let account = config.clients.last().unwrap();
    assert_eq!(
        (account.name.as_str(), account.limits.len()),
        ("wyoming", 2)
    );
    assert!(account.may_use("r") && !account.may_use("other") && !account.admin);
    let wyoming = config.wyoming.as_ref().unwrap();
    assert_eq!(account.key, wyoming.key);
    assert_eq!(wyoming.key.expose().len(), 64);
    assert_ne!(with(settings).wyoming.unwrap().key, wyoming.key);
    assert_eq!((wyoming.languages.len(), wyoming.voices.len()), (57, 1));
}
