//! Bytes that some reader takes for one request and another one for two.

use crate::support::config::CLIENT_KEY;
use crate::support::openai;

/// What a client sends on one connection.
pub struct Attack {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// All of them. Each request names itself in `X-Request-Id`: `{name}-first`, and `{name}-hidden` for the one inside.
pub fn all() -> Vec<Attack> {
    let mut attacks = Vec::new();
    lengths(&mut attacks);
    codings(&mut attacks);
    chunks(&mut attacks);
    heads(&mut attacks);
    unread_bodies(&mut attacks);
    attacks
}

/// A `GET` that must not be served unless the proxy has seen it as a request of its own.
fn hidden(name: &str) -> String {
    get(&format!("{name}-hidden"), "")
}

pub fn get(id: &str, fields: &str) -> String {
    format!(
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nX-Api-Key: {CLIENT_KEY}\r\nX-Request-Id: {id}\r\n{fields}\r\n"
    )
}

fn post(name: &str, fields: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: {CLIENT_KEY}\r\n\
         X-Request-Id: {name}-first\r\n{fields}\r\n{body}"
    )
}

/// A POST with these framing fields. `{n}` in them is the length of the body: a whole chunked one, and the hidden request.
fn framed(attacks: &mut Vec<Attack>, prefix: &str, fields: &[&str]) {
    for (index, fields) in fields.iter().enumerate() {
        let name = format!("{prefix}{index}");
        let body = format!("0\r\n\r\n{}", hidden(&name));
        let fields = fields.replace("{n}", &body.len().to_string());
        attacks.push(Attack {
            bytes: post(&name, &format!("{fields}\r\n"), &body).into_bytes(),
            name,
        });
    }
}

/// One reader takes the length, another one none or a second one.
fn lengths(attacks: &mut Vec<Attack>) {
    framed(
        attacks,
        "length",
        &[
            "Content-Length: {n}\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: {n}",
            "Content-Length: 0\r\nContent-Length: {n}",
            "Content-Length: {n}\r\nContent-Length: 0",
            "Content-Length: {n}\r\nContent-Length: {n}",
            "Content-Length: 0, {n}",
            "Content-Length: {n}, {n}",
            "Content-Length: +{n}",
            "Content-Length: 0{n}",
            "Content-Length: 0x{n}",
            "Content-Length: {n} 0",
            "Content-Length:\x0b{n}",
            "Content-Length: {n}\x0c",
            "Content-Length : {n}",
            "Content-Length\t: {n}",
            " Content-Length: {n}",
            "Content_Length: {n}",
            "Content-Length: -1",
            "Content-Length: 18446744073709551616",
            "Content-Length:",
            "Content-Length: 0\r\n Content-Length: {n}",
            "X: y\nContent-Length: {n}",
            "X: y\rContent-Length: {n}",
        ],
    );
}

/// One reader takes the body for chunked, another one not.
fn codings(attacks: &mut Vec<Attack>) {
    framed(
        attacks,
        "coding",
        &[
            "Content-Length: {n}\r\nTransfer-Encoding : chunked",
            "Content-Length: {n}\r\nTransfer-Encoding\t: chunked",
            "Content-Length: {n}\r\nTransfer-Encoding: xchunked",
            "Content-Length: {n}\r\nTransfer-Encoding: \"chunked\"",
            "Content-Length: {n}\r\nTransfer-Encoding:\x0bchunked",
            "Content-Length: {n}\r\nTransfer-Encoding: chunked\x0c",
            "Content-Length: {n}\r\n Transfer-Encoding: chunked",
            "Content-Length: {n}\r\nTransfer_Encoding: chunked",
            "Content-Length: {n}\r\nX: y\nTransfer-Encoding: chunked",
            "Content-Length: {n}\r\nX: y\rTransfer-Encoding: chunked",
            "Content-Length: {n}\r\nTransfer-Encoding:\r\n chunked",
            "Content-Length: {n}\r\nTransfer-Encoding:",
            "Content-Length: {n}\r\nX\0Transfer-Encoding: chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked;x=y",
            "Transfer-Encoding: ,chunked",
            "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
            "Transfer-Encoding: CHUNKED",
            "Transfer-Encoding:\tchunked\t",
        ],
    );
}

/// Chunks whose end is a matter of taste. `{h}` is the hidden request.
fn chunks(attacks: &mut Vec<Attack>) {
    for (index, body) in [
        "0\n\n{h}",
        "0\r\n\n{h}",
        "0\r\nX: y\n\r\n{h}",
        "0\r\n{h}",
        "0 ;x\r\n\r\n{h}",
        "0;x=\"\r\n\r\n{h}",
        "0;x\ny\r\n\r\n{h}",
        "0x0\r\n\r\n{h}",
        "00000000000000000\r\n\r\n{h}",
        "10000000000000000\r\n\r\n{h}",
        "-0\r\n\r\n{h}",
        "2\r\n{}0\r\n\r\n{h}",
        "2\r\n{}\n0\r\n\r\n{h}",
        "2\n{}\r\n0\r\n\r\n{h}",
        "1\r\n{}\r\n0\r\n\r\n{h}",
        "0\r\nContent-Length: 9\r\nHost: h\r\n\r\n{h}",
        "\r\n0\r\n\r\n{h}",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("chunk{index}");
        let body = body.replace("{h}", &hidden(&name));
        attacks.push(Attack {
            bytes: post(&name, "Transfer-Encoding: chunked\r\n", &body).into_bytes(),
            name,
        });
    }
}

/// Heads that are read differently as a whole; not HTTP/2's preface, from which haproxy goes on in HTTP/2.
/// `{i}` is the id field with the key, `{h}` the hidden request.
fn heads(attacks: &mut Vec<Attack>) {
    for (index, head) in [
        "\r\nGET /v1/models HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "GET http://g/v1/models HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "GET http://other/v1/models HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "OPTIONS /v1/models HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "OPTIONS * HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.0\r\nConnection: keep-alive\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.0\r\n{i}\r\n{h}",
        "POST /v1/models HTTP/1.0\r\nTransfer-Encoding: chunked\r\n{i}\r\n0\r\n\r\n{h}",
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nHost: h\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1\nHost: g\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1\r\nHost: g\r\n{i}\n{h}",
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nX: a\r\n b\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.2\r\nHost: g\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1 HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "GET /v1/mo dels HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: upgrade\r\n{i}\r\n{h}",
        "GET /v1/models HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n{i}\r\n{h}",
        "get /v1/models HTTP/1.1\r\nHost: g\r\n{i}\r\n{h}",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("head{index}");
        let fields = format!("X-Api-Key: {CLIENT_KEY}\r\nX-Request-Id: {name}-first\r\n");
        let bytes = head.replace("{i}", &fields).replace("{h}", &hidden(&name));
        attacks.push(Attack {
            bytes: bytes.into_bytes(),
            name,
        });
    }
}

/// The gateway answers before it reads these bodies, or without: they must not become the next request.
fn unread_bodies(attacks: &mut Vec<Attack>) {
    for (index, (head, padding)) in [
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: wrong\r\n", 0),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: wrong\r\n", 200_000),
        ("POST /v1/nowhere HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n", 0),
        ("DELETE /v1/models HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n", 50_000),
        ("GET /v1/models HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n", 0),
        ("GET /v1/models HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n", 100_000),
        ("GET /health HTTP/1.1\r\nHost: g\r\n", 0),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n", 0),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\n", 40_000),
        (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: wrong\r\nExpect: 100-continue\r\n",
            0,
        ),
    ]
    .iter()
    .enumerate()
    {
        for chunked in [false, true] {
            let name = format!("unread{index}{}", if chunked { "chunked" } else { "" });
            let body = format!("{}{}", "\r\n".repeat(padding / 2), hidden(&name));
            let (framing, body) = if chunked {
                let size = format!("{:x}", body.len());
                (
                    "Transfer-Encoding: chunked\r\n".to_owned(),
                    format!("{size}\r\n{body}\r\n0\r\n\r\n"),
                )
            } else {
                (format!("Content-Length: {}\r\n", body.len()), body)
            };
            let head = head.replace("{key}", CLIENT_KEY);
            let bytes = format!("{head}X-Request-Id: {name}-first\r\n{framing}\r\n{body}");
            attacks.push(Attack {
                bytes: bytes.into_bytes(),
                name,
            });
        }
    }
    // And bodies that are read, with what follows them at once.
    let body = openai::request("r", false);
    let fields = format!("Content-Length: {}\r\n", body.len());
    let name = "pipelined".to_owned();
    let bytes = post(&name, &fields, &body) + &hidden(&name);
    attacks.push(Attack {
        bytes: bytes.into_bytes(),
        name,
    });
}
