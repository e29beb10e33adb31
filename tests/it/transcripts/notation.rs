//! Bytes as a transcript shows them: a line feed is a line's end, everything else that a screen does not show is spelled
//! `\r`, `\t`, `\xNN`, and a backslash is two. The last line feed before the next title belongs to the title.

/// Titles begin so; bytes that begin a line with the same are spelled another way.
pub const TITLE: &str = "=== ";

/// The text of these bytes.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for piece in bytes.utf8_chunks() {
        for character in piece.valid().chars() {
            match character {
                '\n' => text.push('\n'),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\\' => text.push_str("\\\\"),
                control if control.is_ascii_control() => {
                    text.push_str(&format!("\\x{:02x}", u32::from(control)));
                }
                visible => text.push(visible),
            }
        }
        for byte in piece.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    let text = text.replace(&format!("\n{TITLE}"), "\n\\x3d== ");
    match text.strip_prefix(TITLE) {
        Some(rest) => format!("\\x3d== {rest}"),
        None => text,
    }
}

/// The bytes of this text.
///
/// # Errors
/// The spelling after a backslash that is none.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut left = text;
    while let Some((plain, escape)) = left.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = match escape.chars().next() {
            Some('r') => (b'\r', 1),
            Some('t') => (b'\t', 1),
            Some('\\') => (b'\\', 1),
            Some('x') => {
                let digits = escape.get(1..3).unwrap_or_default();
                let byte = u8::from_str_radix(digits, 16);
                (byte.map_err(|_| format!("\\x{digits} is no byte"))?, 3)
            }
            other => return Err(format!("\\{} is no spelling", other.unwrap_or('\n'))),
        };
        bytes.push(byte);
        left = &escape[length..];
    }
    bytes.extend_from_slice(left.as_bytes());
    Ok(bytes)
}

/// A message of HTTP/1.1 for the wire. `<length>` in its head becomes the length of its body, and a body whose head says
/// `chunked` goes out in chunks, an event or what is left in each. Without `is_whole` the last chunk is not sent.
///
/// # Errors
/// See [`bytes`].
pub fn message(text: &str, is_whole: bool) -> Result<Vec<u8>, String> {
    let message = bytes(text)?;
    let end = message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4);
    let Some(end) = end else { return Ok(message) };
    let (head, body) = message.split_at(end);
    let head = String::from_utf8_lossy(head).replace("<length>", &body.len().to_string());
    let mut out = head.clone().into_bytes();
    if !head.contains("\r\nTransfer-Encoding: chunked\r\n") {
        out.extend_from_slice(body);
        return Ok(out);
    }
    for chunk in chunks(body) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    if is_whole {
        out.extend_from_slice(b"0\r\n\r\n");
    }
    Ok(out)
}

/// A body's events, each with the blank line behind it.
fn chunks(body: &[u8]) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    let mut left = body;
    while !left.is_empty() {
        let end = left.windows(2).position(|two| two == b"\n\n");
        let (chunk, rest) = left.split_at(end.map_or(left.len(), |at| at + 2));
        chunks.push(chunk);
        left = rest;
    }
    chunks
}

#[test]
fn bytes_survive_being_shown() {
    for (raw, text) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "GET / HTTP/1.1\\r\n\\r\n"),
        (b"{\"a\":\"\\n\t\"}", r#"{"a":"\\n\t"}"#),
        (b"\xff\0\x7f", r"\xff\x00\x7f"),
        (b"=== a\n=== b", "\\x3d== a\n\\x3d== b"),
        ("größer".as_bytes(), "größer"),
    ] {
        assert_eq!(shown(raw), text);
        assert_eq!(bytes(text).as_deref(), Ok(raw), "{text}");
    }
    assert!(bytes("\\q").is_err() && bytes("\\x4").is_err() && bytes("\\").is_err());
}

#[test]
fn a_message_is_framed_as_its_head_says() {
    let framed =
        |text: &str, is_whole| String::from_utf8(message(text, is_whole).unwrap()).unwrap();
    assert_eq!(
        framed("A: <length>\\r\n\\r\nfive!", true),
        "A: 5\r\n\r\nfive!"
    );
    let head = "X\\r\nTransfer-Encoding: chunked\\r\n\\r\n";
    let sent = "X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\n\n\r\n1\r\nb\r\n";
    assert_eq!(framed(&format!("{head}a\n\nb"), false), sent);
    assert_eq!(
        framed(&format!("{head}a\n\nb"), true),
        format!("{sent}0\r\n\r\n")
    );
}
