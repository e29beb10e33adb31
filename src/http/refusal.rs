//! Requests that the edge turns away before any handler sees them.

/// The kind of a refusal; each has a status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Malformed,
    HeadTimeout,
    TargetTooLong,
    UnknownExpectation,
    HeadTooLarge,
    Panic,
    NotImplemented,
    Overload,
    UnknownVersion,
}

impl Reason {
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::HeadTimeout,
        Self::TargetTooLong,
        Self::UnknownExpectation,
        Self::HeadTooLarge,
        Self::Panic,
        Self::NotImplemented,
        Self::Overload,
        Self::UnknownVersion,
    ];

    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::HeadTimeout => 408,
            Self::TargetTooLong => 414,
            Self::UnknownExpectation => 417,
            Self::HeadTooLarge => 431,
            Self::Panic => 500,
            Self::NotImplemented => 501,
            Self::Overload => 503,
            Self::UnknownVersion => 505,
        }
    }
}

/// The refusal of a request. Its body is the handler's to spell; its connection closes where the start of the next
/// request is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub message: &'static str,
}

impl Refusal {
    pub(super) const INVALID_REQUEST_LINE: Self =
        Self::invalid("The request line is not one of HTTP/1.1.");
    pub(super) const INVALID_TARGET: Self = Self::invalid("The request target is not valid.");
    pub(super) const BARE_LINE_END: Self =
        Self::invalid("A line of the head does not end with CRLF.");
    pub(super) const ENDLESS_BLANK_LINES: Self =
        Self::invalid("There are too many empty lines before the request.");
    pub(super) const NUL: Self = Self::invalid("The head holds a NUL byte.");
    pub(super) const FOLDED_FIELD: Self = Self::invalid("A header field is folded over two lines.");
    pub(super) const SPACE_BEFORE_COLON: Self =
        Self::invalid("A header field has a space before its colon.");
    pub(super) const INVALID_FIELD: Self =
        Self::invalid("A header field holds an invalid character.");
    pub(super) const MISSING_HOST: Self = Self::invalid("The Host header field is missing.");
    pub(super) const REPEATED_HOST: Self = Self::invalid("The Host header field is repeated.");
    pub(super) const INVALID_HOST: Self = Self::invalid("The Host header field is not valid.");
    pub(super) const REPEATED_LENGTH: Self =
        Self::invalid("The Content-Length header field is repeated.");
    pub(super) const INVALID_LENGTH: Self =
        Self::invalid("The Content-Length header field is not a number.");
    pub(super) const TWO_LENGTHS: Self =
        Self::invalid("Content-Length and Transfer-Encoding exclude each other.");
    pub(super) const REPEATED_CODING: Self =
        Self::invalid("The Transfer-Encoding header field is repeated.");
    pub(super) const CHUNKED_NOT_LAST: Self =
        Self::invalid("The transfer coding `chunked` stands last, and once.");
    pub(super) const CODING_IN_1_0: Self = Self::invalid("HTTP/1.0 has no Transfer-Encoding.");
    pub(super) const ENDS_IN_HEAD: Self = Self::invalid("The request ends within its head.");
    pub(super) const UNKNOWN_CODING: Self = Self {
        reason: Reason::NotImplemented,
        message: "The only transfer coding supported is `chunked`.",
    };
    pub(super) const CONNECT: Self = Self {
        reason: Reason::NotImplemented,
        message: "CONNECT is not supported: this is no proxy.",
    };
    pub(super) const UNKNOWN_VERSION: Self = Self {
        reason: Reason::UnknownVersion,
        message: "The HTTP versions supported are 1.0 and 1.1.",
    };
    pub(super) const UNKNOWN_EXPECTATION: Self = Self {
        reason: Reason::UnknownExpectation,
        message: "The only expectation supported is `100-continue`.",
    };
    pub(super) const TARGET_TOO_LONG: Self = Self {
        reason: Reason::TargetTooLong,
        message: "The request target is too long.",
    };
    pub(super) const HEAD_TOO_LARGE: Self = Self {
        reason: Reason::HeadTooLarge,
        message: "The request head is too large.",
    };
    pub(super) const TOO_MANY_FIELDS: Self = Self {
        reason: Reason::HeadTooLarge,
        message: "The request has too many header fields.",
    };
    pub(super) const HEAD_TIMEOUT: Self = Self {
        reason: Reason::HeadTimeout,
        message: "The request head took too long to arrive.",
    };
    pub(super) const OVERLOADED: Self = Self {
        reason: Reason::Overload,
        message: "Too many requests at once; try again in a moment.",
    };
    pub(super) const TOO_MANY_CONNECTIONS: Self = Self {
        reason: Reason::Overload,
        message: "Too many connections; try again in a moment.",
    };
    pub(super) const TOO_MANY_OF_ONE_CLIENT: Self = Self {
        reason: Reason::Overload,
        message: "Too many connections or requests at once from your address; try again in a moment.",
    };
    pub(super) const PANIC: Self = Self {
        reason: Reason::Panic,
        message: "The gateway failed to answer this request. The request id finds the reason in its log.",
    };

    pub(super) const fn invalid(message: &'static str) -> Self {
        Self {
            reason: Reason::Malformed,
            message,
        }
    }

    pub fn status(&self) -> u16 {
        self.reason.status()
    }
}
