//! What comes from a request or a configuration and goes into an answer: it must stay where it was put.

use super::Target;
use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{chat, request};
use crate::support::{Connection, Response};

/// The answer has only fields that the gateway writes, each in one line.
fn has_only_known_fields(response: &Response) {
    for (name, value) in &response.head.fields {
        let known = [
            "Content-Type",
            "X-Content-Type-Options",
            "Content-Length",
            "X-Request-Id",
            "Date",
            "Connection",
            "Keep-Alive",
            "Transfer-Encoding",
            "Cache-Control",
            "X-Accel-Buffering",
            "X-Routed-Via",
            "X-Fallback-Count",
            "Allow",
            "Retry-After",
            "Retry-After-Ms",
        ];
        assert!(known.contains(&name.as_str()), "{name} in {response}");
        assert!(!value.contains("split"), "{name}: {value}");
    }
}

fn exchange(connection: &mut Connection, sent: impl AsRef<[u8]>) -> Response {
    connection.send(sent);
    connection.response()
}

/// Whatever is reflected, the answer is one answer, and the next one on the connection is the next request's.
#[test]
fn a_reflected_value_cannot_split_an_answer() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    let split =
        "r\\r\\nX-Split: split\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n";
    let messages = r#""messages":[{"role":"user","content":"hi"}]"#;
    for sent in [
        request("GET", "/v1/models/r%0d%0aX-Split:%20split", &[], ""),
        request("GET", "/v1/models/%0d%0a%0d%0aHTTP/1.1%20200%20OK", &[], ""),
        request("GET", "/%0d%0aX-Split:split?%0d%0aX-Split:split", &[], ""),
        request(
            "GET",
            "/nowhere",
            &[("X-Request-Id", "a%0d%0aX-Split: split")],
            "",
        ),
        request(
            "GET",
            "/nowhere",
            &[("X-Request-Id", "\u{10d}\u{10a}X-Split:split")],
            "",
        ),
        chat(&format!(r#"{{"model":"{split}",{messages}}}"#)),
        chat(&format!(
            r#"{{"model":"{split}","stream":true,{messages}}}"#
        )),
        chat(&format!(
            r#"{{"model":"r","messages":[{{"role":1,"{split}":1}}]}}"#
        )),
    ] {
        let response = exchange(&mut connection, sent);
        has_only_known_fields(&response);
        let next = exchange(
            &mut connection,
            request("GET", "/v1/models", &[("X-Request-Id", "next")], ""),
        );
        assert_eq!(
            (next.status, next.header("x-request-id")),
            (200, Some("next")),
            "after {response}"
        );
    }
    target.is_unharmed();
}

/// The provider's words go into bodies, never into heads.
#[test]
fn a_providers_fields_are_not_passed_on() {
    let target = Target::new();
    target.upstream.then(crate::support::Script::body(
        200,
        &[
            ("Content-Type", "application/json"),
            ("Set-Cookie", "split=1"),
            ("X-Request-Id", "split"),
            ("Location", "http://split/"),
        ],
        crate::support::openai::answer("fine"),
    ));
    let response = target.gateway.ask("r", false);
    assert_eq!(response.status, 200, "{response}");
    has_only_known_fields(&response);
}

/// `OPTIONS` tells what a path takes, to whoever may know; `*` is none of ours (RFC 9110 section 9.3.7).
#[test]
fn options_tells_what_a_path_takes() {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    for (path, allow) in [
        ("/v1/chat/completions", Some("POST")),
        ("/v1/models", Some("GET")),
        ("/health", Some("GET")),
    ] {
        let response = exchange(&mut connection, request("OPTIONS", path, &[], ""));
        assert_eq!(response.status, 204, "{path}: {response}");
        let told = response.header("allow").unwrap_or_default();
        assert!(
            allow.is_some_and(|allow| told.contains(allow)),
            "{path}: {told}"
        );
        assert!(response.body.is_empty(), "{response}");
    }
    let key = format!("X-Api-Key: {CLIENT_KEY}\r\n");
    let all = format!("OPTIONS * HTTP/1.1\r\nHost: g\r\n{key}\r\n");
    assert_eq!(exchange(&mut connection, all).status, 404);
    let anonymous = "OPTIONS /v1/models HTTP/1.1\r\nHost: g\r\n\r\n";
    assert_eq!(exchange(&mut connection, anonymous).status, 401);
    target.is_unharmed();
}
