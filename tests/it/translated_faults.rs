//! Whatever a provider does wrong before its first content, in whichever dialect: every client gets the next step's answer,
//! whole, and in its own dialect.

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Step, Upstream, messages, openai};

/// A dialect of clients: its path, and the mark that ends a whole stream.
#[derive(Clone, Copy)]
struct Client {
    path: &'static str,
    end: &'static str,
}

const CHAT: Client = Client {
    path: "/v1/chat/completions",
    end: "[DONE]",
};
const RESPONSES: Client = Client {
    path: "/v1/responses",
    end: "response.completed",
};
const MESSAGES: Client = Client {
    path: "/v1/messages",
    end: "message_stop",
};
const OLLAMA: Client = Client {
    path: "/api/chat",
    end: r#""done":true"#,
};

/// A fault: the plain answer, the stream, and the class of the failure (`|` between those of the one and the other).
type Fault = (Script, Script, &'static str);

impl Client {
    fn ask(self, gateway: &Gateway, stream: bool) -> Response {
        let said = json!([{"role": "user", "content": "hi"}]);
        let mut body = json!({"model": "r", "stream": stream, "max_tokens": 99});
        let words = if self.path == RESPONSES.path {
            "input"
        } else {
            "messages"
        };
        body[words] = said;
        gateway.exchange(request("POST", self.path, &[], &body.to_string()))
    }
}

/// A provider of this kind that does one thing for plain requests, and another for streams.
fn doing(plain: Script, streamed: Script) -> Upstream {
    Upstream::answering(move |request| match request.asks_for_a_stream() {
        true => streamed.clone(),
        false => plain.clone(),
    })
}

fn both(script: Script, class: &'static str) -> Fault {
    (script.clone(), script, class)
}

/// The faults that know no dialect.
fn faults_of_transport() -> Vec<Fault> {
    let page = Script::body(200, &[("Content-Type", "text/html")], "<html>hi</html>");
    vec![
        both(Script::default().silence(), "timeout"),
        both(Script::default().reset(), "unreachable"),
        both(page, "bad_response"),
        both(
            Script::body(302, &[("Location", "https://x.test/")], ""),
            "bad_response",
        ),
        both(Script::json(200, "{\"a\":"), "bad_response"),
    ]
}

fn first_step_fails(
    clients: &[Client],
    faults: Vec<Fault>,
    kind: &str,
    good: &dyn Fn() -> Upstream,
) {
    for (plain, streamed, classes) in faults {
        let a = doing(plain, streamed);
        // On a busy machine a fault that is told must not be taken for silence.
        let is_silence = classes.split('|').any(|class| class == "timeout");
        let patience = if is_silence {
            "timeout: 400ms"
        } else {
            "timeout: 30s"
        };
        let b = good();
        for client in clients {
            for stream in [false, true] {
                let gateway = Config::new()
                    .with("ollama: {enabled: true}")
                    .provider_with("a", &a, &[kind])
                    .provider_with("b", &b, &[kind])
                    .route(
                        "r",
                        [
                            Step::new("a", "model-a").with(patience),
                            Step::new("b", "model-b"),
                        ],
                    )
                    .start();
                let response = client.ask(&gateway, stream);
                let name = format!("{} {classes} {stream}: {response}", client.path);
                assert_eq!(
                    (response.status, &response.end),
                    (200, &End::Complete),
                    "{name}"
                );
                assert_eq!(response.header("x-routed-via"), Some("b/model-b"), "{name}");
                let text = response.text();
                assert!(text.contains("from b"), "{name}");
                let ends = text.contains(client.end);
                assert_eq!(ends, stream || client.path == OLLAMA.path, "{name}");
                let failed = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
                let class = failed["class"].as_str().unwrap();
                assert!(
                    classes.split('|').any(|one| one == class),
                    "{class}, {name}"
                );
            }
        }
    }
}

#[test]
fn providers_of_chat() {
    let error = |code: &str| json!({"error": {"message": "m", "code": code}}).to_string();
    let begun = |event: String| {
        Script::stream()
            .event(&openai::role())
            .event(&event)
            .last_chunk()
    };
    let mut faults = faults_of_transport();
    faults.extend([
        both(Script::json(500, &error("x")), "server_error"),
        both(Script::json(429, &error("rate_limit_exceeded")), "rate_limited"),
        both(Script::json(401, &error("invalid_api_key")), "unauthorized"),
        both(Script::json(402, &error("insufficient_quota")), "quota_exhausted"),
        both(Script::json(404, &error("model_not_found")), "model_not_found"),
        both(Script::json(400, &error("x")), "rejected"),
        (
            Script::json(200, &error("server_error")),
            begun(error("server_error")),
            "server_error",
        ),
        (
            Script::json(200, &openai::answer("")),
            Script::events([openai::role(), openai::stop()]),
            "empty_answer",
        ),
        (
            Script::json(200, r#"{"choices":[]}"#),
            Script::stream().event(&openai::role()).close(),
            "empty_answer|bad_response",
        ),
        (
            Script::json(200, r#"{"object":"list","data":[]}"#),
            begun("{".to_owned()),
            "empty_answer|bad_response",
        ),
        (
            Script::json(200, &openai::answer("half")).cut_after(150),
            Script::stream().event(&openai::role()).silence(),
            "bad_response|timeout",
        ),
        // The provider says itself that it went wrong, or an end is missing.
        (
            Script::json(200, &json!({"choices": [{"index": 0, "finish_reason": "error", "message": {"role": "assistant", "content": null}}]}).to_string()),
            Script::events([openai::role(), openai::chunk(json!({"content": ""}))]),
            "bad_response|empty_answer|server_error",
        ),
    ]);
    let good = || Upstream::saying("from b");
    first_step_fails(
        &[RESPONSES, MESSAGES, OLLAMA],
        faults,
        "kind: openai",
        &good,
    );
}

#[test]
fn providers_of_messages() {
    let error = |kind: &str| messages::error(kind);
    let refused = |status: u16, kind: &str| Script::json(status, &error(kind).to_string());
    let begun = |last: Value| messages::stream(&[messages::start(), last]);
    let mut faults = faults_of_transport();
    faults.extend([
        both(refused(529, "overloaded_error"), "server_error"),
        both(refused(429, "rate_limit_error"), "rate_limited"),
        both(refused(401, "authentication_error"), "unauthorized"),
        both(refused(404, "not_found_error"), "model_not_found"),
        both(refused(400, "invalid_request_error"), "rejected"),
        (
            Script::json(200, &error("overloaded_error").to_string()),
            begun(error("overloaded_error")),
            "server_error",
        ),
        (
            Script::json(200, &messages::message(json!([]), "end_turn").to_string()),
            begun(messages::end("end_turn")),
            "empty_answer",
        ),
        (
            Script::json(200, &openai::answer("hi")),
            messages::begun(&[messages::start()]).close(),
            "bad_response",
        ),
    ]);
    let good = || {
        Upstream::answering(|request| match request.asks_for_a_stream() {
            true => messages::stream(&messages::events(&["from b"])),
            false => Script::json(200, &messages::answer("from b")),
        })
    };
    first_step_fails(&[CHAT, RESPONSES, OLLAMA], faults, "kind: anthropic", &good);
}
