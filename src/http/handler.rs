//! The handler of requests, and its panics.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::asked::Asked;
use super::exchange::Exchange;
use super::fields::Fields;
use super::head::Head;
use super::refusal::{Reason, Refusal};
use super::response::{Response, ResponseHead};
use super::transaction::Transaction;

/// The application behind the edge.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request, on a worker thread with a stack of 256 KiB. May block. A panic is answered 500.
    fn handle(&self, exchange: Exchange<'_>);

    /// Answers a request without a body at once, also when all workers are busy. It runs on the front thread, which all
    /// connections share, and must not block. `None` leaves the request to [`Self::handle`].
    fn instant(&self, _head: &Head) -> Option<Response> {
        None
    }

    /// Whether the body of a request is worth collecting. Where it is not, because the head alone tells how the request is
    /// answered, [`Self::handle`] is called at once, and reads no body. It runs on the front thread, as [`Self::instant`]
    /// does, and must not block.
    fn wants_body(&self, _head: &Head) -> bool {
        true
    }

    /// The fields that every answer to a request gets besides its own, also a refusal by the edge. They are few, and none
    /// but for a browser's requests. It may run on the front thread, and must not block.
    fn fields(&self, _head: &Head) -> Fields {
        Fields::new()
    }

    /// The answer to a request that the edge turns away. Status and `Retry-After` are the edge's to set.
    fn refusal(&self, refusal: &Refusal, _asked: &Asked<'_>) -> Response {
        plain(refusal)
    }
}

/// The refusal as plain text.
fn plain(refusal: &Refusal) -> Response {
    let head = ResponseHead::new(refusal.status(), "text/plain; charset=utf-8");
    Response::new(head, refusal.message)
}

/// A handler whose panics cost one answer.
#[derive(Clone)]
pub(super) struct ContainedHandler(Arc<dyn Handler>);

impl ContainedHandler {
    pub fn new(handler: Arc<dyn Handler>) -> Self {
        Self(handler)
    }

    /// Answers the request, unless the handler panics before it has.
    pub fn handle(&self, transaction: &mut Transaction) {
        let handled = caught(|| self.0.handle(Exchange::new(transaction)));
        if let Err(panic) = handled {
            log_panic_of_handler(&transaction.job.head, &*panic);
        }
    }

    /// The answer that needs no worker; `None` for a request that does. A panic there is answered 500.
    pub fn instant(&self, head: &Head) -> Option<Response> {
        if head.has_body() {
            return None;
        }
        caught(|| self.0.instant(head)).unwrap_or_else(|panic| {
            log_panic_of_handler(head, &*panic);
            Some(self.refusal(Refusal::PANIC, &Asked::whole(head)))
        })
    }

    /// Whether the body is to be collected. A panic there leaves the request to a worker.
    pub fn wants_body(&self, head: &Head) -> bool {
        caught(|| self.0.wants_body(head)).unwrap_or_else(|panic| {
            log_panic_of_handler(head, &*panic);
            false
        })
    }

    /// The fields besides an answer's own; none if the handler panics.
    pub fn fields(&self, head: &Head) -> Fields {
        caught(|| self.0.fields(head)).unwrap_or_else(|panic| {
            log_panic_of_handler(head, &*panic);
            Fields::new()
        })
    }

    /// The refusal in the handler's shape, or as plain text if the handler panics. An overload is over soon, so clients
    /// may come back (after 1 s).
    pub fn refusal(&self, refusal: Refusal, asked: &Asked<'_>) -> Response {
        let spelled = caught(|| self.0.refusal(&refusal, asked));
        let mut response = spelled.unwrap_or_else(|panic| {
            log_panic(format_args!("the handler, at a refusal,"), &*panic);
            plain(&refusal)
        });
        response.head.status = refusal.status();
        match refusal.reason {
            Reason::Overload => response.with("Retry-After", "1"),
            _ => response,
        }
    }
}

type Panic = Box<dyn Any + Send>;

/// Runs `work`.
///
/// # Errors
/// The work panicked.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work))
}

fn log_panic_of_handler(head: &Head, panic: &(dyn Any + Send)) {
    log_panic(
        format_args!("request {}: the handler", head.request_id()),
        panic,
    );
}

pub(super) fn log_panic(subject: fmt::Arguments<'_>, panic: &(dyn Any + Send)) {
    log::error!("{subject} panicked: {}", bounded(panic));
}

/// The message of a panic, cut to a length fit for a log line.
fn bounded(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    said.unwrap_or("(no text)").chars().take(200).collect()
}
