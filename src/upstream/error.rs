//! How a call fails, in the words the outcome classes need.

use std::fmt;

/// Why there is no (whole) answer. No variant ever holds a header value or a key.
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

/// Where in a call the time went.
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
    /// The connection is still being made, so nothing that arrives is part of an answer.
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

/// Our own errors travel through ureq unchanged, so that they come out as what they went in as.
impl From<CallError> for ureq::Error {
    fn from(error: CallError) -> Self {
        Self::Other(Box::new(error))
    }
}

impl CallError {
    /// What an error of ureq means, given the phase of the call and whether any byte of the answer had arrived.
    pub(super) fn classify(error: ureq::Error, phase: Phase, answered: bool) -> Self {
        let why = match error {
            ureq::Error::Other(own) => match own.downcast::<Self>() {
                Ok(own) => return *own,
                Err(other) => other.to_string(),
            },
            // Every early end of input is of this kind: closed before, inside or behind the head.
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
                if phase == Phase::Body {
                    "the connection was closed inside the body".to_owned()
                } else if answered {
                    "the connection was closed inside the head".to_owned()
                } else {
                    "the connection was closed without an answer".to_owned()
                }
            }
            ureq::Error::Io(io) => io.to_string(),
            other => other.to_string(),
        };
        if phase.is_connecting() || !answered {
            Self::Unreachable(why)
        } else {
            Self::BadResponse(why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// The class decides whether a provider is cooled down, so a wrong one benches a healthy provider.
    #[test]
    fn failures_keep_their_class_on_the_way_through_ureq() {
        let own = CallError::Timeout(Phase::Send);
        let through_tls = ureq::Error::from(own.clone()).into_io();
        let error = CallError::classify(through_tls.into(), Phase::Send, false);
        assert_eq!(error, own);

        let eof = || ureq::Error::Io(io::ErrorKind::UnexpectedEof.into());
        let protocol = || ureq::Error::LargeResponseHeader(2, 1);
        let unreachable = |error: &CallError| matches!(error, CallError::Unreachable(_));
        let bad = |error: &CallError| matches!(error, CallError::BadResponse(_));
        assert!(unreachable(&CallError::classify(
            eof(),
            Phase::FirstByte,
            false
        )));
        assert!(bad(&CallError::classify(eof(), Phase::FirstByte, true)));
        assert!(bad(&CallError::classify(eof(), Phase::Body, true)));
        assert!(bad(&CallError::classify(
            protocol(),
            Phase::FirstByte,
            true
        )));
        assert!(unreachable(&CallError::classify(
            protocol(),
            Phase::Connect,
            true
        )));
    }
}
