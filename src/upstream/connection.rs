//! One connection to a provider, whatever it is made of.

use std::io;
use std::sync::Arc;

use ureq::unversioned::transport::{NextTimeout, Transport};

use super::plain::Plain;
use super::tls::TlsTransport;

/// A connection and where it leads to.
pub(super) struct Connection {
    origin: Box<str>,
    wire: Wire,
    /// The pool counts its clones: one for each connection that there is.
    _counted: Arc<()>,
}

/// What carries the bytes.
pub(super) enum Wire {
    Plain(Plain),
    Secure(Box<TlsTransport>),
}

/// The state of a connection between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Open, and the provider has said nothing.
    Quiet,
    /// Bytes are there that no request had asked for.
    Unasked,
    Closed,
}

impl Look {
    /// The meaning of a read that does not wait.
    pub fn of(read: io::Result<usize>) -> Self {
        match read {
            Ok(0) => Self::Closed,
            Ok(_) => Self::Unasked,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Quiet,
            Err(_) => Self::Closed,
        }
    }
}

impl Connection {
    pub fn new(origin: &str, wire: Wire, counted: Arc<()>) -> Self {
        Self {
            origin: origin.into(),
            wire,
            _counted: counted,
        }
    }

    /// The beginning of the URLs that it serves, see [`origin`].
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// So many bytes at most will be put into the output, which then is of that size.
    pub fn expect_output(&mut self, bytes: usize) {
        match &mut self.wire {
            Wire::Plain(plain) => plain.expect_output(bytes),
            Wire::Secure(tls) => tls.expect_output(bytes),
        }
    }

    pub fn output(&mut self) -> &mut [u8] {
        self.transport().buffers().output()
    }

    /// Sends these bytes, and the output before them with the same system call.
    pub fn send_last(&mut self, bytes: &[u8]) -> Result<(), ureq::Error> {
        match &mut self.wire {
            Wire::Plain(plain) => plain.send_last(bytes),
            Wire::Secure(tls) => tls.send(bytes),
        }
    }

    /// Sends the first `amount` bytes of [`Connection::output`], soon: at the latest when input is waited for.
    pub fn send(&mut self, amount: usize) -> Result<(), ureq::Error> {
        self.transport()
            .transmit_output(amount, NextTimeout::default())
    }

    /// Waits for more input, unless some is there that the last reader of it has not seen. False at its end.
    pub fn await_input(&mut self) -> Result<bool, ureq::Error> {
        self.transport().maybe_await_input(NextTimeout::default())
    }

    pub fn input(&mut self) -> &[u8] {
        self.transport().buffers().input()
    }

    /// The first `amount` bytes of the input have been read. 0 says that more are needed.
    pub fn consume(&mut self, amount: usize) {
        self.transport().buffers().input_consume(amount);
    }

    /// Looks, without waiting, for what the provider has said since its last answer ended. One system call, unless
    /// records of TLS are there. Only a quiet connection can take another call.
    pub fn look(&mut self) -> Look {
        match &mut self.wire {
            Wire::Plain(plain) => plain.look(),
            Wire::Secure(tls) => tls.look(),
        }
    }

    /// Hands the memory of empty buffers back.
    pub fn drop_buffers(&mut self) {
        match &mut self.wire {
            Wire::Plain(plain) => plain.drop_buffers(),
            Wire::Secure(tls) => tls.drop_buffers(),
        }
    }

    fn transport(&mut self) -> &mut dyn Transport {
        match &mut self.wire {
            Wire::Plain(plain) => plain,
            Wire::Secure(tls) => &mut **tls,
        }
    }
}

/// What stands before the path of a URL: scheme, host and port. Calls with the same one share connections.
pub(super) fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |scheme| scheme + "://".len());
    let behind = url.get(authority..).unwrap_or_default();
    let length = behind.find(['/', '?', '#']).unwrap_or(behind.len());
    url.get(..authority + length).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two providers that share a connection would get each other's keys.
    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            (
                "https://api.example.com/v1/models",
                "https://api.example.com",
            ),
            ("https://api.example.com", "https://api.example.com"),
            ("http://127.0.0.1:8080?x=/", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/v1", "http://[::1]:8080"),
            ("http://a#b/c", "http://a"),
            ("http://user:pass@a/", "http://user:pass@a"),
            ("/v1", ""),
            ("nothing", "nothing"),
        ] {
            assert_eq!(origin(url), expected, "{url}");
        }
    }
}
