//! Every setting that can be wrong, with its whole message.

use super::{MINIMAL, refuse};

/// Lines that are appended to [`MINIMAL`], from line 6 on, and the whole message.
#[test]
fn a_wrong_setting_is_named_with_its_line() {
    let cases = [
        ("port: 0", "6: port: \"0\" is no port from 1 to 65535"),
        (
            "port: 65536",
            "6: port: \"65536\" is no port from 1 to 65535",
        ),
        ("port: +80", "6: port: \"+80\" is no port from 1 to 65535"),
        (
            "port: ${KEY}",
            "6: port: what the reference stands for is no port from 1 to 65535",
        ),
        ("port: [1]", "6: port: must be a single value, not a list"),
        (
            "port: 1\nlisten: :2",
            "7: listen: listen holds the port already: leave out `port`",
        ),
        (
            "listen: 127.0.0.1",
            "6: listen: \"127.0.0.1\" is no address such as 127.0.0.1:8080, [::1]:8080 or :8080",
        ),
        (
            "listen: example.com:80",
            "6: listen: \"example.com:80\" is no address such as 127.0.0.1:8080, [::1]:8080 or :8080",
        ),
        (
            "listen: []",
            "6: listen: is empty: at least one address is needed",
        ),
        (
            "ollama: {networks: 0.0.0.0/0}",
            "6: ollama.networks: has a prefix shorter than /8 (IPv4) or /7 (IPv6): most of the internet would need no key",
        ),
        (
            "ollama: {networks: ['fc00::/6', 10.0.0.0/8]}",
            "6: ollama.networks: has a prefix shorter than /8 (IPv4) or /7 (IPv6): most of the internet would need no key",
        ),
        (
            "ollama: {enabled: true, require_key: false}\napi_keys: [{name: ollama, key: other}]",
            "6: ollama: needs no key, and clients without one are counted as `ollama`: call the client in `api_keys` by another name",
        ),
        (
            "ollama: {version: gateway}",
            "6: ollama.version: \"gateway\" is no version of three numbers such as 0.12.11",
        ),
        (
            "ollama: {version: 0.6.3}",
            "6: ollama.version: \"0.6.3\" is older than 0.6.4, which some clients refuse",
        ),
        (
            "ollama: {routes: [x]}",
            "6: ollama.routes[0]: unknown route \"x\"",
        ),
        (
            "listen: :80\nollama: {listen: ':80'}",
            "7: ollama.listen: is an address of `listen` at the top, where all endpoints are served",
        ),
        (
            "wyoming: {}",
            "6: wyoming: has neither stt nor tts: name the route of at least one",
        ),
        ("wyoming: {stt: rr}", "6: wyoming.stt: unknown route \"rr\""),
        (
            "wyoming: {tts: r, networks: 0.0.0.0/0}",
            "6: wyoming.networks: has a prefix shorter than /8 (IPv4) or /7 (IPv6): most of the internet would need no key",
        ),
        (
            "wyoming: {tts: r}\napi_keys: [{name: wyoming, key: other}]",
            "6: wyoming: counts its callers as the client `wyoming`: call the client in `api_keys` by another name",
        ),
        (
            "listen: :80\nwyoming: {stt: r, listen: ':80'}",
            "7: wyoming.listen: is an address of `listen` at the top, where HTTP is spoken",
        ),
        (
            "wyoming: {tts: r, voices: []}",
            "6: wyoming.voices: is empty: leave it out for the built-in list",
        ),
        ("listen:\n- :1\n- :1", "8: listen[1]: is given twice"),
        (
            "default_timeout: 30",
            "6: default_timeout: \"30\" has no unit: write `30s` for seconds",
        ),
        (
            "default_timeout: 5min",
            "6: default_timeout: \"5min\" is no duration such as `30s`, `1m30s`, `1.5h` or `250ms`",
        ),
        (
            "default_timeout: 25h",
            "6: default_timeout: \"25h\" is longer than 24h",
        ),
        (
            "default_timeout: 0s",
            "6: default_timeout: \"0s\" is not above zero",
        ),
        (
            "default_timeout: ${NUMBER}",
            "6: default_timeout: what the reference stands for has no unit: write `30s` for thirty seconds",
        ),
        (
            "default_step_cooldown: -1s",
            "6: default_step_cooldown: \"-1s\" is no duration such as `30s`, `1m30s`, `1.5h` or `250ms`",
        ),
        (
            "default_timeout: 1s\ndefault_step_timeout: 1s",
            "6: default_timeout: default_timeout and default_step_timeout are two names for one setting: keep one",
        ),
        (
            "response_model: rout",
            "6: response_model: \"rout\" is not route or upstream, did you mean \"route\"?",
        ),
        (
            "proxy: socks5://h:1",
            "6: proxy: must begin with https:// or http://",
        ),
        (
            "proxy: https://h:1",
            "6: proxy: must be of the form http://host:port or http://user:password@host:port",
        ),
        (
            "proxy: http://h:1/path",
            "6: proxy: must be of the form http://host:port or http://user:password@host:port",
        ),
        (
            "cors: {origins: []}",
            "6: cors: must be a single value, not a mapping",
        ),
        (
            "cors: maybe",
            "6: cors: \"maybe\" is neither true nor false",
        ),
        (
            "cors: []",
            "6: cors: is empty: `cors: false` allows no origin",
        ),
        (
            "cors: [https://a.example/]",
            "6: cors[0]: \"https://a.example/\" is no origin such as https://app.example.com or http://localhost:3000, without a path",
        ),
        (
            "metrics: true",
            "6: metrics: must be a mapping of keys to values, not a single value",
        ),
        (
            "metrics: {requires_key: true}",
            "6: metrics.requires_key: unknown key, did you mean \"require_key\"?",
        ),
        (
            "hosts: gateway.lan",
            "6: hosts: must be a list, not a single value",
        ),
        (
            "hosts: []",
            "6: hosts: is empty: leave it out to allow every name",
        ),
        (
            "hosts: ['http://a']",
            "6: hosts[0]: \"http://a\" is no name such as gateway.lan, without scheme and port",
        ),
        (
            "status_page: maybe",
            "6: status_page: \"maybe\" is neither true nor false",
        ),
        (
            "server: 5",
            "6: server: must be a mapping of keys to values, not a single value",
        ),
        (
            "server:\n  max_body: big",
            "7: server.max_body: \"big\" is no size such as `32MiB`, `10MB` or `1048576`",
        ),
        (
            "server:\n  max_body: 10",
            "7: server.max_body: \"10\" is not between 1024 and 1073741824",
        ),
        (
            "server:\n  body_memory: 1KiB",
            "7: server.body_memory: \"1KiB\" is not between 1048576 and 1099511627776",
        ),
        (
            "server:\n  max_fields: 0",
            "7: server.max_fields: \"0\" is not between 1 and 10000",
        ),
        (
            "server:\n  trusted_proxies: [10.0.0.1, lan]",
            "7: server.trusted_proxies[1]: \"lan\" is no address or range such as 127.0.0.1, 10.0.0.0/8 or fd00::/8",
        ),
        (
            "server:\n  max_connections: 0",
            "7: server.max_connections: \"0\" is not between 1 and 1000000",
        ),
        (
            "server:\n  max_concurrent_requests: 0",
            "7: server.max_concurrent_requests: \"0\" is not between 1 and 100000",
        ),
        (
            "server:\n  max_fields: 1.5",
            "7: server.max_fields: \"1.5\" is no whole number",
        ),
        (
            "server:\n  max_head: 1KiB\n  max_target: 2KiB",
            "8: server.max_target: is larger than max_head, which holds the target",
        ),
        (
            "server:\n  keepalive: 5s",
            "7: server.keepalive: unknown key, did you mean \"keep_alive\"?",
        ),
        (
            "route: []",
            "6: route: unknown key, did you mean \"routes\"?",
        ),
        ("colour: red", "6: colour: unknown key"),
        // The line of the key, also when its value begins on the next line.
        ("colour:\n  deep: red", "6: colour: unknown key"),
        ("${KEY}: red", "6: ${KEY}: unknown key"),
        (
            "ca_file: ${KEY",
            "6: ca_file: `${` has no `}`; a literal `${` is written `$${`",
        ),
        (
            "ca_file: ${file:/nowhere}",
            "6: ca_file: cannot read /nowhere: entity not found",
        ),
        (
            "api_keys:\n- {name: a, key: k}",
            "7: api_keys[0].key: is the key of another client too: nobody could tell them apart",
        ),
        (
            "api_keys:\n- {name: default, key: x}",
            "7: api_keys[0].name: \"default\" is the name of two clients",
        ),
        ("api_keys:\n- {name: a}", "7: api_keys[0]: key is missing"),
        (
            "api_keys:\n- {name: a, key: ''}",
            "7: api_keys[0].key: is empty",
        ),
        (
            "api_keys:\n- {name: a, key: \"x\\ny\"}",
            "7: api_keys[0].key: holds a line break or another control character",
        ),
        (
            "api_keys:\n- {name: a, key: x, routes: []}",
            "7: api_keys[0].routes: is empty: leave it out to allow every route",
        ),
        (
            "api_keys:\n- name: a\n  key: x\n  routes:\n  - r\n  - R2",
            "11: api_keys[0].routes[1]: unknown route \"R2\"",
        ),
        (
            "api_keys:\n- x",
            "7: api_keys[0]: must be a mapping of keys to values, not a single value",
        ),
    ];
    for (lines, expected) in cases {
        let message = refuse(&format!("{MINIMAL}{lines}\n"));
        assert_eq!(message, format!("config.yaml:{expected}"), "{lines}");
    }
}
