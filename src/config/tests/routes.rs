//! Valid routes and steps, and what becomes of them.

use std::time::Duration;

use super::{MINIMAL, accept, step, with};
use crate::dialect::reading::ThinkTags;

#[test]
fn the_nearest_timeout_counts() {
    let cases = [
        ("", "", 30, 30),
        ("default_timeout: 40s", "", 40, 40),
        ("default_step_timeout: 40s", "", 40, 40),
        ("default_timeout: 40s", "timeout: 5s", 5, 5),
        ("default_timeout: 40s", "step_timeout: 5s", 5, 5),
        ("default_timeout: 5m", "", 300, 60),
        ("", "timeout: 2m, stall_timeout: 90s", 120, 90),
        ("", "stall_timeout: 5s", 30, 5),
        // Unset through an empty value, as with `${VAR:-}`.
        ("default_timeout:", "timeout: \"\"", 30, 30),
        ("default_timeout: ${EMPTY}", "timeout: ${UNSET:-}", 30, 30),
    ];
    for (top, own, timeout, stall) in cases {
        let step = step(top, "", own);
        assert_eq!(
            (step.timeout.as_secs(), step.stall_timeout.as_secs()),
            (timeout, stall),
            "{top} / {own}"
        );
    }
}

#[test]
fn the_nearest_cooldown_counts_and_zero_is_one() {
    let cases = [
        ("", "", "", None),
        ("default_step_cooldown: 60s", "", "", Some(60)),
        (
            "default_step_cooldown: 60s",
            "step_cooldown: 2m,",
            "",
            Some(120),
        ),
        (
            "default_step_cooldown: 60s",
            "step_cooldown: 2m,",
            "step_cooldown: 3s",
            Some(3),
        ),
        (
            "default_step_cooldown: 60s",
            "step_cooldown: 0,",
            "",
            Some(0),
        ),
        ("default_step_cooldown: 0s", "", "", Some(0)),
    ];
    for (top, route, own, seconds) in cases {
        assert_eq!(
            step(top, route, own).cooldown,
            seconds.map(Duration::from_secs),
            "{top} / {route} / {own}"
        );
    }
}

#[test]
fn a_route_waits_for_cooling_steps_only_where_it_says_so() {
    for (own, seconds) in [
        ("", 0),
        ("wait_when_cooling: 5s,", 5),
        ("wait_when_cooling: 0,", 0),
    ] {
        let text = MINIMAL.replace("{name: r,", &format!("{{name: r, {own}"));
        let wait = accept(&text).routes[0].wait_when_cooling;
        assert_eq!(wait, Duration::from_secs(seconds), "{own}");
    }
}

#[test]
fn route_timeouts_have_two_names_and_a_default() {
    for (top, own, seconds) in [
        ("", "timeout: 9s,", Some(9)),
        ("", "route_timeout: 9s,", Some(9)),
        ("default_route_timeout: 10m", "", Some(600)),
        ("default_route_timeout: 10m", "timeout: 9s,", Some(9)),
    ] {
        let text = MINIMAL.replace("{name: r,", &format!("{{name: r, {own}"));
        let config = accept(&format!("{text}{top}\n"));
        assert_eq!(
            config.routes[0].timeout,
            seconds.map(Duration::from_secs),
            "{top} / {own}"
        );
    }
}

#[test]
fn booleans_are_read_in_every_spelling_of_the_old_parser() {
    for (spelling, expected) in [
        ("true", Some(true)),
        ("True", Some(true)),
        ("yes", Some(true)),
        ("ON", Some(true)),
        ("\"true\"", Some(true)),
        ("${UNSET:-on}", Some(true)),
        ("false", Some(false)),
        ("no", Some(false)),
        ("off", Some(false)),
        ("~", None),
    ] {
        assert_eq!(
            step("", "", &format!("thinking: {spelling}")).thinking,
            expected,
            "{spelling}"
        );
    }
}

/// The reading of answers is set where it belongs: the nearest setting counts.
#[test]
fn answers_are_read_as_provider_route_and_step_say() {
    let plain = step("", "", "");
    assert!(plain.provider.repair && !plain.reasoning_only_fails && !plain.upstream_stream);
    assert_eq!(plain.think_tags, None);
    let of_route = "reasoning_only: fail, upstream_stream: auto,";
    let inherited = step("", of_route, "stall_timeout: 1s, think_tags: strip");
    assert!(inherited.reasoning_only_fails && inherited.upstream_stream);
    assert_eq!(inherited.think_tags, Some(ThinkTags::Strip));
    assert!(!step("", of_route, "").upstream_stream);
    let own = step(
        "",
        of_route,
        "reasoning_only: answer, upstream_stream: always",
    );
    assert!(!own.reasoning_only_fails && own.upstream_stream);

    let config = with("routing_summary: false\nserver: {stream_keepalive: 20s}");
    assert!(!config.routing_summary);
    assert_eq!(
        config.routes[0].stream_keepalive,
        Some(Duration::from_secs(20))
    );
    assert!(!config.routes[0].check_format);
}

/// Claude Code's helpers ask for models of their own, whatever it was told to use.
#[test]
fn a_route_is_found_by_its_name_then_an_alias_then_the_longest_prefix() {
    let routes = "routes:
  - {name: a, aliases: [\"claude-*\", \"gpt 4\"], steps: [{provider: p, model: m}]}
  - {name: b, aliases: [\"claude-haiku-*\"], endpoints: [images, chat], steps: [{provider: p, model: m}]}
  - {name: claude-x, aliases: [claude-haiku-4], steps: [{provider: p, model: m}]}
default_routes: {images: b}
";
    let at = MINIMAL.find("routes:").unwrap();
    let config = accept(&format!("{}{routes}", &MINIMAL[..at]));
    for (asked, found) in [
        ("a", Some("a")),
        ("claude-x", Some("claude-x")),
        ("claude-opus", Some("a")),
        ("claude-haiku-4", Some("claude-x")),
        ("claude-haiku-5", Some("b")),
        ("gpt 4", Some("a")),
        ("gpt 4o", None),
        ("claude", None),
        ("claude-*", Some("a")),
        ("", None),
    ] {
        let route = config.route(asked).map(|route| route.name.as_str());
        assert_eq!(route, found, "{asked}");
    }
    let default = |dialect| {
        config
            .default_route(dialect)
            .map(|route| route.name.as_str())
    };
    assert_eq!((default("images"), default("chat")), (Some("b"), None));
    let [a, b, _] = &config.routes[..] else {
        panic!("three routes");
    };
    assert!(a.serves("embeddings") && b.serves("chat") && !b.serves("embeddings"));
}

/// A model has another name at each provider, and vectors of one space.
#[test]
fn the_space_of_a_route_is_that_of_its_first_step() {
    let steps = "[{provider: p, model: BAAI/bge-m3, max_inputs: 32}, {provider: p, model: x, space: BGE, token_ids: true}]";
    let config = |route: &str| {
        let route = format!("{{name: r, {route} steps: {steps}}}");
        accept(&MINIMAL.replace("{name: r, steps: [{provider: p, model: m}]}", &route))
    };
    let first = config("dimensions: 1024,").routes[0].steps[0].clone();
    let second = config("").routes[0].steps[1].clone();
    assert_eq!(first.traits.vectors.space, "bge-m3");
    assert_eq!(first.traits.vectors.max_inputs, Some(32));
    assert_eq!(first.traits.vectors.dimensions, Some(1024));
    assert!(!first.traits.token_ids && second.traits.token_ids);
    assert_eq!(second.traits.vectors.space, "BGE");
    let of_route = second.traits.vectors.space_of_route.as_deref();
    assert_eq!(of_route, Some("bge-m3"));
    assert_eq!(second.traits.vectors.dimensions, None);
    let mixed = config("allow_mixed: true,").routes[0].steps[1].clone();
    assert_eq!(mixed.traits.vectors.space_of_route, None);
}

#[test]
fn the_order_of_steps_and_their_weights() {
    use crate::config::Order;

    for (line, order, sticky, is_ordered) in [
        ("", Order::Listed, 0, false),
        ("order: listed,", Order::Listed, 0, false),
        ("order: spread,", Order::Spread, 0, true),
        ("order: fastest, sticky: 5m,", Order::Fastest, 300, true),
        ("sticky: 30s,", Order::Listed, 30, true),
        ("sticky: 0,", Order::Listed, 0, false),
    ] {
        let text = MINIMAL.replace("name: r,", &format!("name: r, {line}"));
        let route = accept(&text).routes[0].clone();
        let read = (route.order, route.sticky.as_secs(), route.is_ordered());
        assert_eq!(read, (order, sticky, is_ordered), "{line}");
    }
    for (line, weight, effective) in [("", None, 1), ("weight: 3", Some(3), 3)] {
        let step = step("", "", line);
        assert_eq!((step.weight, step.weight()), (weight, effective), "{line}");
    }
    for (line, words) in [
        (
            "order: fast,",
            "\"fast\" is not listed or spread or fastest",
        ),
        ("sticky: 5,", "has no unit"),
        ("sticky: 25h,", "longer than 24h"),
    ] {
        let message = super::refuse(&MINIMAL.replace("name: r,", &format!("name: r, {line}")));
        assert!(message.contains(words), "{message}");
    }
    for (weight, words) in [
        ("0", "is not between 1 and 1000"),
        ("1001", "is not between 1 and 1000"),
        ("-1", "is no whole number"),
        ("1.5", "is no whole number"),
        ("much", "is no whole number"),
    ] {
        let more = format!("model: m, weight: {weight}");
        let message = super::refuse(&MINIMAL.replace("model: m", &more));
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn settings_of_an_order_that_change_nothing_are_warned_of() {
    let about = |route: &str, steps: &str| {
        let routes = format!("{{name: r, {route} steps: [{steps}]}}");
        let text = MINIMAL.replace("{name: r, steps: [{provider: p, model: m}]}", &routes);
        let warnings = crate::config::warnings(&accept(&text));
        let mut about = warnings.into_iter().filter(|line| line.contains("change"));
        about.next().unwrap_or_default()
    };
    let two = "{provider: p, model: m, weight: 2}, {provider: p, model: n}";
    assert_eq!(about("order: spread,", two), "");
    for order in ["", "order: fastest,", "sticky: 5m,"] {
        let warning = about(order, two);
        assert!(warning.contains("without `order: spread`"), "{warning}");
    }
    let one = "{provider: p, model: m}";
    assert!(about("order: fastest,", one).contains("`order` changes nothing"));
    assert!(about("sticky: 5m,", one).contains("`sticky` changes nothing"));
    assert_eq!(about("", one), "");
}
