//! Valid files and what becomes of them.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{Auth, Config, Cors, ResponseModel, Step, parse as parse_in};
use super::{MINIMAL, accept, variables};
use crate::dialect::reading::ThinkTags;
use crate::dialect::step_traits::ProviderKind;

fn with(lines: &str) -> Config {
    accept(&format!("{MINIMAL}{lines}\n"))
}

fn step(top: &str, route: &str, step: &str) -> Step {
    let route = format!("{{name: r, {route} steps: [{{provider: p, model: m, {step}}}]}}");
    let text = MINIMAL.replace("{name: r, steps: [{provider: p, model: m}]}", &route);
    accept(&format!("{text}{top}\n")).routes[0].steps[0].clone()
}

#[test]
fn the_smallest_file_gets_the_documented_defaults() {
    let config = accept(MINIMAL);
    assert_eq!(config.listen, ["[::]:8080".parse().unwrap()]);
    assert_eq!(config.response_model, ResponseModel::Route);
    assert!(config.ca_file.is_none() && config.proxy.is_none() && config.state_file.is_none());
    assert!(config.status_page && !config.metrics_need_key);
    let route = &config.routes[0];
    assert_eq!(route.timeout, None);
    let step = &route.steps[0];
    assert_eq!(
        (step.timeout, step.stall_timeout),
        (Duration::from_secs(30), Duration::from_secs(30))
    );
    assert_eq!(
        (
            step.cooldown,
            step.retries,
            step.thinking,
            step.conflict_resolution
        ),
        (None, 0, None, None)
    );
}

#[test]
fn what_strangers_see_can_be_limited() {
    let config = with("metrics: {require_key: true}\nstatus_page: off");
    assert!(config.metrics_need_key && !config.status_page);
    let config = with("metrics: {require_key: false}\nstatus_page: yes");
    assert!(!config.metrics_need_key && config.status_page);
    assert!(!with("metrics: {}").metrics_need_key);
    assert_eq!(
        with("hosts: [Gateway.LAN., n8n]").hosts,
        ["gateway.lan", "n8n"]
    );
    assert!(with("").hosts.is_empty());
}

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

#[test]
fn listening_addresses() {
    let cases = [
        ("port: 9000", "[::]:9000"),
        ("port: \"9000\"", "[::]:9000"),
        ("port: ${NUMBER}", "[::]:42"),
        ("port: ${EMPTY}", "[::]:8080"),
        ("listen: 127.0.0.1:9000", "127.0.0.1:9000"),
        ("listen: 127.0.0.1:0", "127.0.0.1:0"),
        ("listen: \"[::1]:9000\"", "[::1]:9000"),
        ("listen: :9000", "[::]:9000"),
        ("listen: localhost:9000", "127.0.0.1:9000"),
        ("listen: [127.0.0.1:1, \"[::1]:2\"]", "127.0.0.1:1 [::1]:2"),
    ];
    for (lines, expected) in cases {
        let listed: Vec<String> = with(lines).listen.iter().map(ToString::to_string).collect();
        assert_eq!(listed.join(" "), expected, "{lines}");
    }
}

#[test]
fn the_environment_gives_the_port_and_the_state_file_when_the_file_does_not() {
    let environment = variables([
        ("PORT", "9001"),
        ("STATE_DIRECTORY", "/var/lib/ai-gateway:/var/lib/second"),
    ]);
    let config = parse_in(MINIMAL, &environment).unwrap();
    assert_eq!(config.listen, ["[::]:9001".parse().unwrap()]);
    assert_eq!(
        config.state_file,
        Some(PathBuf::from("/var/lib/ai-gateway/state.json"))
    );

    let own = format!("{MINIMAL}port: 1\nstate_file: here.json\n");
    let config = parse_in(&own, &environment).unwrap();
    assert_eq!(config.listen, ["[::]:1".parse().unwrap()]);
    assert_eq!(config.state_file, Some(PathBuf::from("here.json")));

    let config = parse_in(MINIMAL, &variables([("PORT", ""), ("STATE_DIRECTORY", "")])).unwrap();
    assert_eq!(config.listen, ["[::]:8080".parse().unwrap()]);
    assert_eq!(config.state_file, None);
}

#[test]
fn several_clients_and_which_routes_they_see() {
    let text = MINIMAL.replace(
        "api_key: k",
        "api_keys: [{name: a, key: 1}, {name: b, key: ${KEY}, routes: [r]}]\napi_key: ' k\t'",
    );
    let config = accept(&text);
    let clients: Vec<_> = config
        .clients
        .iter()
        .map(|client| (client.name.as_str(), client.key.expose()))
        .collect();
    assert_eq!(
        clients,
        [("default", "k"), ("a", "1"), ("b", super::SECRETS[0])]
    );
    assert_eq!(config.clients[2].routes, Some(vec!["r".to_owned()]));
    assert_eq!(config.clients[1].routes, None);
}

#[test]
fn provider_keys_are_collected_trimmed_and_counted_once() {
    let cases: [(&str, &[&str]); 9] = [
        ("", &[]),
        ("api_key: \"\"", &[]),
        ("api_key:", &[]),
        ("api_key: ' k '", &["k"]),
        ("api_key: ${CR}", &["sk-crlf"]),
        ("api_keys: [a, b, \"\", a]", &["a", "b"]),
        ("api_keys: [${NUMBER}, ${UNSET:-}, ${EMPTY}]", &["42"]),
        ("api_key: a\n    api_keys: [b, a]", &["a", "b"]),
        ("api_keys: []", &[]),
    ];
    for (lines, expected) in cases {
        let text = MINIMAL.replace(
            "{name: p, base_url: https://p.example/v1}",
            &format!("name: p\n    base_url: https://p.example/v1\n    {lines}"),
        );
        let config = accept(&text);
        let keys: Vec<_> = config.providers[0]
            .keys
            .iter()
            .map(|key| key.expose())
            .collect();
        assert_eq!(keys, expected, "{lines}");
    }
}

#[test]
fn headers_of_a_provider() {
    let text = MINIMAL.replace(
        "v1}",
        "v1, headers: {X-Title: home, Authorization: 'Bearer ${NUMBER}', X-Empty: ${UNSET:-}, X-Number: 1.0, X-None: ~}}",
    );
    let config = accept(&text);
    let headers: Vec<_> = config.providers[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        headers,
        [
            ("X-Title", "home"),
            ("Authorization", "Bearer 42"),
            ("X-Number", "1.0")
        ]
    );
}

#[test]
fn limits_of_the_server() {
    let config = with(
        "server: {max_concurrent_requests: 8, max_body: 1MiB, max_head: 4096, keep_alive: 1m30s, shutdown_timeout: 0}",
    );
    let server = config.server;
    assert_eq!(
        (
            server.max_concurrent_requests,
            server.max_body,
            server.max_head
        ),
        (8, 1 << 20, 4096)
    );
    assert_eq!(
        (server.keep_alive, server.shutdown_timeout),
        (Duration::from_secs(90), Duration::ZERO)
    );
    let proxies =
        with("server: {max_connections_per_ip: 8, trusted_proxies: [10.0.0.0/8, fd00::/8]}").server;
    assert_eq!(proxies.max_connections_per_ip, Some(8));
    let trusts = |address: &str| {
        let address = address.parse().unwrap();
        proxies
            .trusted_proxies
            .iter()
            .any(|network| network.contains(address))
    };
    assert!(trusts("10.9.8.7") && trusts("fd00::1") && !trusts("192.0.2.1"));
    assert_eq!(
        (
            server.max_upload,
            with("server: {max_upload: 2MiB}").server.max_upload
        ),
        (64 << 20, 2 << 20)
    );
    let memory = with("server: {body_memory: 20MiB}").server.body_memory;
    assert_eq!((memory, server.body_memory), (Some(20 << 20), None));
    // It lies inside the head.
    assert_eq!(server.max_target, 4096);
    assert_eq!(with("server:").server, super::super::EdgeLimits::default());
}

#[test]
fn the_remaining_settings() {
    let config = with(
        "response_model: upstream\nca_file: /ca.pem\nproxy: http://proxy:3128/\nstate_file: ${EMPTY}",
    );
    assert_eq!(config.response_model, ResponseModel::Upstream);
    assert_eq!(config.ca_file, Some(PathBuf::from("/ca.pem")));
    assert_eq!(config.proxy.unwrap().url.expose(), "http://proxy:3128");
    assert!(!config.proxy_private);
    assert_eq!(config.state_file, None);
}

/// Browsers write an origin in lower case and without the usual port, whatever the configuration says.
#[test]
fn the_pages_that_may_call() {
    let cors = |line: &str| with(line).cors;
    assert_eq!(cors(""), Cors::Any);
    assert_eq!(cors("cors: true"), Cors::Any);
    assert_eq!(cors("cors: ${EMPTY}"), Cors::Any);
    assert_eq!(cors("cors: '*'"), Cors::Any);
    assert_eq!(cors("cors: ['*']"), Cors::Any);
    assert_eq!(cors("cors: off"), Cors::Off);
    let listed = "cors: ['https://A.example:443', 'http://a.example:443', 'http://[::1]:3000', 'app://obsidian.md']";
    let expected = [
        "https://a.example",
        "http://a.example:443",
        "http://[::1]:3000",
        "app://obsidian.md",
    ];
    assert_eq!(
        cors(listed),
        Cors::Origins(expected.map(str::to_owned).into())
    );
}

#[test]
fn a_provider_may_be_called_past_the_proxy() {
    let config = with("proxy: 'http://me:${OTHER}@proxy:3128'\nproxy_private: yes");
    assert!(config.proxy_private && !config.providers[0].direct);
    let redacted = config.redactor().redact("a sk-other\"2 b");
    assert_eq!(redacted, "a *** b");
    let direct = MINIMAL.replace("v1}", "v1, proxy: none}");
    assert!(accept(&direct).providers[0].direct);
}

/// What is read out of answers, and how, is set where it belongs: the nearest one counts.
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

#[test]
fn a_provider_and_its_steps_say_what_they_speak() {
    let text = "\
api_key: k
providers:
  - {name: claude, kind: anthropic, base_url: https://api.anthropic.com}
  - {name: other, kind: anthropic, base_url: https://llm.example/v1, server_tools: true}
  - {name: keyed, kind: anthropic, base_url: http://localhost:8080, auth: x-api-key}
  - {name: openai, base_url: https://api.openai.com/v1, responses: true}
  - {name: plain, base_url: https://p.example/v1}
routes:
  - name: r
    steps:
      - {provider: claude, model: m}
      - {provider: other, model: m}
      - {provider: keyed, model: m}
      - {provider: openai, model: m}
      - {provider: openai, model: m, responses: false}
      - {provider: plain, model: m}
      - {provider: plain, model: m, responses: true}
";
    let config = accept(text);
    let told: Vec<_> = config.routes[0]
        .steps
        .iter()
        .map(|step| {
            let traits = &step.traits;
            (
                traits.kind == ProviderKind::Anthropic,
                step.provider.auth == Auth::ApiKey,
                traits.base_has_version,
                traits.has_server_tools,
                traits.speaks_responses,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (true, true, false, true, false),
            (true, false, true, true, false),
            (true, true, false, false, false),
            (false, false, true, false, true),
            (false, false, true, false, false),
            (false, false, true, false, false),
            (false, false, true, false, true),
        ]
    );
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

/// One model has another name at each provider, and vectors of one space.
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
