//! A connection to the server: TCP, TLS or a socket of the file system, and a deadline for whatever is done with it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::config::{SharedAddress, SharedServer};
use crate::dns::{StubResolver, without_lookup};
use crate::threads;
use crate::tls::words_of_io;

use super::fault::Fault;
use super::resp::{Decoder, Reply, command};

/// The stack of a lookup's thread (bytes).
const LOOKUP_STACK: usize = 64 * 1024;

/// The shortest time that a socket is told to wait: zero would be for ever.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// The most that one read brings (bytes).
const PIECE: usize = 4 * 1024;

/// A connection that has been let in.
pub(super) struct Wire {
    stream: Stream,
    decoder: Decoder,
}

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A socket whose reads and writes all end by one deadline.
struct Timed {
    socket: Socket,
    deadline: Instant,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// Connects and logs in. `tls` is there where the address asks for it.
    ///
    /// # Errors
    /// The server is not there, not the one that it should be, or does not let this client in.
    pub fn open(
        server: &SharedServer,
        tls: Option<&Arc<ClientConfig>>,
        deadline: Instant,
    ) -> Result<Self, Fault> {
        let stream = match (&server.address, tls) {
            (SharedAddress::Unix(path), _) => {
                let socket = Socket::Unix(connect_unix(path, deadline)?);
                Stream::Plain(Timed::new(socket, deadline))
            }
            (SharedAddress::Tcp { host, port, .. }, tls) => {
                let socket = connect(host, *port, deadline)?;
                let timed = Timed::new(Socket::Tcp(socket), deadline);
                match tls {
                    None => Stream::Plain(timed),
                    Some(config) => Stream::Tls(negotiate(host, config, timed)?),
                }
            }
        };
        let mut wire = Self {
            stream,
            decoder: Decoder::default(),
        };
        wire.log_in(server, deadline)?;
        Ok(wire)
    }

    /// Sends a pipeline and waits for its replies. After an error the connection is of no more use: what arrives later would
    /// be taken for the answer to the next one.
    ///
    /// # Errors
    /// The deadline has passed, the connection is gone, or what came back are no replies.
    pub fn ask(
        &mut self,
        pipeline: &[u8],
        replies: usize,
        deadline: Instant,
    ) -> Result<Vec<Reply>, Fault> {
        self.stream.timed().deadline = deadline;
        if !self.decoder.is_empty() {
            return Err(Fault::Protocol("more came back than was asked for"));
        }
        self.stream.write_all(pipeline).map_err(Fault::of_io)?;
        self.stream.flush().map_err(Fault::of_io)?;
        let mut heard = Vec::new();
        while heard.len() < replies {
            match self.decoder.next_reply() {
                Ok(Some(reply)) => heard.push(reply),
                Ok(None) => self.receive()?,
                Err(malformed) => return Err(Fault::Protocol(malformed.words())),
            }
        }
        Ok(heard)
    }

    fn receive(&mut self) -> Result<(), Fault> {
        let mut piece = [0; PIECE];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(Fault::Closed),
            Ok(read) => {
                self.decoder.feed(piece.get(..read).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(Fault::of_io(error)),
        }
    }

    fn log_in(&mut self, server: &SharedServer, deadline: Instant) -> Result<(), Fault> {
        let (mut pipeline, mut commands) = (Vec::new(), 0);
        if let Some(password) = &server.password {
            let mut words: Vec<&[u8]> = vec![b"AUTH"];
            words.extend(server.user.as_ref().map(String::as_bytes));
            words.push(password.expose().as_bytes());
            command(&mut pipeline, &words);
            commands += 1;
        }
        if server.database > 0 {
            let database = server.database.to_string();
            command(&mut pipeline, &[b"SELECT", database.as_bytes()]);
            commands += 1;
        }
        for reply in self.ask(&pipeline, commands, deadline)? {
            if let Reply::Error(words) = reply {
                return Err(Fault::Refused(words));
            }
        }
        Ok(())
    }
}

impl Drop for Wire {
    /// The server is told at once, also where a copy of the descriptor is left in a process that was forked.
    fn drop(&mut self) {
        let _ = match &self.stream.timed().socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Both),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

/// A connection to the first of the host's addresses that accepts; each has its share of the time that is left.
fn connect(host: &str, port: u16, deadline: Instant) -> Result<TcpStream, Fault> {
    let addresses = addresses(host, deadline)?;
    let mut failure = Fault::Connect("the host has no address".to_owned());
    for (tried, address) in addresses.iter().enumerate() {
        let untried = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = left(deadline)? / untried;
        let address = SocketAddr::new(*address, port);
        match TcpStream::connect_timeout(&address, share.max(LEAST_WAIT)) {
            Ok(socket) => {
                // A pipeline goes out in one piece, so there is nothing to gather for.
                socket.set_nodelay(true).map_err(Fault::connect)?;
                return Ok(socket);
            }
            Err(error) => failure = Fault::connect(error),
        }
    }
    Err(failure)
}

/// A connection to a socket of the file system. A server that has stopped accepts nothing at some time, so that this has a
/// timeout as well.
fn connect_unix(path: &Path, deadline: Instant) -> Result<UnixStream, Fault> {
    let opened = || {
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let wait = deadline.saturating_duration_since(Instant::now());
        sockopt::set_socket_timeout(&socket, Timeout::Send, Some(wait.max(LEAST_WAIT)))?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(UnixStream::from(socket))
    };
    opened().map_err(|error: Errno| Fault::connect(error.into()))
}

/// The addresses of the host, looked up anew for each connection: a name may be moved to another server. A lookup that hangs
/// is left behind with its thread.
fn addresses(host: &str, deadline: Instant) -> Result<Vec<IpAddr>, Fault> {
    if let Some(known) = without_lookup(host) {
        return Ok(known);
    }
    let (found, wait) = channel();
    let (name, wait_for_name) = (host.to_owned(), left(deadline)?);
    threads::start("lookup", LOOKUP_STACK, move || {
        let _ = found.send(StubResolver::for_calls_of(wait_for_name).look_up(&name));
    })
    .map_err(Fault::connect)?;
    match wait.recv_timeout(left(deadline)?) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(Fault::Connect(format!("{host}: {error}"))),
        Err(RecvTimeoutError::Timeout) => Err(Fault::Timeout),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Fault::Connect(format!("{host}: the lookup failed")))
        }
    }
}

fn negotiate(
    host: &str,
    config: &Arc<ClientConfig>,
    mut below: Timed,
) -> Result<Box<StreamOwned<ClientConnection, Timed>>, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::Tls("TLS: not a host name".to_owned()))?;
    let session = ClientConnection::new(Arc::clone(config), name);
    let mut session = session.map_err(|error| Fault::Tls(crate::tls::words(&error)))?;
    while session.is_handshaking() {
        session.complete_io(&mut below).map_err(|error| {
            // The words are those for providers, whose URLs begin otherwise.
            let words = words_of_io(&error).replace("http://", "redis://");
            match Fault::of_io(error) {
                Fault::Timeout => Fault::Timeout,
                _ => Fault::Tls(words),
            }
        })?;
    }
    Ok(Box::new(StreamOwned::new(session, below)))
}

/// The time that is left.
fn left(deadline: Instant) -> Result<Duration, Fault> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Fault::Timeout);
    }
    Ok(left)
}

impl Stream {
    fn timed(&mut self) -> &mut Timed {
        match self {
            Self::Plain(timed) => timed,
            Self::Tls(stream) => &mut stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Timed {
    fn new(socket: Socket, deadline: Instant) -> Self {
        Self { socket, deadline }
    }

    /// The time for the next read or write, told anew for each: a server that drips bytes would have the whole of it for
    /// every byte.
    fn wait(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(left.max(LEAST_WAIT))
    }
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wait = Some(self.wait()?);
        match &mut self.socket {
            Socket::Tcp(socket) => {
                socket.set_read_timeout(wait)?;
                socket.read(buf)
            }
            Socket::Unix(socket) => {
                socket.set_read_timeout(wait)?;
                socket.read(buf)
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let wait = Some(self.wait()?);
        match &mut self.socket {
            Socket::Tcp(socket) => {
                socket.set_write_timeout(wait)?;
                socket.write(buf)
            }
            Socket::Unix(socket) => {
                socket.set_write_timeout(wait)?;
                socket.write(buf)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
