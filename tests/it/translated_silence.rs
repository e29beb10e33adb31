//! Translated streams in which nothing comes for a while: a provider's silence is no end, and where the gateway itself has
//! no time left, each client is told in its own dialect.

use std::thread;
use std::time::Duration;

use rustix::process::Signal as Kill;
use serde_json::json;

use crate::support::client::End;
use crate::support::gateway::request;
use crate::support::process::has_time;
use crate::support::{Config, Connection, Script, Step, Upstream, messages, openai, responses};

const PATHS: [&str; 3] = ["/v1/responses", "/v1/messages", "/api/chat"];

/// A request that every dialect takes.
fn asked(path: &str, route: &str) -> Vec<u8> {
    let said = json!([{"role": "user", "content": "hi"}]);
    let mut body = json!({"model": route, "stream": true, "max_tokens": 99});
    let words = match path {
        "/v1/responses" => "input",
        _ => "messages",
    };
    body[words] = said;
    request("POST", path, &[], &body.to_string())
}

/// The rest of a stream, to its end.
fn rest_of(connection: &mut Connection) -> String {
    let response = connection.response();
    assert_eq!(response.end, End::Complete, "{response}");
    response.text()
}

/// A model that looks something up is silent for long; the client gets a sign of life every 15 s. Long, as that is so.
#[test]
fn a_silence_longer_than_a_sign_of_life_is_no_end() {
    if !has_time() {
        return;
    }
    let a = Upstream::always(
        Script::stream()
            .event(&openai::role())
            .event(&openai::text("before"))
            .pause(Duration::from_secs(32))
            .event(&openai::text("behind"))
            .event(&openai::stop())
            .done(),
    );
    let gateway = Config::new()
        .with("ollama: {enabled: true}")
        .provider("a", &a)
        .route("r", [Step::new("a", "m").with("stall_timeout: 60s")])
        .start();
    thread::scope(|scope| {
        for (path, sign, is_given, end) in [
            (PATHS[0], "\n:\n", true, "response.completed"),
            (PATHS[1], "event: ping\n", true, "message_stop"),
            (PATHS[2], "\n\n", false, r#""done":true"#),
        ] {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut connection = gateway.connect();
                let patience = Some(Duration::from_secs(60));
                connection.socket().set_read_timeout(patience).unwrap();
                connection.send(asked(path, "r"));
                let text = rest_of(&mut connection);
                assert!(text.contains("behind") && text.contains(end), "{text}");
                assert_eq!(text.contains(sign), is_given, "{text}");
            });
        }
    });
}

/// A deployment ends streams that take too long, and half an answer must not pass for a whole one.
#[test]
fn a_gateway_that_stops_says_so_in_the_dialect_of_the_client() {
    let chat = Script::stream()
        .event(&openai::text("one"))
        .event(&openai::text("two"));
    let a = Upstream::always(chat.silence());
    let b = Upstream::always(responses::begun(&responses::events(&["one", "two"])[..6]).silence());
    let c = Upstream::always(messages::begun(&messages::events(&["one", "two"])[..5]).silence());
    let mut gateway = Config::new()
        .server("shutdown_timeout: 300ms")
        .with("ollama: {enabled: true}")
        .provider("a", &a)
        .provider_with("b", &b, &["responses: true"])
        .provider_with("c", &c, &["kind: anthropic"])
        .route("chat", [("a", "m")])
        .route("responses", [("b", "m")])
        .route("messages", [("c", "m")])
        .start();
    let cases = [
        (PATHS[0], "chat", "response.failed"),
        (PATHS[0], "responses", "response.failed"),
        (PATHS[0], "messages", "response.failed"),
        (PATHS[1], "chat", "overloaded_error"),
        (PATHS[1], "messages", "overloaded_error"),
        (PATHS[2], "chat", r#"{"error":""#),
        (PATHS[2], "messages", r#"{"error":""#),
        ("/v1/chat/completions", "messages", "OVERLOADED"),
    ];
    let mut connections = cases.map(|(path, route, _)| {
        let mut connection = gateway.connect();
        connection.send(asked(path, route));
        connection
    });
    let mut streams = connections.each_mut().map(|connection| {
        let mut stream = connection.stream();
        let mut text = String::new();
        while !text.contains("one") {
            let piece = stream.piece().expect("a first word");
            text.push_str(&String::from_utf8(piece).unwrap());
        }
        stream
    });
    gateway.signal(Kill::TERM);
    for ((path, route, mark), stream) in cases.iter().zip(&mut streams) {
        let mut text = String::new();
        while let Some(piece) = stream.piece() {
            text.push_str(&String::from_utf8(piece).unwrap());
        }
        assert_eq!(stream.end, Some(End::Complete), "{path} on {route}: {text}");
        assert!(text.contains(mark), "{path} on {route}: {text}");
        let words = "the gateway is stopping; try again in a moment";
        assert!(text.contains(words), "{path} on {route}: {text}");
        let ends = [
            "response.completed",
            "message_stop",
            "\"done\":true",
            "[DONE]",
        ];
        let is_whole = ends.iter().any(|end| text.contains(end));
        assert!(!is_whole, "{path} on {route}: {text}");
    }
    assert_eq!(gateway.wait(), Some(0));
}
