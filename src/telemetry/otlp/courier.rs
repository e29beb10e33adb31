//! The way to the collector: POSTs over whatever transport the composition root gives, repeated where that may help.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::closing::Closing;
use super::settings::Destination;
use crate::secret::Secret;

/// Bytes of the collector's words in the log.
const LONGEST_WORDS: usize = 200;

/// An export that meets a restart or a limit is sent again, so many times, after pauses that double from the first.
const MOST_REPEATS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Bound of the pause that a collector asks for in `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One POST to a collector.
pub struct Post<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    pub deadline: Instant,
}

/// What a collector answered.
pub struct Reply {
    pub status: u16,
    pub content_type: Option<String>,
    pub retry_after: Option<String>,
    /// Bounded by the transport.
    pub body: Vec<u8>,
}

/// Something that can POST, blocking the thread it is called on.
pub trait Transport: Send + Sync {
    /// # Errors
    /// Why there is no answer; without any header in it.
    fn post(&self, post: Post<'_>) -> Result<Reply, String>;
}

/// What became of an export.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Arrived,
    /// It was taken, but for so many.
    InPart {
        rejected: u64,
        words: String,
    },
    /// Why nothing of it arrived.
    Lost(String),
}

/// Carries one signal's exports.
pub struct Courier {
    transport: Arc<dyn Transport>,
    url: String,
    headers: Vec<(String, Secret)>,
    /// For one export, repeats included.
    timeout: Duration,
    closing: Closing,
}

impl Courier {
    pub fn new(
        transport: Arc<dyn Transport>,
        destination: &Destination,
        timeout: Duration,
        closing: Closing,
    ) -> Self {
        Self {
            transport,
            url: destination.url.clone(),
            headers: destination.headers.clone(),
            timeout,
            closing,
        }
    }

    /// Exports this, a whole message.
    pub fn deliver(&self, message: &[u8]) -> Outcome {
        let deadline = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        for _ in 0..MOST_REPEATS {
            let (outcome, wish) = self.post(message, deadline);
            let Some(wish) = wish else {
                return outcome;
            };
            pause = pause.max(wish);
            let end = self.closing.before(deadline);
            let next = Instant::now().checked_add(pause);
            if next.is_none_or(|next| next >= end) {
                return outcome;
            }
            self.closing.pause(pause);
            pause *= 2;
        }
        self.post(message, deadline).0
    }

    /// How it went and, if another try may help, after how long the collector wants it at the earliest.
    fn post(&self, message: &[u8], deadline: Instant) -> (Outcome, Option<Duration>) {
        let own = [
            ("content-type", "application/x-protobuf"),
            (
                "user-agent",
                concat!("ai-gateway/", env!("CARGO_PKG_VERSION")),
            ),
        ];
        let others = self.headers.iter();
        let others = others.map(|(name, value)| (name.as_str(), value.expose()));
        let headers: Vec<(&str, &str)> = own.into_iter().chain(others).collect();
        let post = Post {
            url: &self.url,
            headers: &headers,
            body: message,
            deadline: self.closing.before(deadline),
        };
        // A fault on the way must cost one export, not the thread and with it all that follow.
        let reply = catch_unwind(AssertUnwindSafe(|| self.transport.post(post)));
        match reply {
            Err(_) => (Outcome::Lost("the export panicked".to_owned()), None),
            Ok(Err(problem)) => (Outcome::Lost(problem), Some(Duration::ZERO)),
            Ok(Ok(reply)) => (judge(&reply), wish(&reply)),
        }
    }
}

/// Which answers ask for another try: the specification's list.
fn wish(reply: &Reply) -> Option<Duration> {
    let seconds = reply.retry_after.as_deref().and_then(seconds);
    let pause = Duration::from_secs(seconds.unwrap_or_default()).min(LONGEST_PAUSE);
    matches!(reply.status, 429 | 502 | 503 | 504).then_some(pause)
}

/// A number of seconds, however large; `None` for a date or anything else.
fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Collectors answer in protobuf, some in JSON or with nothing. A web page means that somebody else took the export.
fn judge(reply: &Reply) -> Outcome {
    if !(200..300).contains(&reply.status) {
        return Outcome::Lost(format!("the collector answered {}", reply.status));
    }
    let foreign = "the answer is not OTLP's: is this the address of a collector?";
    let kind = reply.content_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("text/html") {
        return Outcome::Lost(foreign.to_owned());
    }
    if !kind.eq_ignore_ascii_case("application/x-protobuf") {
        return Outcome::Arrived;
    }
    // The answers to all three signals have the same shape on the wire.
    match ExportTraceServiceResponse::decode(reply.body.as_slice()) {
        Err(_) => Outcome::Lost(foreign.to_owned()),
        Ok(ExportTraceServiceResponse {
            partial_success: Some(part),
        }) if part.rejected_spans > 0 => Outcome::InPart {
            rejected: part.rejected_spans.unsigned_abs(),
            words: shown(&part.error_message),
        },
        Ok(_) => Outcome::Arrived,
    }
}

/// The collector's own words, cut and on one line.
fn shown(words: &str) -> String {
    let end = words.floor_char_boundary(LONGEST_WORDS);
    let words = words.get(..end).unwrap_or_default();
    words.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::otlp::Signal;

    fn courier(transport: impl Transport + 'static) -> Courier {
        let destination = Destination {
            signal: Signal::Traces,
            url: "http://collector/v1/traces".to_owned(),
            headers: Vec::new(),
            delay: Duration::ZERO,
        };
        let timeout = Duration::from_secs(10);
        Courier::new(
            Arc::new(transport),
            &destination,
            timeout,
            Closing::default(),
        )
    }

    struct Panicking;

    impl Transport for Panicking {
        fn post(&self, _: Post<'_>) -> Result<Reply, String> {
            panic!("in a test");
        }
    }

    #[test]
    fn a_panic_costs_one_export() {
        let outcome = courier(Panicking).deliver(b"x");
        assert_eq!(outcome, Outcome::Lost("the export panicked".to_owned()));
    }

    #[test]
    fn a_pause_is_bounded_whatever_the_collector_asks_for() {
        let wish = |status, retry_after: &str| {
            wish(&Reply {
                status,
                content_type: None,
                retry_after: Some(retry_after.to_owned()),
                body: Vec::new(),
            })
        };
        for (retry_after, seconds) in [
            ("0", 0),
            ("7", 7),
            ("31", 30),
            ("10000000000000000000", 30),
            ("1000000000000000000000000000000", 30),
            ("-1", 0),
            ("soon", 0),
            ("", 0),
        ] {
            let expected = Some(Duration::from_secs(seconds));
            assert_eq!(wish(503, retry_after), expected, "{retry_after}");
        }
        assert_eq!(wish(400, "7"), None);
    }
}
