//! `POST /v1/audio/transcriptions` and `/translations`: every format judged by what it is, and nothing lost on the way.

use serde_json::{Value, json};

use super::{class_of_failure, form, recording, two_steps};
use crate::support::client::{End, Response};
use crate::support::{Config, Form, Gateway, Script, Step, Upstream};

const PATH: &str = "/v1/audio/transcriptions";
const SRT: &str = "1\n00:00:00,000 --> 00:00:01,000\nhi\n";
const VTT: &str = "WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n";
const JSON: &str = r#"{"text":"hi","usage":{"type":"duration","seconds":1}}"#;

fn text(body: &str) -> Script {
    Script::body(200, &[("Content-Type", "text/plain")], body)
}

fn one_step(a: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .route("r", [("a", "model-a")])
        .start()
}

fn delta(text: &str) -> String {
    json!({"type": "transcript.text.delta", "delta": text}).to_string()
}

fn done(text: &str) -> String {
    format!(r#"{{"type":"transcript.text.done","text":"{text}"}}"#)
}

/// The second provider must hear what the first one heard.
#[test]
fn a_recording_is_replayed_byte_for_byte() {
    let a = Upstream::always(Script::json(500, "{}"));
    let b = Upstream::always(Script::json(200, JSON));
    let gateway = two_steps(&a, &b);
    let form = Form::new()
        .text("timestamp_granularities[]", "word")
        .file("file", "a \\\"b\\\".wav", &recording())
        .text("model", "r")
        .text("timestamp_granularities[]", "segment");
    let response = gateway.exchange(form.to(PATH));
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.json()["text"], "hi");
    assert_eq!(response.json().get("model"), None, "{response}");
    assert_eq!(response.steps().len(), 2, "{response}");
    assert_eq!(response.header("content-type"), Some("application/json"));
    let (first, second) = (a.request(), b.request());
    assert_eq!(
        first.head.first_line,
        "POST /v1/audio/transcriptions HTTP/1.1"
    );
    for (request, model) in [(&first, "model-a"), (&second, "model-b")] {
        assert_eq!(request.part("file"), recording());
        let sent = String::from_utf8_lossy(&form.body())
            .replace("\r\n\r\nr\r\n", &format!("\r\n\r\n{model}\r\n"));
        assert_eq!(request.text(), sent);
        assert_eq!(
            request.head.get("content-length"),
            Some(request.body.len().to_string().as_str())
        );
    }
}

#[test]
fn each_format_arrives_under_its_own_type() {
    for (format, answer, expected, kind) in [
        ("json", Script::json(200, JSON), None, "application/json"),
        (
            "verbose_json",
            Script::json(200, r#"{"text":"","segments":[]}"#),
            None,
            "application/json",
        ),
        (
            "text",
            text("hi\n"),
            Some("hi\n"),
            "text/plain; charset=utf-8",
        ),
        (
            "text",
            Script::json(200, JSON),
            Some("hi\n"),
            "text/plain; charset=utf-8",
        ),
        (
            "text",
            text("data: is all he said\n"),
            Some("data: is all he said\n"),
            "text/plain; charset=utf-8",
        ),
        ("srt", text(SRT), Some(SRT), "text/plain; charset=utf-8"),
        ("srt", text(""), Some(""), "text/plain; charset=utf-8"),
        ("vtt", text(VTT), Some(VTT), "text/vtt"),
    ] {
        let a = Upstream::always(answer);
        let gateway = one_step(&a);
        let form = form().text("response_format", format);
        let response = gateway.exchange(form.to(PATH));
        assert_eq!(response.status, 200, "{format} {response}");
        assert_eq!(response.header("content-type"), Some(kind), "{format}");
        assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
        match expected {
            Some(text) => assert_eq!(response.text(), text, "{format}"),
            None => assert!(response.json()["routing_summary"].is_object(), "{response}"),
        }
    }
}

#[test]
fn a_fault_costs_a_step() {
    let page = Script::body(200, &[("Content-Type", "text/html")], "<html>--></html>");
    for (format, fault, class) in [
        ("json", Script::json(500, "{}"), "server_error"),
        (
            "json",
            Script::json(429, r#"{"error":{"message":"slow down"}}"#),
            "rate_limited",
        ),
        (
            "json",
            Script::json(200, r#"{"error":{"message":"down"}}"#),
            "server_error",
        ),
        ("json", page.clone(), "bad_response"),
        ("json", Script::json(200, r#"{"data":[]}"#), "bad_response"),
        ("json", text("hi"), "bad_response"),
        (
            "json",
            Script::json(200, JSON).cut_after(90),
            "bad_response",
        ),
        ("json", Script::default().silence(), "timeout"),
        ("srt", Script::json(200, JSON), "bad_response"),
        ("srt", text("hi"), "bad_response"),
        (
            "srt",
            Script::json(
                400,
                r#"{"error":{"message":"response_format must be json"}}"#,
            ),
            "rejected",
        ),
        ("srt", page.clone(), "bad_response"),
        ("vtt", text(SRT), "bad_response"),
        ("vtt", Script::json(200, JSON), "bad_response"),
        ("vtt", text(""), "bad_response"),
        (
            "verbose_json",
            Script::json(200, r#"{"segments":[]}"#),
            "bad_response",
        ),
        ("diarized_json", text("hi"), "bad_response"),
        ("json", Script::json(200, r#"{"text":7}"#), "bad_response"),
        ("text", page, "bad_response"),
        (
            "text",
            Script::json(200, r#"{"error":{"message":"down"}}"#),
            "server_error",
        ),
    ] {
        let good = match format {
            "json" | "verbose_json" | "diarized_json" => Script::json(200, JSON),
            "srt" => text(SRT),
            "vtt" => text(VTT),
            _ => text("hi\n"),
        };
        let (a, b) = (Upstream::always(fault), Upstream::always(good));
        let gateway = two_steps(&a, &b);
        let form = form().text("response_format", format);
        let response = gateway.exchange(form.to(PATH));
        assert_eq!(response.status, 200, "{format} {class} {response}");
        assert_eq!(response.header("x-fallback-count"), Some("1"), "{response}");
        assert_eq!(class_of_failure(&gateway), class, "{format}");
        assert_eq!(a.request().part("file"), b.request().part("file"));
    }
}

fn stream_of(response: &Response) -> Vec<Value> {
    let events = response.events().into_iter();
    let events = events.filter(|event| event != "[DONE]");
    events
        .map(|event| serde_json::from_str(&event).unwrap())
        .collect()
}

#[test]
fn a_stream_passes_to_its_end() {
    let whole = [delta("h"), delta("i"), done("hi")];
    for script in [
        Script::events(&whole),
        whole
            .iter()
            .fold(Script::stream(), |script, event| script.event(event))
            .last_chunk(),
        // A server that knows no streams.
        Script::json(200, JSON),
    ] {
        let a = Upstream::always(script);
        let gateway = one_step(&a);
        let response = gateway.exchange(form().text("stream", "true").to(PATH));
        assert_eq!(
            (response.status, &response.end),
            (200, &End::Complete),
            "{response}"
        );
        let events = stream_of(&response);
        assert_eq!(events.last().unwrap()["text"], "hi", "{response}");
        let said: String = events
            .iter()
            .filter_map(|event| event["delta"].as_str())
            .collect();
        assert_eq!(said, "hi", "{response}");
        assert!(events[0]["routing_summary"].is_object(), "{response}");
    }
}

#[test]
fn a_stream_fails_over_until_its_first_words_and_is_told_to_break_after() {
    for (fault, class) in [
        (Script::json(500, "{}"), "server_error"),
        (
            Script::stream().event(&delta("")).last_chunk(),
            "bad_response",
        ),
        (
            Script::stream()
                .event(r#"{"type":"error","error":{"message":"m"}}"#)
                .last_chunk(),
            "server_error",
        ),
        (Script::events([""; 0]), "empty_answer"),
        (Script::stream().silence(), "timeout"),
    ] {
        let a = Upstream::always(fault);
        let b = Upstream::always(Script::events([delta("hi"), done("hi")]));
        let gateway = two_steps(&a, &b);
        let response = gateway.exchange(form().text("stream", "true").to(PATH));
        assert_eq!(
            stream_of(&response).last().unwrap()["text"],
            "hi",
            "{response}"
        );
        assert_eq!(class_of_failure(&gateway), class);
    }
    for end in [
        Script::stream().event(&delta("h")).done(),
        Script::stream().event(&delta("h")).last_chunk(),
    ] {
        let a = Upstream::always(end);
        let b = Upstream::always(Script::json(200, JSON));
        let response = two_steps(&a, &b).exchange(form().text("stream", "true").to(PATH));
        let events = response.events();
        assert!(
            events.len() == 2 && events[1].contains(r#""error""#),
            "{response}"
        );
        assert!(b.requests().is_empty());
    }
}

#[test]
fn translations_go_their_own_way() {
    let a = Upstream::always(text(SRT));
    let gateway = one_step(&a);
    let form = form().text("response_format", "srt");
    let response = gateway.exchange(form.to("/audio/translations"));
    assert_eq!(response.text(), SRT);
    let request = a.request();
    assert_eq!(
        request.head.first_line,
        "POST /v1/audio/translations HTTP/1.1"
    );
    assert_eq!(request.part("model"), b"model-a");
}

#[test]
fn text_parts_are_edited_as_configured() {
    let a = Upstream::always(Script::json(200, JSON));
    let step = Step::new("a", "model-a")
        .with("edits: {drop: [language], rename: {prompt: hint}, default: {temperature: 0}, override: {response_format: json}}");
    let gateway = Config::new().provider("a", &a).route("r", [step]).start();
    let form = form()
        .text("language", "en")
        .text("prompt", "names")
        .text("response_format", "verbose_json");
    assert_eq!(gateway.exchange(form.to(PATH)).status, 200);
    let request = a.request();
    let text = String::from_utf8_lossy(&request.body).into_owned();
    assert!(
        !text.contains("language") && !text.contains("prompt"),
        "{text}"
    );
    for (name, content) in [
        ("hint", "names"),
        ("temperature", "0"),
        ("response_format", "json"),
        ("model", "model-a"),
    ] {
        assert_eq!(request.part(name), content.as_bytes(), "{name}");
    }
    assert_eq!(request.part("file"), recording());
}

/// Silence is what was said, and no fault.
#[test]
fn silence_is_an_answer() {
    for (format, answer) in [
        ("json", Script::json(200, r#"{"text":""}"#)),
        (
            "diarized_json",
            Script::json(200, r#"{"text":"","segments":[]}"#),
        ),
        ("text", text("")),
    ] {
        let (a, b) = (Upstream::always(answer), Upstream::saying("not asked"));
        let form = form().text("response_format", format);
        let response = two_steps(&a, &b).exchange(form.to(PATH));
        assert_eq!(response.status, 200, "{format}: {response}");
        assert_eq!(
            response.header("x-routed-via"),
            Some("a/model-a"),
            "{format}"
        );
    }
}

/// Providers read the format of a recording from its name, and refuse one without: that is theirs to say.
#[test]
fn a_recording_without_a_name_goes_on_as_it_is() {
    let a = Upstream::always(Script::json(200, JSON));
    let form = Form::new().text("file", "RIFF").text("model", "r");
    let response = one_step(&a).exchange(form.to(PATH));
    assert_eq!(response.status, 200, "{response}");
    let sent =
        String::from_utf8_lossy(&form.body()).replace("\r\n\r\nr\r\n", "\r\n\r\nmodel-a\r\n");
    assert_eq!(a.request().text(), sent);
}

#[test]
fn a_boundary_may_stand_in_quotes() {
    let a = Upstream::always(Script::json(200, JSON));
    let bytes = String::from_utf8(
        Form::new()
            .text("model", "r")
            .file("file", "a.wav", b"RIFF")
            .to(PATH),
    )
    .unwrap();
    let (before, behind) = bytes.split_once("boundary=").unwrap();
    let (boundary, rest) = behind.split_once("\r\n").unwrap();
    let quoted = format!("{before}boundary=\"{boundary}\"\r\n{rest}");
    let response = one_step(&a).exchange(quoted);
    assert_eq!(response.status, 200, "{response}");
    let sent = a.request();
    assert!(
        sent.text().contains("RIFF") && sent.text().contains("model-a"),
        "{}",
        sent.text()
    );
}

#[test]
fn segments_of_a_stream_pass_and_are_words() {
    let segment = r#"{"type":"transcript.text.segment","id":"seg_1","start":0,"end":1,"text":"hi","speaker":"A"}"#;
    let a = Upstream::always(Script::events([segment, &done("hi")]));
    let response = one_step(&a).exchange(form().text("stream", "true").to(PATH));
    let events = stream_of(&response);
    assert_eq!(
        (&events[0]["speaker"], &events[1]["text"]),
        (&json!("A"), &json!("hi")),
        "{response}"
    );
}

#[test]
fn a_translation_fails_over_as_a_transcription_does() {
    let page = Script::body(200, &[("Content-Type", "text/html")], "<html>hi</html>");
    for (fault, class) in [
        (Script::json(500, "{}"), "server_error"),
        (
            Script::json(200, r#"{"error":{"message":"down"}}"#),
            "server_error",
        ),
        (Script::json(200, r#"{"data":[]}"#), "bad_response"),
        (page, "bad_response"),
        (Script::default().silence(), "timeout"),
    ] {
        let a = Upstream::always(fault);
        let b = Upstream::always(Script::json(200, JSON));
        let gateway = two_steps(&a, &b);
        let response = gateway.exchange(form().to("/v1/audio/translations"));
        assert_eq!(response.json()["text"], "hi", "{response}");
        assert_eq!(class_of_failure(&gateway), class);
        assert_eq!(a.request().part("file"), b.request().part("file"));
    }
}
