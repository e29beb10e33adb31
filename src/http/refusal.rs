//! Requests that the edge turns away before any handler sees them.

/// The reason of a refusal, with its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Malformed = 400,
    HeadTimeout = 408,
    TargetTooLong = 414,
    UnknownExpectation = 417,
    HeadTooLarge = 431,
    Panic = 500,
    NotImplemented = 501,
    Overload = 503,
    UnknownVersion = 505,
}

/// The refusal of a request. Its body is the handler's to spell; its connection closes where the start of the next
/// request is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub message: &'static str,
}

impl Refusal {
    pub const INVALID_REQUEST_LINE: Self =
        Self::invalid("The request line is not one of HTTP/1.1.");
    pub const INVALID_TARGET: Self = Self::invalid("The request target is not valid.");
    pub const BARE_LINE_END: Self = Self::invalid("A line of the head does not end with CRLF.");
    pub const ENDLESS_BLANK_LINES: Self =
        Self::invalid("There are too many empty lines before the request.");
    pub const NUL: Self = Self::invalid("The head holds a NUL byte.");
    pub const FOLDED_FIELD: Self = Self::invalid("A header field is folded over two lines.");
    pub const SPACE_BEFORE_COLON: Self =
        Self::invalid("A header field has a space before its colon.");
    pub const INVALID_FIELD: Self = Self::invalid("A header field holds an invalid character.");
    pub const MISSING_HOST: Self = Self::invalid("The Host header field is missing.");
    pub const REPEATED_HOST: Self = Self::invalid("The Host header field is repeated.");
    pub const INVALID_HOST: Self = Self::invalid("The Host header field is not valid.");
    pub const REPEATED_LENGTH: Self = Self::invalid("The Content-Length header field is repeated.");
    pub const INVALID_LENGTH: Self =
        Self::invalid("The Content-Length header field is not a number.");
    pub const TWO_LENGTHS: Self =
        Self::invalid("Content-Length and Transfer-Encoding exclude each other.");
    pub const REPEATED_CODING: Self =
        Self::invalid("The Transfer-Encoding header field is repeated.");
    pub const CHUNKED_NOT_LAST: Self =
        Self::invalid("The transfer coding `chunked` stands last, and once.");
    pub const CODING_IN_1_0: Self = Self::invalid("HTTP/1.0 has no Transfer-Encoding.");
    pub const ENDS_IN_HEAD: Self = Self::invalid("The request ends within its head.");
    pub const UNKNOWN_CODING: Self = Self::new(
        Reason::NotImplemented,
        "The only transfer coding supported is `chunked`.",
    );
    pub const CONNECT: Self = Self::new(
        Reason::NotImplemented,
        "CONNECT is not supported: this is no proxy.",
    );
    pub const UNKNOWN_VERSION: Self = Self::new(
        Reason::UnknownVersion,
        "The HTTP versions supported are 1.0 and 1.1.",
    );
    pub const UNKNOWN_EXPECTATION: Self = Self::new(
        Reason::UnknownExpectation,
        "The only expectation supported is `100-continue`.",
    );
    pub const TARGET_TOO_LONG: Self =
        Self::new(Reason::TargetTooLong, "The request target is too long.");
    pub const HEAD_TOO_LARGE: Self =
        Self::new(Reason::HeadTooLarge, "The request head is too large.");
    pub const TOO_MANY_FIELDS: Self = Self::new(
        Reason::HeadTooLarge,
        "The request has too many header fields.",
    );
    pub const HEAD_TIMEOUT: Self = Self::new(
        Reason::HeadTimeout,
        "The request head took too long to arrive.",
    );
    pub const OVERLOADED: Self = Self::new(
        Reason::Overload,
        "Too many requests at once; try again in a moment.",
    );
    pub const TOO_MANY_CONNECTIONS: Self = Self::new(
        Reason::Overload,
        "Too many connections; try again in a moment.",
    );
    pub const TOO_MANY_OF_ONE_CLIENT: Self = Self::new(
        Reason::Overload,
        "Too many connections or requests at once from your address; try again in a moment.",
    );
    pub const PANIC: Self = Self::new(
        Reason::Panic,
        "The gateway failed to answer this request. The request id finds the reason in its log.",
    );

    pub const fn invalid(message: &'static str) -> Self {
        Self::new(Reason::Malformed, message)
    }

    const fn new(reason: Reason, message: &'static str) -> Self {
        Self { reason, message }
    }

    pub fn status(&self) -> u16 {
        self.reason as u16
    }
}
