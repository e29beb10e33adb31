//! Bodies that are no chat request.

use super::{Target, is_refusal, refusals, refused_and_closed};
use crate::support::gateway::{chat, head, request};
use crate::support::openai;

const MESSAGES: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

fn with(members: &str) -> Vec<u8> {
    chat(&format!("{{{members}}}"))
}

/// A chat request with a body that is no text.
fn bytes(body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let fields = [("Content-Length", length.as_str())];
    let head = head("POST", "/v1/chat/completions", &fields);
    [head.as_slice(), body].concat()
}

/// A chat request whose body is said to be encoded.
fn encoded(encoding: &str, body: &str) -> Vec<u8> {
    let fields = [("Content-Encoding", encoding)];
    request("POST", "/v1/chat/completions", &fields, body)
}

/// Editors and frameworks of Windows write a byte order mark. The provider need not read it, too.
#[test]
fn a_byte_order_mark_is_passed_over() {
    let target = Target::new();
    let body = openai::request("r", false);
    let response = target.gateway.post(&format!("\u{feff}{body}"));
    assert_eq!(response.status, 200, "{response}");
    let sent = target.upstream.requests()[0].text();
    assert_eq!(sent, body.replace(r#""r""#, r#""model-a""#));
}

/// Identity is the name of no encoding at all (RFC 9110 section 8.4.1).
#[test]
fn a_body_that_is_not_encoded_may_say_so() {
    let target = Target::new();
    let body = openai::request("r", false);
    for encoding in ["identity", "Identity", "", "identity, identity"] {
        let response = target.gateway.exchange(encoded(encoding, &body));
        assert_eq!(response.status, 200, "{encoding}: {response}");
    }
    let response = target.gateway.exchange(encoded("gzip", &body));
    assert_eq!(
        response.header("accept-encoding"),
        Some("identity"),
        "{response}"
    );
}

refusals! { refused;
    empty_body: chat("") => 400 "INVALID_JSON";
    not_json: chat("model=r&messages=hi") => 400 "INVALID_JSON";
    half_an_object: chat(r#"{"model":"r","#) => 400 "INVALID_JSON";
    something_after_the_object: chat(&format!("{} x", openai::request("r", false))) => 400 "INVALID_JSON";
    two_byte_order_marks: chat(&format!("\u{feff}\u{feff}{}", openai::request("r", false))) => 400 "INVALID_JSON";
    a_compressed_body: encoded("gzip", "\u{1f}") => 415 "UNSUPPORTED_ENCODING";
    a_body_encoded_twice: encoded("identity, br", "x") => 415 "UNSUPPORTED_ENCODING";
    an_array: chat(&format!("[{}]", openai::request("r", false))) => 400 "";
    a_number: chat("1") => 400 "";
    missing_model: with(MESSAGES) => 400 "VALIDATION_FAILED";
    model_is_a_number: with(&format!(r#""model":1,{MESSAGES}"#)) => 400 "VALIDATION_FAILED";
    model_is_null: with(&format!(r#""model":null,{MESSAGES}"#)) => 400 "VALIDATION_FAILED";
    messages_missing: with(r#""model":"r""#) => 400 "VALIDATION_FAILED";
    messages_empty: with(r#""model":"r","messages":[]"#) => 400 "VALIDATION_FAILED";
    messages_a_string: with(r#""model":"r","messages":"hi""#) => 400 "VALIDATION_FAILED";
    a_message_that_is_a_string: with(r#""model":"r","messages":["hi"]"#) => 400 "VALIDATION_FAILED";
    a_message_without_a_role: with(r#""model":"r","messages":[{"content":"hi"}]"#) => 400 "VALIDATION_FAILED";
    a_role_that_is_a_number: with(r#""model":"r","messages":[{"role":1,"content":"hi"}]"#) => 400 "VALIDATION_FAILED";
    stream_is_a_string: with(&format!(r#""model":"r","stream":"yes",{MESSAGES}"#)) => 400 "VALIDATION_FAILED";
    duplicate_top_level_keys: with(&format!(r#""model":"r","model":"s",{MESSAGES}"#)) => 400 "";
    duplicate_keys_in_disguise: with(&format!(r#""model":"r","mod\u0065l":"s",{MESSAGES}"#)) => 400 "";
    unclosed_nesting_100000_deep: with(&format!(r#""model":"r","messages":{}"#, "[".repeat(10_000))) => 400 "INVALID_JSON";
    invalid_utf_8: bytes(b"{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}") => 400 "INVALID_JSON";
}

/// The announced length decides before a byte is read, and the rest is not drained.
#[test]
fn a_body_over_the_limit_announced() {
    let head = head(
        "POST",
        "/v1/chat/completions",
        &[("Content-Length", "17000")],
    );
    refused_and_closed(head, 413, "BODY_TOO_LARGE");
}

#[test]
fn a_chunked_body_over_the_limit() {
    let fields = [("Transfer-Encoding", "chunked")];
    let mut sent = head("POST", "/v1/chat/completions", &fields);
    for _ in 0..20 {
        sent.extend(format!("400\r\n{}\r\n", "x".repeat(0x400)).bytes());
    }
    refused_and_closed(sent, 413, "BODY_TOO_LARGE");
}

/// JSON text may name the character zero. Neither a C string nor a check of ours may trip over it.
#[test]
fn an_escaped_zero_passes() {
    let target = Target::new();
    let body = r#"{"model":"r","messages":[{"role":"user","content":"a\u0000b"}]}"#;
    let response = target.gateway.post(body);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        target.upstream.request().text(),
        body.replace(r#""r""#, r#""model-a""#)
    );
}

/// A parser that recurses overflows its stack here, and a stack overflow takes the whole process along.
#[test]
fn nesting_100000_deep() {
    let upstream = crate::support::Upstream::saying("fine");
    let gateway = crate::support::Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .start();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for body in [
        deep.clone(),
        "[".repeat(100_000),
        r#"{"a":"#.repeat(100_000),
        format!(r#"{{"model":"r","messages":{deep}}}"#),
    ] {
        is_refusal(&gateway.post(&body), 400, "");
    }
    let body = format!(r#"{{"model":"r",{MESSAGES},"extra":{deep}}}"#);
    let response = gateway.post(&body);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        upstream.request().text(),
        body.replace(r#""r""#, r#""model-a""#)
    );
    assert!(gateway.is_healthy());
}

/// The client says how long its body is and sends less: an incomplete request is not to be believed.
#[test]
fn a_body_that_ends_early() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    let whole = chat(&openai::request("r", false));
    connection.send(&whole[..whole.len() - 1]);
    connection.half_close();
    super::ends(&mut connection);
    target.is_unharmed();
}

/// A client that stops in the middle of its body holds a worker no longer than `body_timeout`.
#[test]
fn a_body_that_stops() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    let whole = chat(&openai::request("r", false));
    connection.send(&whole[..whole.len() - 1]);
    is_refusal(&connection.response(), 408, "REQUEST_TIMEOUT");
    assert!(connection.is_closed());
    target.is_unharmed();
}
