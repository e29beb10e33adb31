//! Those who answer, and their panics.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::exchange::Exchange;
use super::head::Head;
use super::refusal::Refusal;
use super::response::Response;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request, on a worker thread with a stack of 256 KiB. May block. A panic is answered 500.
    fn handle(&self, exchange: Exchange<'_>);

    /// Answers a request without a body at once, also when all workers are busy. It runs on the front thread, which
    /// serves everybody: it must not block. `None` leaves the request to [`Self::handle`].
    fn instant(&self, _head: &Head) -> Option<Response> {
        None
    }
}

/// A handler whose panics cost one answer.
#[derive(Clone)]
pub(super) struct Contained(Arc<dyn Handler>);

impl Contained {
    pub fn new(handler: Arc<dyn Handler>) -> Self {
        Self(handler)
    }

    /// Answers the request; not at all if the handler panics before it has.
    pub fn handle(&self, exchange: Exchange<'_>) {
        let id = exchange.request_id().to_owned();
        contain(format_args!("request {id}: the handler"), || {
            self.0.handle(exchange);
        });
    }

    /// What the handler answers at once, if the request is of that kind. A panic there is an answer too: 500.
    pub fn instant(&self, head: &Head) -> Option<Response> {
        if head.has_body() {
            return None;
        }
        let id = head.request_id();
        let answered = contain(format_args!("request {id}: the handler"), || {
            self.0.instant(head)
        });
        answered.unwrap_or_else(|| Some(Refusal::PANIC.into()))
    }
}

/// Runs `work`; `None` if it panicked, which is then logged as of `who`.
pub(super) fn contain<T>(who: fmt::Arguments<'_>, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    if let Err(panic) = &done {
        log::error!("{who} panicked: {}", bounded(&**panic));
    }
    done.ok()
}

/// What a panic said, cut to a length fit for a log line.
fn bounded(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    said.unwrap_or("(no text)").chars().take(200).collect()
}
