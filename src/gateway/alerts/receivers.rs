//! The receivers: the call that each kind takes, and what its answer says of another try.

use std::time::{Duration, Instant, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::message::Message;
use crate::config::{Alert, ReceiverKind};
use crate::dialect::waits::{TimeUnit, parse_number, parse_wait};
use crate::json::raw;
use crate::secret::Redactor;
use crate::text::{cut, is_deceptive};
use crate::upstream::{Call, Client, Method, Response};

/// The time of a call.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest answer that is read (bytes).
const LONGEST_ANSWER: usize = 16 * 1024;

/// The part of an answer that is told (bytes).
const SHOWN: usize = 200;

/// The characters of a message that Discord takes.
const DISCORD_CHARACTERS: usize = 2000;

/// The characters that a query has as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A call to a receiver. It cannot be printed, as its address and its headers may hold a token.
struct Outgoing {
    url: String,
    headers: Vec<(&'static str, String)>,
    /// `None` makes the call a GET.
    body: Option<String>,
}

/// A call that did not deliver its message.
#[derive(Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The reason, without keys.
    pub reason: String,
    /// Another try may help.
    pub may_pass: bool,
    /// The wait that the receiver asks for.
    pub wait: Option<Duration>,
}

/// Delivers a message. Blocks (10 s at most, and not beyond `deadline`). The status comes back.
///
/// # Errors
/// The reason why it is not delivered.
pub fn deliver(
    client: &Client,
    alert: &Alert,
    message: &Message,
    redactor: &Redactor,
    deadline: Option<Instant>,
) -> Result<u16, Undelivered> {
    send(
        client,
        alert.kind,
        &outgoing(alert, message),
        redactor,
        deadline,
    )
}

/// Tells an Uptime Kuma monitor how the watched routes are: the sentence about what is wrong, or `None`.
///
/// # Errors
/// The reason why it is not told.
pub fn push(
    client: &Client,
    alert: &Alert,
    wrong: Option<&str>,
    latency: Option<Duration>,
    redactor: &Redactor,
) -> Result<u16, Undelivered> {
    let outgoing = Outgoing {
        url: push_url(alert, wrong, latency),
        headers: Vec::new(),
        body: None,
    };
    send(client, alert.kind, &outgoing, redactor, None)
}

fn push_url(alert: &Alert, wrong: Option<&str>, latency: Option<Duration>) -> String {
    let status = if wrong.is_some() { "down" } else { "up" };
    let text = utf8_percent_encode(wrong.unwrap_or("OK"), QUERY);
    let ping = latency.map(|latency| latency.as_millis().to_string());
    let ping = ping.unwrap_or_default();
    format!(
        "{}?status={status}&msg={text}&ping={ping}",
        alert.url.expose()
    )
}

fn outgoing(alert: &Alert, message: &Message) -> Outgoing {
    let url = alert.url.expose();
    let text = message.text.as_str();
    let token = alert.token.as_ref().map(|token| token.expose());
    let bearer = token.map(|token| ("Authorization", format!("Bearer {token}")));
    let json = |url: String, body: String| Outgoing {
        url,
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: Some(body),
    };
    match alert.kind {
        ReceiverKind::Webhook => {
            let mut call = json(url.to_owned(), message.json());
            call.headers.extend(bearer);
            call
        }
        ReceiverKind::Ntfy => {
            let mut headers = vec![
                ("Content-Type", "text/plain; charset=utf-8".to_owned()),
                (
                    "Title",
                    format!("{} ({})", message.title(), message.gateway),
                ),
                ("Priority", message.priority().to_string()),
                ("Tags", tag(message).to_owned()),
            ];
            headers.extend(bearer);
            Outgoing {
                url: url.to_owned(),
                headers,
                body: Some(text.to_owned()),
            }
        }
        ReceiverKind::Gotify => {
            #[derive(Serialize)]
            struct Body<'m> {
                title: String,
                message: &'m str,
                priority: u8,
            }
            let body = to_json(&Body {
                title: format!("{} ({})", message.title(), message.gateway),
                message: text,
                // Gotify's go up to 10, and phones make a sound from 8.
                priority: message.priority() * 2 - 2,
            });
            let mut call = json(format!("{url}/message"), body);
            let key = token.map(|token| ("X-Gotify-Key", token.to_owned()));
            call.headers.extend(key);
            call
        }
        ReceiverKind::Telegram => {
            #[derive(Serialize)]
            struct Body<'m> {
                chat_id: &'m str,
                text: &'m str,
            }
            let (chat_id, token) = (alert.chat.as_str(), token.unwrap_or_default());
            let body = to_json(&Body { chat_id, text });
            json(format!("{url}/bot{token}/sendMessage"), body)
        }
        ReceiverKind::Slack => {
            // Its three special characters, by its reference of formatting.
            let text = text.replace('&', "&amp;");
            let text = text.replace('<', "&lt;").replace('>', "&gt;");
            json(
                url.to_owned(),
                format!("{{\"text\":{}}}", raw::quoted(&text)),
            )
        }
        ReceiverKind::Discord => {
            let text: String = text.chars().take(DISCORD_CHARACTERS).collect();
            let body = format!("{{\"content\":{}}}", raw::quoted(&text));
            json(url.to_owned(), body)
        }
        ReceiverKind::UptimeKuma => Outgoing {
            url: push_url(alert, None, None),
            headers: Vec::new(),
            body: None,
        },
    }
}

/// An emoji by the name that ntfy knows it by.
fn tag(message: &Message) -> &'static str {
    match (message.began, message.priority()) {
        (false, _) => "white_check_mark",
        (true, 5) => "rotating_light",
        (true, 3 | 4) => "warning",
        (true, _) => "information_source",
    }
}

fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

fn send(
    client: &Client,
    kind: ReceiverKind,
    outgoing: &Outgoing,
    redactor: &Redactor,
    deadline: Option<Instant>,
) -> Result<u16, Undelivered> {
    let latest = Instant::now() + LIMIT;
    let deadline = deadline.map_or(latest, |deadline| deadline.min(latest));
    let headers = outgoing.headers.iter();
    let headers: Vec<(&str, &str)> = headers
        .map(|(name, value)| (*name, value.as_str()))
        .chain([("User-Agent", "ai-gateway")])
        .collect();
    let body = outgoing.body.as_ref().map(|body| [body.as_bytes()]);
    let called = client.call(Call {
        method: if body.is_some() {
            Method::Post
        } else {
            Method::Get
        },
        url: &outgoing.url,
        headers: &headers,
        body: body.as_ref().map(|body| body.as_slice()),
        deadline,
        client: None,
    });
    let response = called.map_err(|error| Undelivered {
        reason: redactor.redact(&error.to_string()),
        may_pass: true,
        wait: None,
    })?;
    judge(kind, response, redactor, deadline)
}

/// The outcome by the answer. Redirects are not followed, and so deliver nothing.
fn judge(
    kind: ReceiverKind,
    response: Response,
    redactor: &Redactor,
    deadline: Instant,
) -> Result<u16, Undelivered> {
    let status = response.head.status;
    let header = response.head.header("retry-after").map(str::to_owned);
    // It is read to its end, so that the connection can be used again.
    let body = response.body.read_to_end(LONGEST_ANSWER, deadline);
    if (200..300).contains(&status) {
        return Ok(status);
    }
    let body = body.unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let words = shown(&redactor.redact(&body));
    let gap = if words.is_empty() { "" } else { ": " };
    Err(Undelivered {
        reason: format!("HTTP status {status}{gap}{words}"),
        may_pass: status >= 500 || [408, 425, 429].contains(&status),
        wait: wait_asked(kind, header.as_deref(), &body),
    })
}

/// The wait that a receiver asks for, in a header or, of two kinds, in the answer.
fn wait_asked(kind: ReceiverKind, header: Option<&str>, body: &str) -> Option<Duration> {
    let in_body = match kind {
        ReceiverKind::Telegram => raw::member(body, "parameters")
            .and_then(|parameters| raw::member(parameters, "retry_after")),
        ReceiverKind::Discord => raw::member(body, "retry_after"),
        _ => None,
    };
    let seconds = in_body.and_then(|number| parse_number(number.trim()));
    let of_body = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let of_header = || {
        let wait = parse_wait(header?, TimeUnit::of_name("retry-after"))?;
        wait.left(SystemTime::now())
    };
    of_body.or_else(of_header)
}

/// The beginning of an answer, on one line.
fn shown(body: &str) -> String {
    let words = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let visible = words.chars().filter(|c| !is_deceptive(*c));
    cut(&visible.collect::<String>(), SHOWN).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::message::test_message;
    use super::*;
    use crate::secret::Secret;

    fn alert(kind: ReceiverKind) -> Alert {
        Alert {
            name: "r".to_owned(),
            kind,
            url: Secret::new("https://h/x"),
            token: Some(Secret::new("token-123")),
            chat: "@home".to_owned(),
            events: Vec::new(),
            routes: None,
            after: Duration::ZERO,
            repeat: None,
            interval: Duration::ZERO,
        }
    }

    #[test]
    fn special_characters_of_each_kind_are_spelled() {
        let body = |kind| outgoing(&alert(kind), &test_message("a <b> & \"c\"")).body;
        let slack = r#"{"text":"a &lt;b&gt; &amp; \"c\""}"#;
        assert_eq!(body(ReceiverKind::Slack).as_deref(), Some(slack));
        let discord = r#"{"content":"a <b> & \"c\""}"#;
        assert_eq!(body(ReceiverKind::Discord).as_deref(), Some(discord));
        let kuma = alert(ReceiverKind::UptimeKuma);
        assert_eq!(
            push_url(&kuma, Some("a & b: ü"), Some(Duration::from_millis(640))),
            "https://h/x?status=down&msg=a%20%26%20b%3A%20%C3%BC&ping=640"
        );
        assert_eq!(
            push_url(&kuma, None, None),
            "https://h/x?status=up&msg=OK&ping="
        );
    }

    #[test]
    fn the_wait_is_read_where_each_kind_says_it() {
        use ReceiverKind::{Discord, Ntfy, Telegram};
        let telegram = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":35}}"#;
        let discord = r#"{"message":"slow down","retry_after":0.25,"global":false}"#;
        for (kind, header, body, wait) in [
            (Telegram, None, telegram, Some(35_000)),
            (Telegram, Some("7"), telegram, Some(35_000)),
            (Telegram, Some("7"), "", Some(7000)),
            (Discord, None, discord, Some(250)),
            (Ntfy, Some("30"), discord, Some(30_000)),
            (Ntfy, None, discord, None),
            (Discord, None, r#"{"retry_after":"x"}"#, None),
            (Discord, None, r#"{"retry_after":-1}"#, None),
            (Discord, Some("soon"), "{", None),
        ] {
            let wait = wait.map(Duration::from_millis);
            assert_eq!(wait_asked(kind, header, body), wait, "{kind:?} {body}");
        }
    }
}
