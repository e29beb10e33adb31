//! `POST /v1/audio/speech`: sound as it comes, and never half of it taken for the whole.

use serde_json::{Value, json};

use super::{class_of_failure, two_steps};
use crate::support::client::{End, Response};
use crate::support::gateway::{head, request};
use crate::support::{Config, Gateway, Script, Signal, Step, Upstream};

const PATH: &str = "/v1/audio/speech";
const SOUND: &[u8] = b"ID3\x04\x00\xff\xfb\x90\r\n\x00sound";

fn wish() -> Vec<u8> {
    let body = json!({"model": "r", "input": "hi", "voice": "alloy"}).to_string();
    request("POST", PATH, &[("Content-Type", "application/json")], &body)
}

fn sound() -> Script {
    Script::body(200, &[("Content-Type", "audio/mpeg")], SOUND)
}

fn chunked() -> Script {
    Script::head(
        200,
        &[
            ("Content-Type", "audio/mpeg"),
            ("Transfer-Encoding", "chunked"),
        ],
    )
}

fn one_step(a: &Upstream) -> Gateway {
    let step = Step::new("a", "model-a")
        .with("timeout: 400ms")
        .with("stall_timeout: 300ms");
    Config::new().provider("a", a).route("r", [step]).start()
}

#[test]
fn sound_passes_as_it_is() {
    let untyped = Script::body(200, &[], SOUND);
    for (script, kind, length) in [
        (sound(), "audio/mpeg", Some(SOUND.len().to_string())),
        (chunked().chunk(SOUND).last_chunk(), "audio/mpeg", None),
        (
            untyped,
            "application/octet-stream",
            Some(SOUND.len().to_string()),
        ),
        (
            Script::head(200, &[("Content-Type", "audio/pcm;rate=24000")])
                .send(SOUND)
                .close(),
            "audio/pcm;rate=24000",
            None,
        ),
    ] {
        let a = Upstream::always(script);
        let gateway = one_step(&a);
        let response = gateway.exchange(wish());
        assert_eq!(
            (response.status, &response.end),
            (200, &End::Complete),
            "{response}"
        );
        assert_eq!(response.body, SOUND);
        assert_eq!(response.header("content-type"), Some(kind));
        assert_eq!(response.header("content-length"), length.as_deref());
        assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
        let sent = a.request();
        assert_eq!(sent.head.first_line, "POST /v1/audio/speech HTTP/1.1");
        assert_eq!(
            sent.json(),
            json!({"model": "model-a", "input": "hi", "voice": "alloy"})
        );
        let line = gateway.wait_for_log(|line| line["msg"] == "request");
        assert_eq!(
            (&line["status"], &line["error"]),
            (&json!(200), &Value::Null),
            "{line}"
        );
    }
}

/// A voice assistant begins to speak with the first words.
#[test]
fn each_piece_arrives_before_the_next_is_sent() {
    let signals: Vec<Signal> = (0..4).map(|_| Signal::new()).collect();
    let script = signals
        .iter()
        .enumerate()
        .fold(chunked(), |script, (number, signal)| {
            script.chunk(format!("piece {number}")).await_signal(signal)
        });
    let a = Upstream::always(script.last_chunk());
    let gateway = one_step(&a);
    let mut connection = gateway.connect();
    connection.send(wish());
    let mut stream = connection.stream();
    for (number, signal) in signals.iter().enumerate() {
        assert_eq!(stream.piece(), Some(format!("piece {number}").into_bytes()));
        signal.give();
    }
    assert_eq!(stream.piece(), None);
    assert_eq!(stream.end, Some(End::Complete));
}

#[test]
fn a_fault_before_the_first_byte_costs_a_step() {
    let page = [("Content-Type", "text/html")];
    for (fault, class) in [
        (Script::json(500, "{}"), "server_error"),
        (
            Script::json(429, r#"{"error":{"message":"slow down"}}"#),
            "rate_limited",
        ),
        (
            Script::json(200, r#"{"error":{"message":"slow down","code":429}}"#),
            "rate_limited",
        ),
        (Script::json(200, r#"{"audio":"UklG"}"#), "bad_response"),
        (Script::body(200, &page, "<html>hi</html>"), "bad_response"),
        (
            Script::body(200, &[("Content-Type", "text/plain")], "no voice"),
            "bad_response",
        ),
        // An error under the type of sound.
        (
            Script::body(
                200,
                &[("Content-Type", "audio/mpeg")],
                r#"{"error":{"message":"m"}}"#,
            ),
            "server_error",
        ),
        (
            Script::body(200, &[("Content-Type", "audio/mpeg")], ""),
            "empty_answer",
        ),
        (chunked().last_chunk(), "empty_answer"),
        (chunked().silence(), "timeout"),
        (chunked().close(), "bad_response"),
        (Script::default().reset(), "unreachable"),
    ] {
        let (a, b) = (Upstream::always(fault), Upstream::always(sound()));
        let gateway = two_steps(&a, &b);
        let response = gateway.exchange(wish());
        assert_eq!(
            (response.status, response.body.as_slice()),
            (200, SOUND),
            "{class} {response}"
        );
        assert_eq!(response.header("x-fallback-count"), Some("1"), "{response}");
        assert_eq!(class_of_failure(&gateway), class);
    }
}

/// Half a sentence under a 200 would be played as if it were all of it.
#[test]
fn sound_that_breaks_off_breaks_the_transfer() {
    let whole = sound();
    for script in [
        chunked().chunk("half of it").close(),
        chunked().chunk("half of it").reset(),
        chunked().chunk("half of it").silence(),
        whole.clone().cut_after(whole.len() - 5),
        whole.clone().silent_after(whole.len() - 5),
    ] {
        let (a, b) = (Upstream::always(script), Upstream::always(sound()));
        let gateway = two_steps(&a, &b);
        let response = gateway.exchange(wish());
        assert_eq!(response.status, 200);
        assert!(matches!(response.end, End::Cut(_)), "{response}");
        assert!(
            !response.body.is_empty() && b.requests().is_empty(),
            "{response}"
        );
        assert_ne!(class_of_failure(&gateway), Value::Null);
        let line = gateway.wait_for_log(|line| line["msg"] == "request");
        assert_ne!(line["error"], Value::Null, "{line}");
    }
}

/// To a client that reads until the end of the connection, a FIN says that all is well.
#[test]
fn an_old_client_sees_a_reset() {
    let a = Upstream::always(chunked().chunk("half of it").close());
    let gateway = one_step(&a);
    let text = String::from_utf8(wish()).unwrap();
    let response = gateway.exchange(text.replace("HTTP/1.1", "HTTP/1.0"));
    assert!(matches!(response.end, End::Cut(_)), "{response}");
}

#[test]
fn a_client_that_leaves_ends_the_call() {
    let a = Upstream::always(chunked().chunk("piece").silence());
    let step = Step::new("a", "model-a").with("stall_timeout: 30s");
    let gateway = Config::new().provider("a", &a).route("r", [step]).start();
    let mut connection = gateway.connect();
    connection.send(wish());
    let mut stream = connection.stream();
    assert_eq!(stream.piece(), Some(b"piece".to_vec()));
    drop(connection);
    a.wait_for_abandonment(0);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(line["status"], 499, "{line}");
}

/// Ten minutes of sound must not lie in memory.
#[test]
fn long_sound_is_not_held() {
    const SIZE: usize = 64 * 1024 * 1024;
    let length = SIZE.to_string();
    let fields = [
        ("Content-Type", "audio/wav"),
        ("Content-Length", length.as_str()),
    ];
    let a =
        Upstream::always(Script::head(200, &fields).flood(vec![7; 64 * 1024], SIZE / (64 * 1024)));
    let gateway = one_step(&a);
    let before = gateway.peak_memory();
    let response = gateway.exchange(wish());
    assert_eq!((response.body.len(), &response.end), (SIZE, &End::Complete));
    let grown = gateway.peak_memory().saturating_sub(before);
    assert!(grown < 4 * 1024 * 1024, "{grown} bytes more");
}

fn events(response: &Response) -> Vec<Value> {
    response
        .events()
        .iter()
        .map(|event| serde_json::from_str(event).unwrap())
        .collect()
}

#[test]
fn sound_in_events_fails_over_and_ends_with_done() {
    let body =
        json!({"model": "r", "input": "hi", "voice": "alloy", "stream_format": "sse"}).to_string();
    let wish = request("POST", PATH, &[], &body);
    let delta = r#"{"type":"speech.audio.delta","audio":"UklG"}"#;
    let done = r#"{"type":"speech.audio.done","usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#;
    let good = Script::stream().event(delta).event(done).last_chunk();
    for (fault, class) in [
        (
            Script::json(200, r#"{"error":{"message":"m"}}"#),
            "server_error",
        ),
        (Script::stream().event(done).last_chunk(), "empty_answer"),
        (Script::stream().last_chunk(), "bad_response"),
    ] {
        let (a, b) = (Upstream::always(fault), Upstream::always(good.clone()));
        let gateway = two_steps(&a, &b);
        let response = gateway.exchange(&wish);
        let events = events(&response);
        assert_eq!(events.len(), 2, "{response}");
        assert_eq!(
            (&events[0]["audio"], &events[1]["type"]),
            (&json!("UklG"), &json!("speech.audio.done"))
        );
        assert_eq!(class_of_failure(&gateway), class);
        let line = gateway.wait_for_log(|line| line["msg"] == "request");
        assert_eq!(line["completion_tokens"], 2, "{line}");
    }
    let a = Upstream::always(Script::stream().event(delta).last_chunk());
    let response = two_steps(&a, &a).exchange(&wish);
    assert!(events(&response)[1]["error"].is_object(), "{response}");
}

#[test]
fn a_wish_that_is_none_is_told_so() {
    let a = Upstream::saying("not asked");
    let gateway = one_step(&a);
    let response = gateway.exchange(request("POST", PATH, &[], r#"{"input":"hi"}"#));
    assert_eq!(response.status, 400, "{response}");
    assert_eq!(response.json()["error"]["param"], "model");
    let response = gateway.exchange(head("GET", PATH, &[]));
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
}

/// Voices have other names at each provider: another one would be another voice.
#[test]
fn a_voice_that_is_unknown_is_the_next_steps_to_say() {
    let refusal =
        r#"{"error":{"message":"Unknown voice: alloy","param":"voice","code":"invalid_value"}}"#;
    let (a, b) = (
        Upstream::always(Script::json(400, refusal)),
        Upstream::always(sound()),
    );
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route(
            "r",
            [
                Step::new("a", "model-a"),
                Step::new("b", "model-b").with("edits: {override: {voice: Fritz}}"),
            ],
        )
        .start();
    let response = gateway.exchange(wish());
    assert_eq!(
        (response.status, &*response.body),
        (200, SOUND),
        "{response}"
    );
    assert_eq!(class_of_failure(&gateway), "rejected");
    assert_eq!(a.requests().len(), 1);
    assert_eq!(b.request().json()["voice"], "Fritz");
}
