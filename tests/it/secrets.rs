//! No key, ever: neither in what the gateway prints at its most talkative, nor in any answer, however hard others try.

use rustix::process::Signal;

use crate::support::config::{CLIENT_KEY, provider_key};
use crate::support::gateway::{anonymous, request};
use crate::support::process::{Folder, command, run};
use crate::support::{Collector, Config, Script, Upstream, openai};

const ENVIRONMENT_KEY: &str = "environment-key-77aa0: #x";
const HEADER_KEY: &str = "header-key-5d5d5d5d";
const SECOND_CLIENT_KEY: &str = "second-client-key-31337";

fn keys() -> Vec<String> {
    let mut keys: Vec<String> = ["echo", "html", "stream"].map(provider_key).to_vec();
    keys.extend([CLIENT_KEY, SECOND_CLIENT_KEY, ENVIRONMENT_KEY, HEADER_KEY].map(str::to_owned));
    keys
}

/// A provider that repeats the key it was sent, as real ones do, with this script made of it.
fn repeating(script: impl Fn(&str) -> Script + Send + Sync + 'static) -> Upstream {
    Upstream::answering(move |request| {
        let everything = String::from_utf8_lossy(&request.head.raw).into_owned();
        let told = everything.replace(['\r', '\n'], " ");
        script(&told)
    })
}

fn config(level: &str, upstreams: &[Upstream; 4]) -> Config {
    let [echo, html, stream, environment] = upstreams;
    Config::new()
        .environment("LOG_LEVEL", level)
        .environment("PROVIDER_KEY", ENVIRONMENT_KEY)
        .environment("HEADER_KEY", HEADER_KEY)
        .with("api_keys:")
        .with(&format!("  - {{name: one, key: {CLIENT_KEY}}}"))
        .with(&format!("  - {{name: two, key: {SECOND_CLIENT_KEY}}}"))
        .provider("echo", echo)
        .provider("html", html)
        .provider("stream", stream)
        .provider_with(
            "environment",
            environment,
            &[
                "api_key: ${PROVIDER_KEY}",
                "headers: {X-Extra: \"${HEADER_KEY}\"}",
            ],
        )
        .route("all", [("echo", "m"), ("html", "m"), ("environment", "m")])
        .route("echo", [("echo", "m")])
        .route("environment", [("environment", "m")])
        .route("broken", [("stream", "m")])
}

/// Requests of a client that has its key in the wrong places; only what may stand in a path or a field.
fn pasted(key: &str) -> Vec<Vec<u8>> {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let escaped = key.replace(' ', "%20").replace('#', "%23");
    let get = |path: &str, fields: &[(&str, &str)]| request("GET", path, fields, "");
    let state = format!("vendor={key}");
    let traced = [("traceparent", PARENT), ("tracestate", state.as_str())];
    let mut all = vec![
        get("/v1/models", &[("User-Agent", &format!("agent {key}"))]),
        get("/v1/models", &[("traceparent", key)]),
        get("/v1/models", &traced),
        request(
            "POST",
            "/v1/chat/completions",
            &traced,
            &openai::request("echo", false),
        ),
        request(
            "POST",
            "/v1/chat/completions",
            &[],
            &openai::request(key, true),
        ),
    ];
    for escaped in [escaped, key.replace('-', "%2d").replace([' ', '#'], "%20")] {
        all.push(get(&format!("/v1/{escaped}/models"), &[]));
        all.push(get(&format!("/v1/models/{escaped}"), &[]));
        all.push(get(&format!("/health/{escaped}?key={escaped}"), &[]));
    }
    if !key.contains(' ') && !key.contains(':') {
        all.push(request(key, "/v1/models", &[], ""));
    }
    all
}

#[test]
fn no_key_in_any_output_or_answer() {
    for level in ["debug", "trace"] {
        let upstreams = [
            repeating(|told| {
                Script::json(
                    401,
                    &openai::error(&format!("Incorrect API key: {told}"), "invalid_api_key"),
                )
            }),
            repeating(|told| {
                Script::body(
                    502,
                    &[("Content-Type", "text/html"), ("X-Told", told)],
                    format!("<html>{told}"),
                )
            }),
            repeating(|told| {
                let error = openai::error(told, "x");
                Script::stream()
                    .event(&openai::text("one"))
                    .event(&error)
                    .last_chunk()
            }),
            repeating(|told| Script::body(302, &[("Location", "http://127.0.0.1:1/?key")], told)),
        ];
        let collector = Collector::new();
        let config = config(level, &upstreams).with("capture_content: true");
        let mut gateway = collector.configure(config).start();
        let mut answers = String::new();
        for route in ["all", "echo", "environment", "broken", "nobody"] {
            for stream in [false, true] {
                answers.push_str(&gateway.ask(route, stream).to_string());
            }
        }
        for bytes in [
            anonymous("GET", "/v1/diagnostics/upstream-models", &[], ""),
            anonymous("GET", "/v1/models", &[("X-Api-Key", SECOND_CLIENT_KEY)], ""),
            request("GET", "/v1/diagnostics/routes", &[], ""),
            request("GET", "/v1/diagnostics/status", &[], ""),
            anonymous("GET", "/metrics", &[], ""),
            anonymous("GET", "/", &[("Accept", "text/html")], ""),
            request("GET", &format!("/v1/nowhere?api_key={CLIENT_KEY}"), &[], ""),
            request("POST", "/v1/chat/completions", &[], "{"),
            request("GET", &format!("/v1/models/{CLIENT_KEY}"), &[], ""),
            request("POST", "/v1/chat/completions", &[], &openai::request(CLIENT_KEY, false)),
            format!("GET /v1/models HTTP/1.1\r\nHost: g\r\nX-Api-Key: {CLIENT_KEY}\r\nbroken line\r\n\r\n").into_bytes(),
        ] {
            answers.push_str(&gateway.exchange(bytes).to_string());
        }
        for key in keys() {
            for bytes in pasted(&key) {
                answers.push_str(&gateway.exchange(bytes).to_string());
            }
        }
        let metrics = gateway.get("/metrics").text();
        assert!(metrics.contains("ai_gateway_requests_total"), "{metrics}");
        answers.push_str(&metrics);
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.wait(), Some(0));
        let printed = gateway.output.text();
        let exported = collector.everything();
        for signal in ["traces", "logs", "metrics"] {
            assert!(
                exported.contains(&format!("POST /v1/{signal} ")),
                "{signal}"
            );
        }
        assert!(
            printed.lines().count() > 10,
            "nothing was logged:\n{printed}"
        );
        assert!(
            answers.contains("Incorrect API key"),
            "the provider's words are gone: {answers}"
        );
        for key in keys()
            .into_iter()
            .flat_map(|key| [key.replace('-', "%2d"), key])
        {
            assert!(!answers.contains(&key), "{key} in an answer:\n{answers}");
            assert!(!printed.contains(&key), "{key} in the output:\n{printed}");
            assert!(!exported.contains(&key), "{key} was exported");
        }
        for upstream in &upstreams {
            for request in upstream.requests() {
                let head = String::from_utf8_lossy(&request.head.raw).into_owned();
                assert!(
                    !head.contains(CLIENT_KEY),
                    "the client's key at a provider: {head}"
                );
            }
        }
    }
}

/// A provider's words are cut to 500 characters (DESIGN section 5; it was 2 KiB), and the cut may go through a key: nobody
/// would recognize the half that is left.
#[test]
fn no_half_of_a_key_that_was_cut() {
    const PREFIX: usize = 10;
    let key = provider_key("a");
    for cut in PREFIX..key.len() {
        let words = format!("{} {key}", "x".repeat(500 - 1 - cut));
        let a = Upstream::always(Script::json(400, &openai::error(&words, "x")));
        let gateway = Config::new()
            .provider("a", &a)
            .route("r", [("a", "m")])
            .start();
        let response = gateway.ask("r", false);
        assert_eq!(response.status, 400, "{response}");
        assert!(response.text().contains("xxx ***"), "{cut}: {response}");
        gateway.wait_for_log(|line| line["msg"] == "request");
        for text in [response.text(), gateway.output.text()] {
            assert!(!text.contains(&key[..PREFIX]), "{cut}: {text}");
        }
    }
}

/// The commands read the same file.
#[test]
fn no_key_from_the_commands() {
    let upstreams = std::array::from_fn(|_| Upstream::saying("fine"));
    let folder = Folder::new();
    let good = folder.file("good.yaml", &config("debug", &upstreams).text());
    let bad = config("debug", &upstreams)
        .text()
        .replace("base_url: http", "base_url: nonsense");
    let bad = folder.file("bad.yaml", &(bad + "surprise: 1\n"));
    for arguments in [
        vec!["check", "--config", good.to_str().unwrap()],
        vec!["check", "--config", bad.to_str().unwrap()],
        vec!["explain", "all", "--config", good.to_str().unwrap()],
        vec!["--config", bad.to_str().unwrap()],
    ] {
        let ended = run(command()
            .args(&arguments)
            .env("PROVIDER_KEY", ENVIRONMENT_KEY)
            .env("HEADER_KEY", HEADER_KEY)
            .env("LOG_LEVEL", "trace"));
        let printed = ended.stdout + &ended.stderr;
        assert!(!printed.is_empty(), "{arguments:?}");
        for key in keys() {
            assert!(
                !printed.contains(&key),
                "{key} printed by {arguments:?}:\n{printed}"
            );
        }
    }
}

/// PHP writes `/` as `\/`, others all but letters as `\u00xx`; a body of unknown shape is shown as it came.
#[test]
fn no_key_with_the_escapes_of_json() {
    let key = "sk-secret/ABCDEFGH+QRSTUV";
    let spellings = [
        key.replace('/', "\\/"),
        key.replace('/', "\\u002f").replace('-', "\\u002D"),
        key.chars()
            .map(|c| format!("\\u{:04x}", u32::from(c)))
            .collect(),
        key.replace('/', "\\\\\\/"),
        key.replace('/', "%2F").replace('+', "%2b"),
    ];
    for spelled in spellings {
        let upstream = Upstream::always(Script::json(
            422,
            &format!(r#"{{"detail":[{{"key":"{spelled}"}}],"inner":"{{\"key\":\"{spelled}\"}}"}}"#),
        ));
        let gateway = Config::new()
            .environment("LOG_LEVEL", "debug")
            .provider_with("a", &upstream, &[&format!("api_key: {key}")])
            .route("r", [("a", "m")])
            .start();
        let answer = gateway.ask("r", false).to_string();
        gateway.wait_for_log(|line| line["msg"] == "request");
        for text in [answer, gateway.output.text()] {
            assert!(text.contains("***"), "{spelled}: {text}");
            for part in ["ABCDEFGH", "QRSTUV", &spelled] {
                assert!(!text.contains(part), "{part} of {spelled}: {text}");
            }
        }
    }
}
