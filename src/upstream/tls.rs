//! TLS over a plain connection.
//!
//! ureq's own TLS cannot trust a private CA besides the built-in roots (it takes whole certificates, and the roots are
//! bare trust anchors), and its buffers stay allocated; this uses the same rustls with the same `ring`.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::buffers::ByteBuffers;
use super::connection::Look;
use super::error::{CallError, Phase};
use super::in_progress;
use super::plain::Plain;

/// Hosts whose TLS session is remembered for a shorter handshake. Providers are few.
const SESSIONS: usize = 64;

/// Trust in the built-in roots, and in the certificates of `ca_file` besides. The error says what is wrong with the file.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        add_certificates(&mut roots, path).map_err(|why| format!("{}: {why}", path.display()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

fn add_certificates(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        found = true;
    }
    if found {
        Ok(())
    } else {
        Err("no PEM certificate in it".to_owned())
    }
}

/// Negotiates TLS.
pub(super) struct Tls {
    pub config: Arc<ClientConfig>,
}

impl Tls {
    /// A connection to `host`, as it stands in a URI, over one that is plain.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn negotiate(&self, host: &str, plain: Plain) -> Result<Box<TlsTransport>, ureq::Error> {
        in_progress::enter_phase(Phase::Tls);
        // A literal IPv6 address stands in brackets in a URI, and without them in a certificate.
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host)
            .map_err(|_| CallError::Unreachable("TLS: not a host name".to_owned()))?;
        let session = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| CallError::Unreachable(format!("TLS: {error}")))?;
        let mut transport = Box::new(TlsTransport {
            stream: StreamOwned::new(session, Records(plain)),
            buffers: ByteBuffers::default(),
        });
        let StreamOwned { conn, sock } = &mut transport.stream;
        while conn.is_handshaking() {
            in_progress::under_tls(|| conn.complete_io(sock)).map_err(broken)?;
        }
        Ok(transport)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// A connection whose bytes are encrypted.
pub(super) struct TlsTransport {
    stream: StreamOwned<ClientConnection, Records>,
    buffers: ByteBuffers,
}

impl TlsTransport {
    pub fn expect_output(&mut self, bytes: usize) {
        self.buffers.expect_output(bytes);
    }

    /// Encrypts these bytes; the connection below sends the records.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), ureq::Error> {
        let stream = &mut self.stream;
        in_progress::under_tls(|| stream.write_all(bytes)).map_err(broken)
    }

    /// See [`Connection::look`](super::connection::Connection::look).
    pub fn look(&mut self) -> Look {
        if self.buffers.input().is_empty() {
            Look::of(self.read_now(&mut [0]))
        } else {
            Look::Unasked
        }
    }

    /// Reads what is there, without waiting for more. Records that hold no bytes of an answer, such as session tickets,
    /// are dealt with on the way.
    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let StreamOwned { conn, sock } = &mut self.stream;
        loop {
            conn.process_new_packets().map_err(io::Error::other)?;
            match conn.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            conn.read_tls(&mut ReadNow(&mut sock.0))?;
        }
    }

    pub fn drop_buffers(&mut self) {
        self.buffers.drop_empty_input();
        self.stream.sock.0.drop_buffers();
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Encrypts; the connection below gathers the records and sends them together.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.buffers.commit(amount);
        let (stream, unsent) = (&mut self.stream, self.buffers.unsent());
        in_progress::under_tls(|| stream.write_all(unsent)).map_err(broken)?;
        self.buffers.drop_output();
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let stream = &mut self.stream;
        // Waiting comes before the buffer is taken, as in the plain transport.
        in_progress::under_tls(|| stream.fill_buf().map(<[u8]>::len)).map_err(broken)?;
        let free = self.buffers.input_append_buf();
        if free.is_empty() {
            let error = CallError::BadResponse("a line that does not end".to_owned());
            return Err(error.into());
        }
        let read = in_progress::under_tls(|| stream.read(free)).map_err(broken)?;
        self.buffers.input_appended(read);
        if read > 0 {
            in_progress::received();
        }
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.look() == Look::Quiet
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsTransport")
            .field(&self.stream.sock.0)
            .finish()
    }
}

/// What the records of TLS come from and go to. ureq's adapter for it does not give the connection back.
struct Records(Plain);

impl Read for Records {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let plain = &mut self.0;
        plain
            .maybe_await_input(NextTimeout::default())
            .map_err(ureq::Error::into_io)?;
        let read = plain.buffers().input().read(buf)?;
        plain.buffers().input_consume(read);
        Ok(read)
    }
}

/// The records that are there.
struct ReadNow<'a>(&'a mut Plain);

impl Read for ReadNow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_now(buf)
    }
}

impl Write for Records {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut room = self.0.buffers().output();
        let written = room.write(buf)?;
        self.0
            .transmit_output(written, NextTimeout::default())
            .map_err(ureq::Error::into_io)?;
        Ok(written)
    }

    /// The connection sends at the latest when input is waited for.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What went wrong below TLS or in it. An end of input without a close_notify may be a cut by anybody on the way, so
/// it never counts as the end of a close-delimited body (RFC 9112 section 9.8).
fn broken(error: io::Error) -> ureq::Error {
    let is_ours = error
        .get_ref()
        .is_some_and(|inner| inner.is::<ureq::Error>());
    if is_ours {
        error.into()
    } else {
        in_progress::lost(&format_args!("TLS: {error}")).into()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use rustls::ServerConnection;

    use super::super::in_progress::{InProgress, Scope};
    use super::super::socket::Socket;
    use super::super::tests::tls::{fixture, server_config};
    use super::*;

    /// A connection to a server that sends so many bytes, and waits for the end.
    fn connected(bytes: usize) -> Box<TlsTransport> {
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
            config: client_config(Some(&fixture("ca.pem"))).unwrap(),
        };
        let socket = Plain::Direct(Socket::new(near));
        tls.negotiate("localhost", socket).unwrap()
    }

    /// Hundreds of idle connections would keep their last records: up to 16 KiB each.
    #[test]
    fn an_idle_connection_holds_no_buffer_below_tls_either() {
        let end = Instant::now() + Duration::from_secs(10);
        let _scope = Scope::enter(InProgress::new(Phase::Tls, end, None));
        let mut left = 200_000;
        let mut tls = connected(left);
        let free = |tls: &mut TlsTransport| {
            let below = tls.stream.sock.0.buffers();
            below.input_append_buf().len()
        };
        let at_first = free(&mut connected(0));
        while left > 0 {
            tls.await_input(NextTimeout::default()).unwrap();
            let read = tls.buffers.input().len();
            tls.buffers.input_consume(read);
            left -= read;
        }
        assert!(free(&mut tls) > at_first);
        assert_eq!(tls.look(), Look::Quiet);
        tls.drop_buffers();
        assert_eq!(free(&mut tls), at_first);
    }
}
