//! What differs from run to run, and the placeholders that stand for it.

use std::time::{SystemTime, UNIX_EPOCH};

use super::series::is_volatile;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Numbers behind these texts count milliseconds of this run. A provider's wait is exact where it was just told, and
/// counts down where a step is passed over because of it.
const MILLISECONDS: [&str; 7] = [
    r#""ends_ms":"#,
    r#""duration_ms":"#,
    r#""response_time_ms":"#,
    r#""remaining_ms":"#,
    r#""skipped":true,"retry_after_ms":"#,
    r#""usable":false,"retry_after_ms":"#,
    "\nRetry-After-Ms: ",
];

/// The replacements of one exchange.
pub struct Mask {
    /// Texts of this run and their placeholders.
    values: Vec<(String, String)>,
    /// The number of the exchange, from zero. Waits that an earlier one was told have run down since.
    exchange: usize,
    /// The start of the test, in seconds since 1970.
    started: u64,
}

impl Mask {
    pub fn new(exchange: usize) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            values: vec![
                (
                    format!("ai-gateway/{VERSION}"),
                    "ai-gateway/<version>".to_owned(),
                ),
                (
                    format!("version=\"{VERSION}\""),
                    "version=\"<version>\"".to_owned(),
                ),
            ],
            exchange,
            started: since_1970.map_or(0, |time| time.as_secs()),
        }
    }

    /// This text stands for nothing but its place.
    pub fn hide(&mut self, value: &str, placeholder: &str) {
        if !value.is_empty() && self.placeholder(value).is_none() {
            self.values.push((value.to_owned(), placeholder.to_owned()));
        }
    }

    /// What stands for this value, if it is hidden.
    pub fn placeholder(&self, value: &str) -> Option<&str> {
        let mut values = self.values.iter();
        let found = values.find(|(hidden, _)| hidden == value);
        found.map(|(_, placeholder)| placeholder.as_str())
    }

    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, placeholder) in &self.values {
            text = text.replace(value, placeholder);
        }
        text = replaced(&text, "127.0.0.1:", is_digit, |_| Some("<port>"));
        for name in MILLISECONDS {
            text = replaced(&text, name, is_digit, |_| Some("<ms>"));
        }
        text = replaced(&text, r#""created":"#, is_digit, |number| {
            // Providers' answers are as old as their scripts.
            let is_of_this_run = number.parse::<u64>().ok()? + 60 >= self.started;
            is_of_this_run.then_some("<created>")
        });
        text = replaced(&text, r#""id":"cmpl-"#, is_hex, |id| {
            // What providers say is shorter.
            (id.len() == 16).then_some("<id>")
        });
        // Ids that are made up for the items of a translated answer, and its times.
        text = replaced(&text, "_agw", is_hex, |id| id.get(24..).map(|_| "<id>"));
        for name in [r#""created_at":"#, r#""completed_at":"#] {
            text = replaced(&text, name, is_digit, |number| {
                let is_of_this_run = number.parse::<u64>().ok()? + 60 >= self.started;
                is_of_this_run.then_some("<created>")
            });
        }
        for name in [r#""created_at":""#, r#""ends_at":""#] {
            text = replaced(&text, name, |byte| byte != '"', |_| Some("<time>"));
        }
        for name in [r#""total_duration":"#, r#"eval_duration":"#] {
            text = replaced(&text, name, is_digit, |_| Some("<ns>"));
        }
        text = replaced(&text, "cooling down for ", is_of_wait, |_| Some("<wait> "));
        text = replaced(&text, ", free in ", is_of_wait, |_| Some("<wait>"));
        text = replaced(&text, r#""ts":""#, |byte| byte != '"', |_| Some("<time>"));
        text = replaced(&text, "\nDate: ", |byte| byte != '\\', |_| Some("<date>"));
        if self.exchange > 0 {
            text = replaced(&text, "\nRetry-After: ", is_digit, |_| Some("<s>"));
        }
        text
    }

    /// An answer to a client. Its length is hidden where it depends on something that is.
    pub fn answer(&self, head: &str, body: &str) -> String {
        let masked = self.exposition(&self.text(body));
        let mut head = self.text(head);
        if masked != body {
            head = replaced(&head, "\nContent-Length: ", is_digit, |_| Some("<length>"));
        }
        head + &masked
    }

    /// The series of `GET /metrics` whose values are different each time.
    fn exposition(&self, body: &str) -> String {
        let lines = body.split('\n').map(|line| match line.rsplit_once(' ') {
            Some((series, _)) if is_volatile(series) => format!("{series} <n>"),
            _ => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The text with whatever stands behind `before`, as far as `belongs`, exchanged where there is something to exchange it
/// for.
fn replaced<'p>(
    text: &str,
    before: &str,
    belongs: fn(char) -> bool,
    placeholder: impl Fn(&str) -> Option<&'p str>,
) -> String {
    let mut out = String::new();
    let mut left = text;
    while let Some((plain, behind)) = left.split_once(before) {
        let end = behind.find(|one| !belongs(one)).unwrap_or(behind.len());
        let (value, rest) = behind.split_at(end);
        out.push_str(plain);
        out.push_str(before);
        match placeholder(value) {
            Some(placeholder) if !value.is_empty() => out.push_str(placeholder),
            _ => out.push_str(value),
        }
        left = rest;
    }
    out.push_str(left);
    out
}

fn is_hex(character: char) -> bool {
    character.is_ascii_hexdigit()
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

/// Of `1h 0m` or `2.0 s`, up to the word behind it.
fn is_of_wait(character: char) -> bool {
    " .hms".contains(character) || is_digit(character)
}

/// A mask that hides too much would let a wrong answer pass.
#[test]
fn only_what_differs_is_hidden() {
    let mut mask = Mask::new(0);
    mask.hide("0af7", "<trace-id>");
    for (text, masked) in [
        (
            r#"{"ts":"2026-01-01T00:00:00Z","msg":"x","trace_id":"0af7","duration_ms":12}"#,
            r#"{"ts":"<time>","msg":"x","trace_id":"<trace-id>","duration_ms":<ms>}"#,
        ),
        (
            r#"{"retry_after_ms":7000},{"skipped":true,"retry_after_ms":6999}"#,
            r#"{"retry_after_ms":7000},{"skipped":true,"retry_after_ms":<ms>}"#,
        ),
        (r#"{"created":1700000000}"#, r#"{"created":1700000000}"#),
        (r#"{"created":99999999999}"#, r#"{"created":<created>}"#),
        ("\\r\nDate: Thu, 1\\r\nA: b", "\\r\nDate: <date>\\r\nA: b"),
        ("\\r\nRetry-After: 7\\r\n", "\\r\nRetry-After: 7\\r\n"),
        (
            "cooling down for 1h 0m after timeout",
            "cooling down for <wait> after timeout",
        ),
        (
            "limit: 9 requests/min used, free in 1h0m\"",
            "limit: 9 requests/min used, free in <wait>\"",
        ),
        ("at 127.0.0.1:4711.", "at 127.0.0.1:<port>."),
    ] {
        assert_eq!(mask.text(text), masked);
    }
    assert_eq!(
        Mask::new(1).text("\\r\nRetry-After: 7\\r\n"),
        "\\r\nRetry-After: <s>\\r\n"
    );
    let head = "A\\r\nContent-Length: 2\\r\n";
    assert_eq!(mask.answer(head, "{}"), format!("{head}{{}}"));
    assert!(
        mask.answer(head, "0af7")
            .contains("Content-Length: <length>")
    );
}
