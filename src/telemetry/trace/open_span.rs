//! A span under way.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _,
};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use super::names;
use crate::secret::Redactor;
use crate::text::cut;

/// Bound of a text that comes from elsewhere (bytes).
const LONGEST_TEXT: usize = 1024;

/// Attributes that most spans fit into.
const USUAL_ATTRIBUTES: usize = 16;

/// The means to begin the span of a request and those inside it.
#[derive(Clone)]
pub struct SpanMaker {
    pub sdk: Arc<SdkTracer>,
    pub redactor: Arc<Redactor>,
}

/// A span of this process, or a client's that is only passed on.
pub enum OpenSpan {
    OfClient(SpanContext),
    Ours {
        span: Box<SdkSpan>,
        maker: SpanMaker,
        /// The last HTTP status that was seen: a call that is repeated sees two, and an attribute has one value.
        status: Option<u16>,
    },
}

impl SpanMaker {
    /// Begins a span, inside the parent if there is one. The sampler decides whether it is recorded.
    pub fn begin(
        self,
        parent: Option<SpanContext>,
        name: &'static str,
        kind: SpanKind,
        started: SystemTime,
    ) -> OpenSpan {
        let inside = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(started)
            .with_attributes(Vec::with_capacity(USUAL_ATTRIBUTES));
        let span = Box::new(self.sdk.build_with_context(builder, &inside));
        OpenSpan::Ours {
            span,
            maker: self,
            status: None,
        }
    }
}

impl OpenSpan {
    pub fn context(&self) -> &SpanContext {
        match self {
            Self::OfClient(context) => context,
            Self::Ours { span, .. } => span.span_context(),
        }
    }

    /// The means and the parent of a span inside this one; `None` if this is a client's, which has none of ours inside
    /// it.
    pub fn maker_and_context(&self) -> Option<(SpanMaker, SpanContext)> {
        match self {
            Self::OfClient(_) => None,
            Self::Ours { span, maker, .. } => Some((maker.clone(), span.span_context().clone())),
        }
    }

    /// True if the sampler keeps the span, so that additions to it will be seen.
    pub fn is_recorded(&self) -> bool {
        matches!(self, Self::Ours { span, .. } if span.is_recording())
    }

    pub fn rename(&mut self, name: String) {
        if let Self::Ours { span, .. } = self {
            span.update_name(name);
        }
    }

    /// Adds an attribute of our own making, or of the configuration's.
    pub fn put(&mut self, name: impl Into<Key>, value: impl Into<Value>) {
        if let Self::Ours { span, .. } = self {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Adds a text that clients or providers wrote: keys are masked, and then it is cut.
    pub fn put_foreign(&mut self, name: &'static str, text: &str) {
        self.put_masked(name, text, LONGEST_TEXT);
    }

    /// Adds a foreign text that has bounds of its own: keys are masked.
    pub fn put_bounded(&mut self, name: &'static str, text: &str) {
        self.put_masked(name, text, usize::MAX);
    }

    fn put_masked(&mut self, name: &'static str, text: &str, max_bytes: usize) {
        if let Self::Ours { span, maker, .. } = self
            && span.is_recording()
        {
            let masked = maker.redactor.mask(text);
            let text = cut(&masked, max_bytes).to_owned();
            span.set_attribute(KeyValue::new(name, text));
        }
    }

    /// Adds an event of this moment.
    pub fn event(&mut self, name: &'static str, mut attributes: Vec<KeyValue>) {
        if let Self::Ours { span, maker, .. } = self
            && span.is_recording()
        {
            for attribute in &mut attributes {
                if let Value::String(text) = &attribute.value
                    && let Cow::Owned(masked) = maker.redactor.mask(text.as_str())
                {
                    attribute.value = Value::from(masked);
                }
            }
            span.add_event(name, attributes);
        }
    }

    /// Makes the span an error, with a message unless that is empty.
    pub fn fail(&mut self, message: &str) {
        if let Self::Ours { span, maker, .. } = self {
            let masked = maker.redactor.mask(message);
            span.set_status(Status::error(cut(&masked, LONGEST_TEXT).to_owned()));
        }
    }

    /// Notes an HTTP status; the last one counts.
    pub fn saw_status(&mut self, seen: u16) {
        if let Self::Ours { status, .. } = self {
            *status = Some(seen);
        }
    }

    pub fn end(self) {
        if let Self::Ours {
            mut span, status, ..
        } = self
        {
            if let Some(status) = status {
                span.set_attribute(KeyValue::new(names::HTTP_STATUS, i64::from(status)));
            }
            span.end();
        }
    }
}

/// A number as the value of an attribute.
pub fn count(number: usize) -> Value {
    Value::I64(i64::try_from(number).unwrap_or(i64::MAX))
}
