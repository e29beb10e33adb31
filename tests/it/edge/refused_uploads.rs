//! Refusals of requests whose bodies are still on their way: clients write all before they read, and must not see a reset.

use std::process::Command;

use super::config;
use crate::support::Upstream;
use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{anonymous, head};

/// More than `max_body`, and more than any system holds on the way.
const LARGE: usize = 40 << 20;

#[test]
fn a_client_that_writes_all_before_it_reads_sees_its_refusal() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let body = vec![b'x'; LARGE];
    let length = LARGE.to_string();
    let length = ("Content-Length", length.as_str());
    let chat = "/v1/chat/completions";
    for (what, head, status) in [
        ("too large", head("POST", chat, &[length]), 413),
        (
            "a wrong key",
            anonymous("POST", chat, &[("X-Api-Key", "wrong"), length], ""),
            401,
        ),
        ("no key", anonymous("PUT", chat, &[length], ""), 401),
        (
            "no such path",
            head("POST", "/v1/v1/chat/completions", &[length]),
            404,
        ),
        ("no such method", head("PUT", chat, &[length]), 405),
        (
            "compressed",
            head("POST", chat, &[length, ("Content-Encoding", "gzip")]),
            415,
        ),
    ] {
        // `anonymous` adds a length of its own to a POST.
        let head = String::from_utf8(head)
            .unwrap()
            .replace("Content-Length: 0\r\n", "");
        let mut connection = gateway.connect();
        connection.send(head);
        connection.send(&body);
        let response = connection.response();
        assert_eq!(response.status, status, "{what}: {response}");
        assert_eq!(
            response.header("connection"),
            Some("close"),
            "{what}: {response}"
        );
    }
    assert_eq!(upstream.requests().len(), 0);
    // All that was thrown away was never kept.
    assert!(
        gateway.peak_memory() < 24 << 20,
        "{}",
        gateway.peak_memory()
    );
}

/// A length is not announced, so the body is read up to the limit, and thrown away behind it.
#[test]
fn a_chunked_body_that_grows_too_large_is_refused_audibly() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("max_body: 64KiB").start();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut connection = gateway.connect();
    connection.send(head(
        "POST",
        "/v1/chat/completions",
        &[("Transfer-Encoding", "chunked")],
    ));
    for _ in 0..LARGE / chunk.len() {
        connection.send(&chunk);
    }
    assert_eq!(connection.response().status, 413);
}

/// The client of n8n and of the OpenAI SDK for Node, which has a mind of its own about answers that come early.
#[test]
fn fetch_of_node_sees_its_refusals() {
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: there is no node");
        return;
    }
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let script = r#"
        const [url, key, size] = process.argv.slice(1);
        const body = "x".repeat(Number(size));
        const headers = {authorization: "Bearer " + key, "content-type": "application/json"};
        fetch(url, {method: "POST", headers, body}).then(
            async (answer) => console.log(answer.status, (await answer.json()).error.code),
            (error) => console.log(error, error.cause),
        );
    "#;
    let url = format!("http://{}/v1/chat/completions", gateway.address);
    for (key, size, told) in [
        (CLIENT_KEY, LARGE, "413 BODY_TOO_LARGE\n"),
        ("wrong", 20 << 20, "401 UNAUTHORIZED\n"),
    ] {
        for _ in 0..3 {
            let mut node = Command::new("node");
            node.args(["-e", script, &url, key, &size.to_string()]);
            let output = node.output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), told);
        }
    }
}
