//! What the operator sees: a line when a request ends, a line for each failed attempt, all of them JSON.

mod strangers;

use serde_json::{Value, json};

use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Upstream, openai};

fn start(a: &Upstream, environment: &[(&str, &str)]) -> Gateway {
    let b = Upstream::saying("from b");
    let mut config = Config::new()
        .provider("a", a)
        .provider("b", &b)
        .route("r", [("a", "model-a"), ("b", "model-b")]);
    for (name, value) in environment {
        config = config.environment(name, value);
    }
    let gateway = config.start();
    gateway.ask("r", false);
    // The second step is only there for the first request.
    drop(b);
    gateway
}

fn asked_as(gateway: &Gateway, id: &str, body: &str) {
    let fields = [("X-Request-Id", id)];
    gateway.exchange(request("POST", "/v1/chat/completions", &fields, body));
}

/// Log collectors parse each line; one that is no JSON is lost or stops them.
#[test]
fn every_line_is_json_with_its_time() {
    let a = Upstream::saying("from a");
    a.then(Script::json(503, "{}"));
    let gateway = start(&a, &[("LOG_LEVEL", "debug")]);
    gateway.get("/nowhere");
    gateway.exchange("nonsense\r\n\r\n");
    asked_as(
        &gateway,
        "last",
        &openai::request("r\n{\"msg\":\"forged\"}\n", false),
    );
    gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == "last");
    for line in gateway.output.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for field in ["ts", "level", "msg"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        assert_ne!(line["msg"], "forged", "a client wrote a line");
    }
}

#[test]
fn a_finished_request_is_one_line() {
    let a = Upstream::saying("from a");
    let gateway = start(&a, &[]);
    for stream in [false, true] {
        let id = if stream { "streamed" } else { "plain" };
        asked_as(&gateway, id, &openai::request("r", stream));
        let line =
            gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == id);
        assert_eq!(
            json!([
                line["route"],
                line["stream"],
                line["status"],
                line["steps"],
                line["served_by"],
                line["fallbacks"]
            ]),
            json!(["r", stream, 200, 1, "a/model-a", 0]),
            "{line}"
        );
        assert!(
            line["duration_ms"].is_number() && line["client"].is_string(),
            "{line}"
        );
        if !stream {
            assert_eq!(
                json!([line["prompt_tokens"], line["completion_tokens"]]),
                json!([3, 5]),
                "{line}"
            );
        }
    }
    let lines = gateway.output.text();
    assert_eq!(
        lines.matches("\"plain\"").count(),
        1,
        "more than one line for a request"
    );
}

/// The usage of a stream comes in its last chunk.
#[test]
fn the_tokens_of_a_stream() {
    let usage =
        r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}}"#;
    let a = Upstream::always(Script::events([&openai::text("x"), &openai::stop(), usage]));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    asked_as(&gateway, "tokens", &openai::request("r", true));
    let line =
        gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == "tokens");
    assert_eq!(
        json!([line["prompt_tokens"], line["completion_tokens"]]),
        json!([11, 22]),
        "{line}"
    );
}

#[test]
fn a_failed_attempt_is_one_line() {
    let a = Upstream::always(Script::json(503, &openai::error("overheated", "x")));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "model-a")])
        .start();
    asked_as(&gateway, "failed", &openai::request("r", false));
    let line = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    assert_eq!(
        json!([
            line["request_id"],
            line["route"],
            line["step"],
            line["provider"],
            line["model"],
            line["class"],
            line["status"]
        ]),
        json!(["failed", "r", 0, "a", "model-a", "server_error", 503]),
        "{line}"
    );
    assert!(
        line["error"].as_str().unwrap().contains("overheated"),
        "{line}"
    );
    assert!(line["duration_ms"].is_number(), "{line}");
    let end = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        json!([end["status"], end["served_by"]]),
        json!([502, null]),
        "{end}"
    );
}

/// A key that a provider refuses is the operator's to mend: it is an error, and it names the provider.
#[test]
fn a_refused_key_is_an_error() {
    let a = Upstream::always(Script::json(
        401,
        &openai::error("who are you?", "invalid_api_key"),
    ));
    let gateway = start(&a, &[]);
    let line = gateway.wait_for_log(|line| {
        line["level"]
            .as_str()
            .is_some_and(|level| level.eq_ignore_ascii_case("error"))
    });
    assert!(line.to_string().contains(r#""a""#), "{line}");
}

/// What users write is theirs: nothing of it at the usual level, and no more than 100 characters at debug level.
#[test]
fn prompts_stay_out_of_the_log() {
    let prompt: String = (0..200).map(|number| format!("w{number} ")).collect();
    let body = json!({"model": "r", "messages": [{"role": "user", "content": prompt}]}).to_string();
    for (level, most) in [("info", 0), ("debug", 100)] {
        let a = Upstream::saying(&prompt);
        let gateway = start(&a, &[("LOG_LEVEL", level)]);
        asked_as(&gateway, "prompt", &body);
        gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == "prompt");
        let log = gateway.output.text();
        let shown = prompt
            .split_inclusive(' ')
            .take_while(|word| log.contains(word.trim_end()))
            .map(str::len)
            .sum::<usize>();
        // The cut may fall within a word.
        assert!(shown <= most + 5, "{level}: {shown} characters of a prompt");
    }
}

/// For people at a terminal.
#[test]
fn text_for_terminals() {
    let a = Upstream::saying("from a");
    let folder = crate::support::process::Folder::new();
    let config = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .text();
    let file = folder.file("config.yaml", &config);
    let mut child = crate::support::process::command()
        .arg("--config")
        .arg(file)
        .env("LOG_FORMAT", "text")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let output = crate::support::process::Output::default();
    output.collect(child.stdout.take().unwrap());
    let line = output.wait_for(|line| line.contains("listening").then(|| line.to_owned()));
    drop(child.kill());
    drop(child.wait());
    let line = line.expect("a line");
    assert!(!line.trim_start().starts_with('{'), "{line}");
}
