//! The failures of an exchange with the server, for the log and the counters. None holds a password.

use std::fmt;
use std::io::{self, ErrorKind};

/// The longest text of the server's that is repeated (bytes).
const MOST_WORDS: usize = 200;

/// The reason why an exchange with the server failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection: the name is unknown, nobody listens, the system has no descriptor.
    Connect(String),
    /// TLS failed, in words.
    Tls(String),
    Timeout,
    /// The server has closed the connection.
    Closed,
    /// The connection broke.
    Lost(String),
    /// The bytes that came back are no replies, or replies to something else.
    Protocol(&'static str),
    /// An error in the server's words.
    Refused(String),
}

impl Fault {
    /// The number of [`Self::kind`]s.
    pub(super) const KINDS: [&str; 6] =
        ["connect", "tls", "timeout", "closed", "protocol", "refused"];

    pub(super) fn connect(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            _ => Self::Connect(error.to_string()),
        }
    }

    /// The failure of a read or a write. A socket whose time is up says that it would block.
    pub(super) fn of_io(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::UnexpectedEof | ErrorKind::WriteZero => Self::Closed,
            _ => Self::Lost(error.to_string()),
        }
    }

    /// The kind, a label of metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::Closed | Self::Lost(_) => "closed",
            Self::Protocol(_) => "protocol",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(words) | Self::Lost(words) | Self::Tls(words) => f.write_str(words),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Closed => f.write_str("the server has closed the connection"),
            Self::Protocol(words) => f.write_str(words),
            Self::Refused(words) => {
                let end = words.floor_char_boundary(MOST_WORDS.min(words.len()));
                let words = words.get(..end).unwrap_or_default();
                let hint = match words.split(' ').next().unwrap_or_default() {
                    "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" => {
                        " (this is a cluster, which is not supported: name a server of its own)"
                    }
                    "NOAUTH" => " (the url has no password)",
                    "WRONGPASS" => " (is the password in the url right?)",
                    "NOPERM" => {
                        " (the user's access control list does not allow it, see docs/replicas.md)"
                    }
                    "READONLY" => " (this is a replica of the server: name the primary)",
                    "LOADING" => " (it is starting)",
                    _ => "",
                };
                write!(f, "the server refuses: {}{hint}", words.escape_default())
            }
        }
    }
}
