//! Valid settings above providers and routes, and what becomes of them.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{AllowedRoutes, Cors, ResponseModel, parse as parse_in};
use super::{MINIMAL, accept, refuse, variables, with};

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
    assert_eq!(
        config.clients[2].routes,
        Some(vec![AllowedRoutes::Named("r".to_owned())])
    );
    assert_eq!(config.clients[1].routes, None);
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
fn gateways_share_through_a_server() {
    let read = |shared: &str| {
        with(&format!("shared: {{url: redis://h, {shared}}}"))
            .shared
            .unwrap()
    };
    let shared = read("");
    assert_eq!((shared.prefix.as_str(), shared.replicas), ("aigw", None));
    let (sync, timeout) = (Duration::from_millis(200), Duration::from_millis(250));
    assert_eq!((shared.sync, shared.timeout), (sync, timeout));
    let shared = read("prefix: a:b, sync: 1s, timeout: 50ms, replicas: 3");
    assert_eq!((shared.prefix.as_str(), shared.replicas), ("a:b", Some(3)));
    for (wrong, reason) in [
        ("prefix: 'a*'", "prefix"),
        ("sync: 10ms", "between 50ms and 5s"),
        ("timeout: 6s", "between 10ms and 5s"),
        ("ca_file: /ca.pem", "without TLS"),
        ("replicas: 0", "replicas"),
        ("url: redis://user@h", "given twice"),
    ] {
        let error = refuse(&format!("{MINIMAL}shared: {{url: redis://h, {wrong}}}"));
        assert!(error.contains(reason), "{error}");
    }
}
