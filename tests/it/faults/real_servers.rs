//! Bytes of real servers (tests/fixtures/real), which stand for what people run at home.

use super::*;

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/real/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a fixture")
}

fn stream(text: &str) -> Script {
    Script::stream().chunk(text)
}

fn alone(script: Script) -> (Upstream, Gateway) {
    let a = Upstream::always(script);
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    (a, gateway)
}

#[test]
fn streams_are_whole_with_and_without_an_end_mark() {
    for server in ["llama-server", "llama-cpp-python", "transformers-serve"] {
        let text = fixture(&format!("{server}-stream.txt"));
        let (_a, gateway) = alone(stream(&text).last_chunk());
        let response = gateway.ask("r", true);
        let events = response.events();
        assert_eq!(events.last().unwrap(), "[DONE]", "{server}: {response}");
        let sent = text.matches("data: {").count();
        assert_eq!(events.len(), sent + 1, "{server}: {response}");
        // What is right is not touched but for the model.
        let last = text
            .split("\n\n")
            .filter(|event| event.starts_with("data: {"))
            .last();
        let id = last.unwrap().split("\"id\"").nth(1).unwrap();
        assert!(events[sent - 1].contains(&id[..40]), "{server}: {response}");
        let plain = gateway.ask("r", false).json();
        assert_eq!(
            plain["choices"][0]["message"]["content"], "Hello",
            "{server}"
        );
        assert_eq!(plain["choices"][0]["finish_reason"], "length", "{server}");
    }
}

/// llama-cpp-python interrupts a stream when the next request comes.
#[test]
fn an_interrupted_stream_is_told_once_the_server_is_known() {
    let interrupted = || stream(&fixture("llama-cpp-python-interrupted.txt"));
    let (a, gateway) = alone(interrupted().last_chunk());
    a.then(stream(&fixture("llama-cpp-python-stream.txt")).last_chunk());
    assert!(gateway.ask("r", true).text().ends_with("data: [DONE]\n\n"));
    let response = gateway.ask("r", true);
    assert!(!response.text().contains("[DONE]"), "{response}");
    assert!(
        response.text().contains("server error: the stream broke"),
        "{response}"
    );
    // The socket closes without the last chunk: half, whether it is known or not.
    let (_a, gateway) = alone(interrupted().close());
    assert!(!gateway.ask("r", true).text().contains("[DONE]"));
}

#[test]
fn a_stop_that_is_the_first_token_is_an_answer() {
    for server in ["llama-server", "llama-cpp-python"] {
        let text = fixture(&format!("{server}-stop-at-once.json"));
        let (_a, gateway) = alone(Script::json(200, &text));
        let mut body: Value = serde_json::from_str(&openai::request("r", false)).unwrap();
        body["stop"] = json!("Hello");
        let response = gateway.post(&body.to_string());
        assert_eq!(response.status, 200, "{server}: {response}");
        assert_eq!(response.json()["choices"][0]["message"]["content"], "");
    }
}
