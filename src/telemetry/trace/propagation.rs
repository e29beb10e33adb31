//! `traceparent` and `tracestate`, W3C Trace Context.

use std::borrow::Cow;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::secret::Redactor;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Bound of a `tracestate` that is kept (bytes): more than the 512 that section 3.3.1.5 asks for, and far less than a
/// head can hold; every span would keep a copy.
const LONGEST_STATE: usize = 1024;

/// A request's headers, as the propagator reads them.
struct Incoming<'a, 'r> {
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    redactor: &'r Redactor,
}

impl Extractor for Incoming<'_, '_> {
    /// A header with a key in it is as good as none: it would go to the collector, and on to a provider. So is a
    /// `tracestate` that is none: with any bytes in it, a client would write into the heads of our requests.
    fn get(&self, key: &str) -> Option<&str> {
        (self.header)(key).filter(|value| {
            value.len() <= LONGEST_STATE
                && (key != STATE || is_state(value))
                && matches!(self.redactor.mask(value), Cow::Borrowed(_))
        })
    }

    fn keys(&self) -> Vec<&str> {
        vec![PARENT, STATE]
    }
}

/// The context of the client's span; `None` if the request names none.
pub fn incoming<'a>(
    header: &'a dyn Fn(&str) -> Option<&'a str>,
    redactor: &Redactor,
) -> Option<SpanContext> {
    // Most clients name none.
    header(PARENT)?;
    let incoming = Incoming { header, redactor };
    let extracted = TraceContextPropagator::new().extract_with_context(&Context::new(), &incoming);
    let span = extracted.span();
    span.span_context()
        .is_valid()
        .then(|| span.span_context().clone())
}

/// The headers for a context.
pub fn outgoing(context: &Context) -> Vec<(&'static str, String)> {
    let mut outgoing = OutgoingFields(Vec::new());
    TraceContextPropagator::new().inject_context(context, &mut outgoing);
    outgoing.0
}

struct OutgoingFields(Vec<(&'static str, String)>);

impl Injector for OutgoingFields {
    fn set(&mut self, key: &str, value: String) {
        let known = [PARENT, STATE].into_iter().find(|name| *name == key);
        if let Some(name) = known.filter(|_| !value.is_empty()) {
            self.0.push((name, value));
        }
    }
}

/// Whether a text is a `tracestate` of W3C Trace Context section 3.3.1: members with commas between them, none of whose
/// keys comes twice, empty ones allowed (at most 32).
fn is_state(text: &str) -> bool {
    const MOST_MEMBERS: usize = 32;
    let mut keys = Vec::new();
    for member in text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
    {
        if member.is_empty() {
            continue;
        }
        let Some((key, value)) = member.split_once('=') else {
            return false;
        };
        if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == MOST_MEMBERS {
            return false;
        }
        keys.push(key);
    }
    true
}

/// A key, as level 2 has it, which takes those of level 1 as well (1 to 256 bytes).
fn is_key(key: &str) -> bool {
    let begins = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=256).contains(&key.len())
        && key.as_bytes().first().is_some_and(begins)
        && key
            .bytes()
            .all(|byte| begins(&byte) || b"_-*/@".contains(&byte))
}

/// A value: printable ASCII without comma and equals sign, whose last character is no space (1 to 256 bytes).
fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value
            .bytes()
            .all(|byte| matches!(byte, 0x20..0x7f) && !b",=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_state_of_the_grammar_is_one() {
        let (longest, too_long) = (
            format!("a={}", "x".repeat(256)),
            format!("a={}", "x".repeat(257)),
        );
        let members = |count: usize| (0..count).map(|n| format!("k{n}=v,")).collect::<String>();
        let (most, too_many) = (members(32), members(33));
        for (text, expected) in [
            ("", true),
            ("vendor=value", true),
            ("a=1,b=2", true),
            ("a=1 ,\tb=2,", true),
            (" , ,a=<1> x;", true),
            ("0tenant@vendor=x", true),
            ("a_-*/9=x", true),
            (&longest, true),
            (&most, true),
            (&too_long, false),
            (&too_many, false),
            ("a", false),
            ("a=", false),
            ("=x", false),
            ("a=b=c", false),
            ("a=1,a=2", false),
            ("A=1", false),
            ("@a=1", false),
            ("a=\u{fc}", false),
            ("a=1\t2", false),
            ("a=\u{9b}", false),
            ("a b=1", false),
        ] {
            assert_eq!(is_state(text), expected, "{text:?}");
        }
    }
}
