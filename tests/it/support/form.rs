//! Forms with files, written and taken apart apart from the gateway's own reader so that they cannot share a mistake.

use super::config::CLIENT_KEY;
use super::upstream::Request;

/// A boundary as curl writes it.
const BOUNDARY: &str = "------------------------d74496d66958873e";

/// A form in the making.
#[derive(Clone, Default)]
pub struct Form {
    body: Vec<u8>,
}

/// A part as a server takes it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The fields, from the first to before the blank line.
    pub header: String,
    pub content: Vec<u8>,
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), text.as_bytes())
    }

    pub fn file(self, name: &str, file: &str, content: &[u8]) -> Self {
        let named = format!(
            "name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: application/octet-stream"
        );
        self.part(&named, content)
    }

    fn part(mut self, named: &str, content: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {named}\r\n\r\n");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    pub fn body(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        body
    }

    /// The whole request, as a client with a key sends it.
    pub fn to(&self, path: &str) -> Vec<u8> {
        let body = self.body();
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CLIENT_KEY}\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }
}

impl Request {
    /// The parts of a form that has arrived.
    pub fn parts(&self) -> Vec<Part> {
        let kind = self.head.get("content-type").expect("a content type");
        let (_, boundary) = kind.split_once("boundary=").expect("a boundary");
        let delimiter = format!("--{boundary}").into_bytes();
        let mut parts = Vec::new();
        let mut rest = self.body.as_slice();
        while let Some(at) = find(rest, &delimiter) {
            if !parts.is_empty() || at > 0 {
                parts.push(part(&rest[..at]));
            }
            rest = &rest[at + delimiter.len()..];
            if rest.starts_with(b"--") {
                break;
            }
        }
        parts
    }

    /// The content of the only part with this name.
    pub fn part(&self, name: &str) -> Vec<u8> {
        let named = format!("name=\"{name}\"");
        let mut parts = self.parts();
        parts.retain(|part| part.header.contains(&named));
        assert_eq!(parts.len(), 1, "parts named {name}");
        parts.remove(0).content
    }
}

fn part(bytes: &[u8]) -> Part {
    let at = find(bytes, b"\r\n\r\n").expect("a blank line");
    let header = String::from_utf8(bytes[..at].to_vec()).expect("UTF-8");
    let content = &bytes[at + 4..];
    Part {
        header: header.trim_start().to_owned(),
        content: content.strip_suffix(b"\r\n").expect("a line end").to_vec(),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
