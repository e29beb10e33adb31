//! What a request head is, as plainly as it can be said (RFC 9112 sections 2 to 6), without any regard to speed.

use ai_gateway::http::parsers::Framing;

pub struct Request {
    pub method: String,
    pub length: usize,
    pub framing: Framing,
    pub keep_alive: bool,
    pub expects_continue: bool,
}

/// `None` for what is not a whole and valid head.
pub fn read(bytes: &[u8], max_fields: usize, max_target: usize) -> Option<Request> {
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    let mut lines = Vec::new();
    let mut at = start;
    loop {
        let length = bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        let line = &bytes[at..at + length];
        at += length + 2;
        if line.is_empty() {
            break;
        }
        if line.contains(&b'\r') || line.contains(&b'\n') || line.contains(&0) {
            return None;
        }
        lines.push(line);
    }
    let (request_line, field_lines) = lines.split_first()?;
    if field_lines.len() > max_fields {
        return None;
    }
    let (method, is_1_1) = read_request_line(request_line, max_target)?;
    let fields: Vec<Field> = field_lines
        .iter()
        .map(|line| read_field(line))
        .collect::<Option<_>>()?;
    has_valid_host(&fields, is_1_1).then_some(())?;
    Some(Request {
        method,
        length: at,
        framing: read_framing(&fields, is_1_1)?,
        keep_alive: keeps_alive(&fields, is_1_1),
        expects_continue: expects_continue(&fields, is_1_1)?,
    })
}

struct Field {
    name: String,
    value: Vec<u8>,
}

fn read_request_line(line: &[u8], max_target: usize) -> Option<(String, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let [method, target, version] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let is_1_1 = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return None,
    };
    let valid = is_token(method.as_bytes())
        && method != "CONNECT"
        && target.len() <= max_target
        && target.bytes().all(|byte| byte > b' ' && byte != 127)
        && is_target(method, target);
    valid.then(|| (method.to_owned(), is_1_1))
}

fn is_target(method: &str, target: &str) -> bool {
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return true;
    }
    let lower = target.to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

fn read_field(line: &[u8]) -> Option<Field> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let printable = value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127));
    (is_token(name) && printable).then(|| Field {
        name: String::from_utf8_lossy(name).to_ascii_lowercase(),
        value: value.trim_ascii().to_vec(),
    })
}

fn values<'f>(fields: &'f [Field], name: &str) -> Vec<&'f [u8]> {
    let named = fields.iter().filter(|field| field.name == name);
    named.map(|field| field.value.as_slice()).collect()
}

fn has_valid_host(fields: &[Field], is_1_1: bool) -> bool {
    match values(fields, "host").as_slice() {
        [] => !is_1_1,
        [host] => host
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(byte)),
        _ => false,
    }
}

fn read_framing(fields: &[Field], is_1_1: bool) -> Option<Framing> {
    match (
        values(fields, "content-length").as_slice(),
        values(fields, "transfer-encoding").as_slice(),
    ) {
        ([], []) => Some(Framing::Empty),
        ([length], []) => {
            let length = std::str::from_utf8(length).ok()?;
            let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            match digits.then(|| length.parse().ok()).flatten()? {
                0 => Some(Framing::Empty),
                length => Some(Framing::Length(length)),
            }
        }
        ([], [coding]) => {
            (is_1_1 && coding.to_ascii_lowercase() == b"chunked").then_some(Framing::Chunked)
        }
        _ => None,
    }
}

fn keeps_alive(fields: &[Field], is_1_1: bool) -> bool {
    let listed = values(fields, "connection")
        .join(&b',')
        .to_ascii_lowercase();
    let has = |option: &[u8]| {
        let mut options = listed.split(|byte| *byte == b',');
        options.any(|listed| listed.trim_ascii() == option)
    };
    !has(b"close") && (is_1_1 || has(b"keep-alive"))
}

fn expects_continue(fields: &[Field], is_1_1: bool) -> Option<bool> {
    let expectations = values(fields, "expect");
    let known = |value: &&[u8]| value.to_ascii_lowercase() == b"100-continue";
    if !is_1_1 {
        return Some(false);
    }
    expectations
        .iter()
        .all(known)
        .then_some(!expectations.is_empty())
}

fn is_token(text: &[u8]) -> bool {
    let is_token_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_token_byte)
}
