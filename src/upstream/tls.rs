//! TLS over another wire.
//!
//! ureq's own TLS cannot trust a private CA besides the built-in roots (it takes whole certificates, and the roots are
//! bare trust anchors), and its buffers stay allocated; this uses the same rustls with the same `ring`.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::tls::{words, words_of_io};

use super::buffers::ByteBuffers;
use super::call_state::CallState;
use super::error::{CallError, Phase};
use super::slices_left::SlicesLeft;
use super::wire::{Look, Wire};

/// The negotiation of TLS.
pub(super) struct Tls {
    pub config: Arc<ClientConfig>,
}

impl Tls {
    /// TLS with `host`, as it stands in a URI, over another wire.
    pub fn negotiate(
        &self,
        host: &str,
        below: Box<dyn Wire>,
        state: &mut CallState,
    ) -> Result<TlsWire, CallError> {
        state.phase = Phase::Tls;
        // A literal IPv6 address stands in brackets in a URI, and without them in a certificate.
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host)
            .map_err(|_| CallError::Unreachable("TLS: not a host name".to_owned()))?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| CallError::Unreachable(words(&error)))?;
        let mut wire = TlsWire {
            session: Box::new(session),
            below,
            buffers: ByteBuffers::default(),
        };
        while wire.session.is_handshaking() {
            wire.step(state, |stream, _| stream.conn.complete_io(stream.sock))?;
        }
        Ok(wire)
    }
}

/// A wire whose bytes are encrypted on the one below.
pub(super) struct TlsWire {
    session: Box<ClientConnection>,
    below: Box<dyn Wire>,
    buffers: ByteBuffers,
}

/// The session and the records below it, for as long as the call's state is lent to them.
type RecordStream<'a, 'r> = rustls::Stream<'a, ClientConnection, Records<'r>>;

impl TlsWire {
    /// Runs a step of the session. An end of input without a close_notify may be a cut by anybody on the way, so it is
    /// an error, and never the end of a close-delimited body (RFC 9112 section 9.8).
    fn step<T>(
        &mut self,
        state: &mut CallState,
        step: impl FnOnce(&mut RecordStream<'_, '_>, &ByteBuffers) -> io::Result<T>,
    ) -> Result<T, CallError> {
        let mut records = Records {
            below: &mut *self.below,
            state,
        };
        let mut stream = rustls::Stream::new(&mut *self.session, &mut records);
        step(&mut stream, &self.buffers).map_err(|error| match error.downcast::<CallError>() {
            Ok(failed_below) => failed_below,
            Err(error) => state.lost(words_of_io(&error)),
        })
    }
}

impl Wire for TlsWire {
    fn buffers(&mut self) -> &mut ByteBuffers {
        &mut self.buffers
    }

    /// Encrypts at once. The wire below gathers the records and sends them together.
    fn send(&mut self, amount: usize, state: &mut CallState) -> Result<(), CallError> {
        self.buffers.commit(amount);
        self.step(state, |stream, buffers| stream.write_all(buffers.unsent()))?;
        self.buffers.drop_output();
        Ok(())
    }

    /// A record holds bytes of several slices where they are small.
    fn send_last(
        &mut self,
        head: &[u8],
        slices: &[&[u8]],
        state: &mut CallState,
    ) -> Result<(), CallError> {
        let mut left = SlicesLeft::new(head, slices);
        self.step(state, |stream, _| {
            while !left.is_empty() {
                let mut room = SlicesLeft::room();
                let sent = stream.write_vectored(left.fill(&mut room))?;
                if sent == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                left.advance(sent);
            }
            Ok(())
        })
    }

    fn flush(&mut self, state: &mut CallState) -> Result<(), CallError> {
        self.step(state, |stream, _| stream.flush())?;
        self.below.flush(state)?;
        // The early input may have been a session ticket: only the content of its records tells.
        if state.reused && state.early_input && self.look() == Look::Unasked {
            return Err(state.unasked());
        }
        Ok(())
    }

    fn receive(&mut self, state: &mut CallState) -> Result<bool, CallError> {
        // Waiting comes before the buffer is taken, as in the socket.
        let awaits_little = self.buffers.awaits_little();
        self.step(state, |stream, _| stream.fill_buf().map(drop))?;
        let mut reader = self.session.reader();
        let read = if awaits_little {
            // A record, or the rest of one, of which the session has a buffer anyway.
            reader.fill_buf().map(|record| {
                self.buffers.input_received(record, usize::MAX);
                record.len()
            })
        } else {
            let read = reader.read(self.buffers.input_room()?);
            read.inspect(|read| self.buffers.input_appended(*read))
        };
        let read = read.map_err(|error| state.lost(words_of_io(&error)))?;
        if awaits_little {
            reader.consume(read);
        }
        Ok(read > 0)
    }

    /// Records that hold no bytes of an answer, such as session tickets, are dealt with on the way.
    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.buffers.input().is_empty() {
            return self.buffers.read(buf);
        }
        loop {
            let session = &mut self.session;
            session.process_new_packets().map_err(io::Error::other)?;
            match session.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            session.read_tls(&mut WaitingRecords(&mut *self.below))?;
        }
    }

    fn drop_buffers(&mut self) {
        self.buffers.drop_empty_input();
        self.below.drop_buffers();
    }
}

/// The records of TLS on the wire below, as `std::io` sees them.
struct Records<'a> {
    below: &'a mut dyn Wire,
    state: &'a mut CallState,
}

impl Read for Records<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.below.buffers().input().is_empty() {
            let received = self.below.receive(self.state);
            received.map_err(io::Error::other)?;
        }
        self.below.buffers().read(buf)
    }
}

impl Write for Records<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut room = self.below.buffers().output();
        let written = room.write(buf)?;
        let sent = self.below.send(written, self.state);
        sent.map_err(io::Error::other)?;
        Ok(written)
    }

    /// The wire below sends at the latest when input is waited for.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The records that have arrived.
struct WaitingRecords<'a>(&'a mut dyn Wire);

impl Read for WaitingRecords<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(buf)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use rustls::{ServerConnection, StreamOwned};

    use crate::tls::{Trusted, client_config};

    use super::super::socket::Socket;
    use super::super::tests::tls::{fixture, server_config};
    use super::*;

    fn state() -> CallState {
        let end = Instant::now() + Duration::from_secs(10);
        CallState::new(end, end, None)
    }

    /// A connection to a server that sends some bytes, and waits for the end.
    fn connected(bytes: usize) -> TlsWire {
        let config = server_config("server.pem");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            let session = ServerConnection::new(config).unwrap();
            let mut stream = StreamOwned::new(session, listener.accept().unwrap().0);
            stream.write_all(&vec![b'x'; bytes]).unwrap();
            let _ = stream.read(&mut [0]);
        });
        let tls = Tls {
            config: client_config(Trusted::BuiltInAnd(Some(&fixture("ca.pem"))), None).unwrap(),
        };
        let socket = Box::new(Socket::new(near, true));
        tls.negotiate("localhost", socket, &mut state()).unwrap()
    }

    /// Hundreds of idle connections would keep their last records: up to 16 KiB each.
    #[test]
    fn an_idle_connection_holds_no_buffer_below_tls_either() {
        let free = |tls: &mut TlsWire| tls.below.buffers().input_room().unwrap().len();
        let at_first = free(&mut connected(0));
        // The buffer grows where several records are there at once, which is a matter of the machine: some try has them.
        let grown = (0..50).find_map(|_| {
            let (mut left, mut most) = (200_000, 0);
            let mut tls = connected(left);
            while left > 0 {
                tls.receive(&mut state()).unwrap();
                let read = tls.buffers.input().len();
                tls.buffers.input_consume(read);
                left -= read;
                most = free(&mut tls).max(most);
            }
            (most > at_first).then_some(tls)
        });
        let mut tls = grown.expect("a buffer that has grown");
        assert_eq!(tls.look(), Look::Quiet);
        tls.drop_buffers();
        assert_eq!(free(&mut tls), at_first);
    }
}
