//! The way to the collector: OTLP's HTTP client over whatever transport the composition root gives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::health::{Health, Said};

/// Bytes of the collector's words in the log.
const LONGEST_WORDS: usize = 200;

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

/// The end of all exports, known when the gateway stops.
#[derive(Clone, Debug, Default)]
pub struct Closing(Arc<Mutex<Option<Instant>>>);

impl Closing {
    pub fn at(&self, deadline: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }

    fn deadline(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries one signal's exports.
pub struct Courier {
    pub transport: Arc<dyn Transport>,
    pub health: Arc<Health>,
    /// For one POST.
    pub timeout: Duration,
    pub closing: Closing,
}

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Courier({})", self.health.signal().name())
    }
}

impl Courier {
    fn carry(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let deadline = Instant::now() + self.timeout;
        let deadline = self
            .closing
            .deadline()
            .map_or(deadline, |end| end.min(deadline));
        let headers = request.headers().iter();
        let headers: Vec<(&str, &str)> = headers
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let reply = self.transport.post(Post {
            url: &request.uri().to_string(),
            headers: &headers,
            body: request.body(),
            deadline,
        });
        let reply = reply.inspect_err(|problem| self.note(Some(problem.clone()), 0))?;
        let status = self.judge(&reply);
        let mut response = Response::builder().status(status);
        if let Some(after) = &reply.retry_after {
            response = response.header("retry-after", after);
        }
        Ok(response.body(reply.body.into())?)
    }

    /// The status to act on, once it is known what stands behind a success.
    fn judge(&self, reply: &Reply) -> u16 {
        let status = reply.status;
        if !(200..300).contains(&status) {
            self.note(Some(format!("the collector answered {status}")), 0);
            return status;
        }
        match Verdict::of(reply) {
            Verdict::Taken => self.note(None, 0),
            Verdict::TakenInPart { rejected, words } => self.note(Some(words), rejected),
            Verdict::NoCollector => {
                let problem = "the answer is not OTLP's: is this the address of a collector?";
                self.note(Some(problem.to_owned()), 0);
                // Any status that ends the export; repeating it would not help.
                return 404;
            }
        }
        status
    }

    fn note(&self, problem: Option<String>, rejected: u64) {
        self.health.say(Said { problem, rejected });
    }
}

/// What a successful answer says.
enum Verdict {
    Taken,
    TakenInPart { rejected: u64, words: String },
    NoCollector,
}

impl Verdict {
    /// Collectors answer in protobuf, some in JSON or with nothing. A web page means that somebody else took the export.
    fn of(reply: &Reply) -> Self {
        let kind = reply.content_type.as_deref().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("text/html") {
            return Self::NoCollector;
        }
        if !kind.eq_ignore_ascii_case("application/x-protobuf") {
            return Self::Taken;
        }
        // The answers to all three signals have the same shape on the wire.
        match ExportTraceServiceResponse::decode(reply.body.as_slice()) {
            Err(_) => Self::NoCollector,
            Ok(ExportTraceServiceResponse {
                partial_success: Some(part),
            }) if part.rejected_spans > 0 => Self::TakenInPart {
                rejected: part.rejected_spans.unsigned_abs(),
                words: shown(&part.error_message),
            },
            Ok(_) => Self::Taken,
        }
    }
}

/// The collector's own words, cut and on one line.
fn shown(words: &str) -> String {
    let end = words.floor_char_boundary(LONGEST_WORDS);
    let words = words.get(..end).unwrap_or_default();
    words.replace(char::is_control, " ")
}

impl HttpClient for Courier {
    // What #[async_trait] makes of `async fn send_bytes`, without the dependency. It blocks: exports have threads of
    // their own, which wait for nothing else.
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move { self.carry(&request) })
    }
}
