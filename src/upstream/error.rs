//! The ways in which a call fails, in the words that the outcome classes need.

use std::fmt;

/// The reason why a call has no (whole) answer. No variant ever holds a header value or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The downstream client is gone; the upstream connection has been closed.
    Cancelled,
    /// No byte of an answer: refused, unresolvable, TLS failure, closed or reset before the first byte.
    Unreachable(String),
    /// The deadline passed in this phase.
    Timeout(Phase),
    /// An answer that cannot be used: malformed head, cut body, wrong chunks, more bytes than allowed.
    BadResponse(String),
}

impl CallError {
    /// The error of an answer for which the budget has no room: nobody's fault, and for another step to try.
    pub fn no_memory() -> Self {
        Self::BadResponse("other requests and answers have all the memory for it".to_owned())
    }
}

/// The stations of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Resolve,
    Connect,
    Tls,
    Send,
    /// Waiting for the answer's head, up to its end.
    FirstByte,
    Body,
}

impl Phase {
    /// Whether the connection is still being made, so that nothing that arrives is part of an answer.
    pub(super) fn is_connecting(self) -> bool {
        matches!(self, Self::Resolve | Self::Connect | Self::Tls)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the host name",
            Self::Connect => "connecting",
            Self::Tls => "negotiating TLS",
            Self::Send => "sending the request",
            Self::FirstByte => "waiting for the answer",
            Self::Body => "reading the answer",
        })
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the client is gone"),
            Self::Unreachable(why) => write!(f, "unreachable: {why}"),
            Self::Timeout(phase) => write!(f, "out of time while {phase}"),
            Self::BadResponse(why) => write!(f, "bad response: {why}"),
        }
    }
}

impl std::error::Error for CallError {}
