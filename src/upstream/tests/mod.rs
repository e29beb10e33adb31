//! The client against providers that misbehave, each a raw socket with a script.

mod cancel;
mod exchange;
mod failures;
mod host_names;
mod pool;
mod proxy;
pub(super) mod tls;
mod unasked;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

use super::{Call, CallError, Client, Method, Response, Settings};

/// A provider on a port of its own. Every connection runs the script in its own thread.
struct Provider {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Provider {
    /// The script is given the connection and its number, from 0.
    fn new(script: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, script) = (Arc::clone(&connections), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let (script, stream) = (Arc::clone(&script), stream.unwrap());
                // Without this a write waits until the one before has been acknowledged (Nagle's algorithm).
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || script(stream, number));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// Answers the first request of each connection with these bytes and closes.
    fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |mut stream, _| {
            if request(&mut stream).is_some() {
                let _ = stream.write_all(&bytes);
            }
        })
    }

    fn url(&self) -> String {
        format!("http://{}/v1/models?x=1", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A whole request. `None`: the connection ended before it began.
fn request(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut part = [0; 65_536];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let Some(head) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if bytes.len() >= head + 4 + length {
            return Some(bytes);
        }
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Closes with a reset instead of a FIN.
fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

/// Reports when the other side is gone, and how many bytes it had sent before.
fn report_end(mut stream: TcpStream, ended: &Sender<usize>) {
    let (mut total, mut part) = (0, [0; 4096]);
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            break;
        }
        total += read;
    }
    let _ = ended.send(total);
}

fn client() -> Client {
    Client::new(Settings::default()).unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn get(url: &str, deadline: Instant) -> Call<'_> {
    Call {
        method: Method::Get,
        url,
        headers: &[],
        body: None,
        deadline,
        client: None,
    }
}

fn post<'a>(url: &'a str, body: &'a [&'a [u8]]) -> Call<'a> {
    Call {
        method: Method::Post,
        body: Some(body),
        ..get(url, soon())
    }
}

fn text(response: Response) -> Result<String, CallError> {
    let body = response.body.read_to_end(1 << 20, soon())?;
    Ok(String::from_utf8(body).unwrap())
}

fn recorder() -> (Sender<Vec<u8>>, Receiver<Vec<u8>>) {
    channel()
}

/// A host that drops SYNs, as a firewall does: a listener whose backlog is full for as long as the sockets live.
fn black_hole(address: &str) -> io::Result<(SocketAddr, (OwnedFd, TcpStream))> {
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&listener, &address.parse::<SocketAddr>().unwrap())?;
    listen(&listener, 0)?;
    let address = SocketAddr::try_from(getsockname(&listener)?)?;
    let fills = TcpStream::connect(address)?;
    Ok((address, (listener, fills)))
}
