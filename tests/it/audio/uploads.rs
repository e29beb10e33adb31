//! Forms at the edge: what is none, what is too large, and what it takes to hold one.

use serde_json::{Value, json};

use super::{form, recording};
use crate::support::gateway::request;
use crate::support::{Config, Form, Script, Upstream};

const PATH: &str = "/v1/audio/transcriptions";

#[test]
fn a_form_that_is_none_is_told_so() {
    let a = Upstream::saying("not asked");
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let file = Form::new().file("file", "a.wav", b"RIFF");
    for (bytes, param, words) in [
        (
            Form::new().text("model", "r").to(PATH),
            json!("file"),
            "missing",
        ),
        (file.clone().to(PATH), json!("model"), "missing"),
        (
            file.clone().text("model", "r").text("model", "s").to(PATH),
            json!("model"),
            "single",
        ),
        (
            request(
                "POST",
                PATH,
                &[("Content-Type", "application/json")],
                r#"{"model":"r"}"#,
            ),
            Value::Null,
            "multipart/form-data is needed",
        ),
        (
            request(
                "POST",
                PATH,
                &[("Content-Type", "multipart/form-data")],
                "--b--",
            ),
            Value::Null,
            "boundary",
        ),
        (
            request(
                "POST",
                PATH,
                &[("Content-Type", "multipart/form-data; boundary=b")],
                "--b\r\nX: y\r\n\r\nz",
            ),
            Value::Null,
            "boundary",
        ),
    ] {
        let response = gateway.exchange(bytes);
        assert_eq!(response.status, 400, "{response}");
        let error = &response.json()["error"];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("VALIDATION_FAILED"), &param),
            "{response}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{response}"
        );
    }
    assert!(a.requests().is_empty());
}

/// Recordings are larger than what a chat may be.
#[test]
fn forms_have_a_bound_of_their_own() {
    let a = Upstream::always(Script::json(200, r#"{"text":"hi"}"#));
    let gateway = Config::new()
        .server("max_body: 16KiB")
        .server("max_upload: 128KiB")
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    assert!(recording().len() > 16 * 1024);
    assert_eq!(gateway.exchange(form().to(PATH)).status, 200);
    let large = Form::new()
        .file("file", "a.wav", &vec![0; 130 * 1024])
        .text("model", "r");
    let response = gateway.exchange(large.to(PATH));
    assert_eq!(response.status, 413, "{response}");
    assert_eq!(response.json()["error"]["code"], "BODY_TOO_LARGE");
    let json = json!({"model": "r", "prompt": "x".repeat(20 * 1024)}).to_string();
    assert_eq!(
        gateway
            .exchange(request("POST", "/v1/completions", &[], &json))
            .status,
        413
    );
}

/// A recording lies in memory once, however many steps hear it.
#[test]
fn a_recording_is_held_once() {
    const SIZE: usize = 20 * 1024 * 1024;
    let a = Upstream::always(Script::json(500, "{}"));
    let b = Upstream::always(Script::json(200, r#"{"text":"hi"}"#));
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m"), ("b", "n")])
        .start();
    let before = gateway.peak_memory();
    let form = Form::new()
        .text("model", "r")
        .file("file", "a.wav", &vec![7; SIZE]);
    let response = gateway.exchange(form.to(PATH));
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(b.request().part("file").len(), SIZE);
    let grown = gateway.peak_memory().saturating_sub(before);
    assert!(
        grown < SIZE * 115 / 100 + 2 * 1024 * 1024,
        "{grown} bytes more"
    );
}
