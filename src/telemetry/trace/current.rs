//! The spans under way on this thread, the innermost being the current one: its ids, and the ways to add to it. Without
//! one, nothing is even computed.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::open_span::{OpenSpan, count};
use super::{names, propagation};

thread_local! {
    /// The open spans, borrowed for a moment only, and never while a caller's code runs.
    static OPEN: RefCell<Vec<OpenSpan>> = const { RefCell::new(Vec::new()) };
}

/// The ids of the trace and of the span under way, for log lines; `None` outside of a trace.
pub fn ids() -> Option<(Hex, Hex)> {
    context(|of| {
        let (trace, span) = (of.trace_id().to_bytes(), of.span_id().to_bytes());
        (Hex::new(&trace), Hex::new(&span))
    })
}

/// Reads the context of the span under way; `None` outside of a trace.
pub(crate) fn context<T>(read: impl FnOnce(&SpanContext) -> T) -> Option<T> {
    let read =
        |open: &RefCell<Vec<OpenSpan>>| open.borrow().last().map(|span| read(span.context()));
    OPEN.try_with(read).ok()?
}

/// True if the span under way is kept, so that additions to it will be seen. For those that are costly to make.
pub fn is_recorded() -> bool {
    let recorded =
        |open: &RefCell<Vec<OpenSpan>>| open.borrow().last().is_some_and(OpenSpan::is_recorded);
    OPEN.try_with(recorded).unwrap_or_default()
}

/// Adds an event of this moment.
pub fn event(name: &'static str, attributes: impl FnOnce() -> Vec<KeyValue>) {
    if is_recorded() {
        let attributes = attributes();
        innermost(|span| span.event(name, attributes));
    }
}

/// Adds the HTTP status of a provider's answer; of several the last one.
pub fn status(status: u16) {
    innermost(|span| span.saw_status(status));
}

/// Adds the model that a provider names in its answer.
pub fn model(model: &str) {
    innermost(|span| span.put_foreign(names::RESPONSE_MODEL, model));
}

/// Adds attributes of our own making.
pub fn attributes(attributes: &[KeyValue]) {
    innermost(|span| {
        for KeyValue { key, value, .. } in attributes {
            span.put(key.clone(), value.clone());
        }
    });
}

/// Adds question and answer, in the conventions' JSON. Only where the configuration allows it.
pub fn content(input: Option<String>, output: Option<String>) {
    innermost(|span| {
        input.inspect(|text| span.put_bounded(names::INPUT_MESSAGES, text));
        output.inspect(|text| span.put_bounded(names::OUTPUT_MESSAGES, text));
    });
}

/// The headers that continue this trace elsewhere (W3C Trace Context); none outside of a trace.
pub fn outgoing() -> Vec<(&'static str, String)> {
    let context = context(SpanContext::clone);
    context.map_or_else(Vec::new, |context| {
        propagation::outgoing(&Context::new().with_remote_span_context(context))
    })
}

fn innermost(change: impl FnOnce(&mut OpenSpan)) {
    let _ = OPEN.try_with(|open| open.borrow_mut().last_mut().map(change));
}

/// The guard of an open span, which is current as long as there is none inside it. On this thread only.
pub(super) struct Guard {
    place: usize,
    _thread: PhantomData<*const ()>,
}

impl Guard {
    pub fn open(span: OpenSpan) -> Option<Self> {
        let place = OPEN.try_with(|open| {
            let mut open = open.borrow_mut();
            open.push(span);
            open.len() - 1
        });
        Some(Self {
            place: place.ok()?,
            _thread: PhantomData,
        })
    }

    pub fn read<T>(&self, read: impl FnOnce(&OpenSpan) -> T) -> Option<T> {
        OPEN.try_with(|open| open.borrow().get(self.place).map(read))
            .ok()?
    }

    pub fn change(&self, change: impl FnOnce(&mut OpenSpan)) {
        let _ = OPEN.try_with(|open| open.borrow_mut().get_mut(self.place).map(change));
    }

    pub fn tokens(&self, input: Option<u64>, output: Option<u64>) {
        let whole = |tokens: u64| count(usize::try_from(tokens).unwrap_or(usize::MAX));
        self.change(|span| {
            input.inspect(|tokens| span.put(names::INPUT_TOKENS, whole(*tokens)));
            output.inspect(|tokens| span.put(names::OUTPUT_TOKENS, whole(*tokens)));
        });
    }
}

impl Drop for Guard {
    /// Ends the span, and what is still open inside it. A handler that panicked has no more to say; its span still
    /// tells that it did.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.change(|span| {
                span.put(names::ERROR_TYPE, "panic");
                span.fail("the handler panicked");
            });
        }
        loop {
            let ended = OPEN.try_with(|open| {
                let mut open = open.borrow_mut();
                (open.len() > self.place).then(|| open.pop()).flatten()
            });
            let Ok(Some(span)) = ended else { break };
            span.end();
        }
    }
}

/// An id in hexadecimal digits.
pub struct Hex {
    digits: [u8; 32],
    length: usize,
}

impl Hex {
    fn new(id: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(id) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self {
            digits,
            length: 2 * id.len(),
        }
    }

    pub fn as_str(&self) -> &str {
        let written = self.digits.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default()
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
