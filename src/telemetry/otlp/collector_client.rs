//! The way to the collector: POSTs over the transport that the composition root gives, repeated where that may help.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::settings::Destination;
use super::shutdown_deadline::ShutdownDeadline;
use crate::secret::{Redactor, Secret};
use crate::sync::lock;
use crate::text::{cut, is_deceptive};

/// Bound of the collector's words in the log (bytes).
const LONGEST_WORDS: usize = 200;

/// An export that meets a restart or a limit is sent again, so many times, after pauses that double from the first.
const MAX_REPEATS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Bound of the pause that a collector asks for in `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A POST to a collector.
pub struct Post<'a> {
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
    pub deadline: Instant,
}

/// The answer of a collector.
pub struct Reply {
    pub status: u16,
    pub content_type: Option<String>,
    pub retry_after: Option<String>,
    /// The body, bounded by the transport.
    pub body: Vec<u8>,
}

/// The HTTP client below, which blocks the thread that calls it.
pub trait Transport: Send + Sync {
    /// # Errors
    /// The reason why there is no answer, without any header in it.
    fn post(&self, post: Post<'_>) -> Result<Reply, String>;
}

/// The fate of an export.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Arrived,
    /// The collector took it, but for so many.
    InPart {
        rejected: u64,
        words: String,
    },
    /// The batch did not arrive, for this reason.
    Lost(String),
}

/// The client of one signal's exports.
pub struct CollectorClient {
    transport: Arc<dyn Transport>,
    url: String,
    headers: Vec<(String, Secret)>,
    /// The redactor of the headers' keys: collectors repeat keys as well.
    redactor: Redactor,
    /// Time of one export, repeats included.
    timeout: Duration,
    shutdown: ShutdownDeadline,
    /// The outcome of the last export through [`HttpClient`], whose answers have no room for it.
    outcome: Mutex<Option<Outcome>>,
}

impl fmt::Debug for CollectorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorClient")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl HttpClient for CollectorClient {
    /// Sends the body, to this client's own address with its own headers. The exporter has nothing more to do with the
    /// answer, so it gets an empty one.
    fn send_bytes<'c, 'f>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let outcome = self.deliver(request.body());
            *lock(&self.outcome) = Some(outcome);
            Ok(Response::new(Bytes::new()))
        })
    }
}

impl CollectorClient {
    pub fn new(
        transport: Arc<dyn Transport>,
        destination: &Destination,
        timeout: Duration,
        shutdown: ShutdownDeadline,
    ) -> Self {
        let keys = destination.headers.iter().map(|(_, value)| value.clone());
        Self {
            transport,
            url: destination.url.clone(),
            headers: destination.headers.clone(),
            redactor: Redactor::new(keys),
            timeout,
            shutdown,
            outcome: Mutex::default(),
        }
    }

    /// The outcome of the last export through [`HttpClient`]; `None` if there was none since this was last asked.
    pub fn take_outcome(&self) -> Option<Outcome> {
        lock(&self.outcome).take()
    }

    /// Exports a whole message.
    pub fn deliver(&self, message: &[u8]) -> Outcome {
        let deadline = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_REPEATS {
            let (outcome, wish) = self.post(message, deadline);
            let Some(wish) = wish else {
                return outcome;
            };
            pause = pause.max(wish);
            let end = self.shutdown.before(deadline);
            let next = Instant::now().checked_add(pause);
            if next.is_none_or(|next| next >= end) {
                return outcome;
            }
            self.shutdown.pause(pause);
            pause *= 2;
        }
        self.post(message, deadline).0
    }

    /// The outcome of one try and, if another try may help, the pause that the collector asks for.
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
            deadline: self.shutdown.before(deadline),
        };
        // A fault on the way must cost one export, not the thread and with it all that follow.
        let reply = catch_unwind(AssertUnwindSafe(|| self.transport.post(post)));
        match reply {
            Err(_) => (Outcome::Lost("the export panicked".to_owned()), None),
            Ok(Err(problem)) => (Outcome::Lost(problem), Some(Duration::ZERO)),
            Ok(Ok(reply)) => (self.judge(&reply), wish(&reply)),
        }
    }

    /// Collectors answer in protobuf, some in JSON or with nothing. A web page means that the address is no
    /// collector's.
    fn judge(&self, reply: &Reply) -> Outcome {
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
                words: self.shown(&part.error_message),
            },
            Ok(_) => Outcome::Arrived,
        }
    }

    /// The collector's own words: masked, cut and on one line.
    fn shown(&self, words: &str) -> String {
        cut(&self.redactor.mask(words), LONGEST_WORDS).replace(is_deceptive, " ")
    }
}

/// The pause before another try, for the answers that ask for one (the specification's list); `None` for all others.
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

#[cfg(test)]
mod tests {
    use super::super::signal::Signal;
    use super::*;

    fn client(transport: impl Transport + 'static) -> CollectorClient {
        let destination = Destination {
            signal: Signal::Traces,
            url: "http://collector/v1/traces".to_owned(),
            headers: Vec::new(),
            delay: Duration::ZERO,
        };
        let timeout = Duration::from_secs(10);
        CollectorClient::new(
            Arc::new(transport),
            &destination,
            timeout,
            ShutdownDeadline::default(),
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
        let outcome = client(Panicking).deliver(b"x");
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
