//! The client's side of a run: what it saw of an answer.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sse;
use crate::upstream::{Call, Client, Head, Method};

use super::endpoint::Asked;
use super::harmless::CLIENT_KEY;
use super::spoken::PIECES;

/// The longest answer (bytes).
const LONGEST: usize = 1024 * 1024;

/// The longest words of an error in the report (characters).
const LONGEST_WORDS: usize = 160;

/// The places of content in whole answers and in frames, over all dialects.
const CONTENT: [&str; 8] = [
    "/choices/0/message/content",
    "/choices/0/delta/content",
    "/choices/0/text",
    "/content/0/text",
    "/delta/text",
    "/delta",
    "/output/0/content/0/text",
    "/message/content",
];

/// An answer as a client saw it.
#[derive(Debug, Default)]
pub struct Seen {
    /// The status; `None` where none came.
    pub status: Option<u16>,
    pub has_retry_after: bool,
    /// The text of the answer, of all frames together.
    pub content: String,
    /// An error event, or the break of a stream in the dialect.
    pub error_event: bool,
    /// The last frame is the end of a stream in the dialect.
    pub has_ended: bool,
    pub tool_calls: Vec<Value>,
    /// The words of a refusal or of an error event.
    pub error: Option<String>,
    /// The reason why the answer broke without a word.
    pub broken: Option<String>,
    /// The longest time without a byte.
    pub longest_silence: Duration,
    /// The bytes of an answer that is no JSON and no stream.
    pub bytes: usize,
}

impl Seen {
    /// Asks a gateway, and reads its answer until it ends, or until the deadline.
    pub fn ask(client: &Client, gateway: &str, asked: &Asked, deadline: Instant) -> Self {
        let url = format!("{gateway}{}", asked.path);
        let bearer = format!("Bearer {CLIENT_KEY}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", asked.content_type.as_str()),
        ];
        let mut seen = Self::default();
        let mut last = Instant::now();
        let response = client.call(Call {
            method: Method::Post,
            url: &url,
            headers: &headers,
            body: Some(&[&asked.body]),
            deadline,
            client: None,
        });
        seen.longest_silence = last.elapsed();
        let mut response = match response {
            Ok(response) => response,
            Err(error) => {
                seen.broken = Some(error.to_string());
                return seen;
            }
        };
        last = Instant::now();
        seen.status = Some(response.head.status);
        seen.has_retry_after = response.head.header("retry-after").is_some();
        let (mut body, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
        while body.len() < LONGEST {
            let read = response.body.read(&mut piece, deadline);
            seen.longest_silence = seen.longest_silence.max(last.elapsed());
            last = Instant::now();
            match read {
                Ok(0) => break,
                Ok(read) => body.extend_from_slice(piece.get(..read).unwrap_or_default()),
                Err(error) => {
                    seen.broken = Some(error.to_string());
                    break;
                }
            }
        }
        seen.read(&response.head, &body);
        seen
    }

    fn read(&mut self, head: &Head, body: &[u8]) {
        let content_type = head.header("content-type").unwrap_or_default();
        if content_type.contains("event-stream") {
            let mut decoder = sse::Decoder::new(LONGEST);
            decoder.push(body);
            while let Some(Ok(item)) = decoder.next_item() {
                if let sse::Item::Event(event) = item {
                    self.read_frame(&event.data);
                }
            }
        } else if content_type.contains("json") {
            for line in String::from_utf8_lossy(body).lines() {
                self.read_frame(line);
            }
        } else {
            self.bytes = body.len();
        }
    }

    fn read_frame(&mut self, text: &str) {
        if text == "[DONE]" {
            self.has_ended = true;
            return;
        }
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let kind = frame
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let error = frame.get("error").or(frame.pointer("/response/error"));
        let error = error.filter(|error| !error.is_null());
        if let Some(error) = error {
            self.error_event = true;
            self.error = Some(words_of(error));
        } else if kind == "error" {
            self.error_event = true;
            self.error = Some(words_of(&frame));
        }
        let is_end = ["message_stop", "response.completed"].contains(&kind);
        self.has_ended |= is_end || frame.get("done") == Some(&Value::Bool(true));
        // The end of a response repeats all that was said.
        if !kind.starts_with("response.") || kind == "response.output_text.delta" {
            let mut places = CONTENT.iter();
            let found = places.find_map(|place| frame.pointer(place)?.as_str());
            self.content.push_str(found.unwrap_or_default());
        }
        for place in [
            "/choices/0/message/tool_calls",
            "/choices/0/delta/tool_calls",
        ] {
            let calls = frame.pointer(place).and_then(Value::as_array);
            self.tool_calls.extend(calls.into_iter().flatten().cloned());
        }
    }

    /// Whether all content came, or what stands for it where an endpoint answers no text.
    pub fn is_whole(&self, stream: bool, has_text: bool) -> bool {
        let has_content = !has_text || self.content == PIECES.concat();
        self.status == Some(200)
            && self.broken.is_none()
            && !self.error_event
            && has_content
            && (!stream || self.has_ended)
    }

    /// The answer in a few words.
    pub fn words(&self) -> String {
        let error = self.error.as_deref().map(shortened);
        let words = match (self.status, &self.broken, error) {
            (None, Some(broken), _) => format!("no answer: {broken}"),
            (None, None, _) => "no answer".to_owned(),
            (Some(200), _, Some(error)) => format!("an error event: {error}"),
            (Some(200), Some(broken), None) => format!("200, then broken: {broken}"),
            (Some(status), _, Some(error)) => format!("{status}: {error}"),
            (Some(status), _, None) if self.content.is_empty() => status.to_string(),
            (Some(status), _, None) if self.content == PIECES.concat() => {
                format!("{status}, a whole answer")
            }
            (Some(status), _, None) => format!("{status}, a part of an answer"),
        };
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A time as people say it: `400 ms`, `1.5 s`, `30 s`.
pub fn time_in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match time {
        _ if seconds < 0.95 => format!("{} ms", time.as_millis()),
        _ if seconds < 4.95 && (seconds - seconds.round()).abs() >= 0.05 => {
            format!("{seconds:.1} s")
        }
        _ => format!("{seconds:.0} s"),
    }
}

fn words_of(error: &Value) -> String {
    let message = error.get("message").or(Some(error));
    let text = message.and_then(Value::as_str).map(str::to_owned);
    text.unwrap_or_else(|| error.to_string())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_WORDS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
    }
}
