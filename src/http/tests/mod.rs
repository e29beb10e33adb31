//! The edge over loopback sockets. Each test has a server of its own on a free port.

mod bodies;
mod clients;
mod connections;
mod descriptors;
mod heads;
mod lifecycle;
mod overload;
mod slow;
mod streams;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketType};

use super::connection::poll_until;
use super::{
    Asked, Delivery, Drained, Exchange, Handler, Head, Refusal, Response, ResponseHead, Server,
    Stats, Stopper,
};
use crate::config;

/// Longer than anything here takes, so that a test that waits in vain fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers by path; see `handle`.
#[derive(Default)]
struct Site {
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Default)]
struct Gate {
    held: usize,
    open: bool,
    /// Refusals panic from now on.
    broken: bool,
    deliveries: Vec<Delivery>,
    gone: Vec<bool>,
}

impl Site {
    fn change(&self, change: impl FnOnce(&mut Gate)) {
        change(&mut self.gate.lock().unwrap());
        self.moved.notify_all();
    }

    /// Waits for the handlers to have come so far.
    fn until(&self, come: impl Fn(&Gate) -> bool) {
        let gate = self.gate.lock().unwrap();
        let waiting = self
            .moved
            .wait_timeout_while(gate, PATIENCE, |gate| !come(gate));
        let timed_out = waiting.unwrap().1.timed_out();
        assert!(!timed_out, "the handlers never came so far");
    }

    fn await_gone(&self, exchange: &Exchange<'_>, patience: Duration) {
        let client = exchange.client_socket();
        self.change(|gate| gate.held += 1);
        let now = Instant::now();
        let noticed = poll_until(&mut [client.poll_fd()], now, now + patience);
        self.change(|gate| gate.gone.push(noticed.unwrap() && client.is_gone()));
    }
}

impl Handler for Site {
    fn handle(&self, mut exchange: Exchange<'_>) {
        let path = exchange.head().path().to_owned();
        let delivery = match path.as_str() {
            "/echo" => match exchange.read_body() {
                Ok(body) => exchange.send(Response::new(
                    ResponseHead::new(200, "text/plain"),
                    body.to_vec(),
                )),
                Err(error) => exchange.send(Response::json(400, error.to_string())),
            },
            "/deny" => exchange.send(Response::json(401, "no")),
            "/hold" => {
                self.change(|gate| gate.held += 1);
                self.until(|gate| gate.open);
                exchange.send(Response::json(200, "held"))
            }
            "/gone" | "/watch" => {
                exchange.read_body().unwrap();
                let short = Duration::from_millis(500);
                self.await_gone(&exchange, if path == "/gone" { short } else { PATIENCE });
                exchange.send(Response::json(200, "late"))
            }
            "/half" => {
                self.change(|gate| gate.held += 1);
                self.until(|gate| gate.open);
                self.await_gone(&exchange, Duration::from_millis(300));
                exchange.send(Response::json(200, "late"))
            }
            "/large" => exchange.send(Response::json(200, vec![b'x'; 64 << 20])),
            "/flood" => {
                let mut stream = exchange.stream(ResponseHead::new(200, "text/event-stream"));
                while stream.write(&[b'x'; 1 << 16]).is_ok() {}
                stream.cut()
            }
            "/late" => {
                let delivery = exchange.send(Response::json(200, "early"));
                self.until(|gate| gate.open);
                delivery
            }
            "/late-stream" => {
                let mut stream = exchange.stream(ResponseHead::new(200, "text/event-stream"));
                stream.write(b"data: 1\n\n").unwrap();
                let delivery = stream.finish();
                self.until(|gate| gate.open);
                delivery
            }
            "/who" => {
                let client = exchange.client_address().to_string();
                exchange.send(Response::json(200, client))
            }
            "/forget" => return,
            "/panic" => panic!("as asked"),
            "/stream" | "/cut" | "/panic-late" | "/empty-stream" => {
                let mut stream = exchange
                    .stream(ResponseHead::new(200, "text/event-stream").with("X-Test", "1"));
                if path != "/empty-stream" {
                    stream.write(b"data: 1\n\n").unwrap();
                }
                match path.as_str() {
                    "/cut" => stream.cut(),
                    "/panic-late" => panic!("as asked"),
                    _ => {
                        stream.write(b"").unwrap();
                        if path != "/empty-stream" {
                            stream.write(b"data: [DONE]\n\n").unwrap();
                        }
                        stream.finish()
                    }
                }
            }
            _ => {
                let body = format!("{path} {}", exchange.head().query().unwrap_or("-"));
                exchange.send(Response::json(200, body))
            }
        };
        self.change(|gate| gate.deliveries.push(delivery));
    }

    fn instant(&self, head: &Head) -> Option<Response> {
        match head.path() {
            "/health" => Some(Response::json(200, r#"{"status":"healthy"}"#)),
            "/instant-panic" => panic!("as asked"),
            _ => None,
        }
    }

    fn wants_body(&self, head: &Head) -> bool {
        head.path() != "/deny"
    }

    fn refusal(&self, refusal: &Refusal, _: &Asked<'_>) -> Response {
        let broken = self.gate.lock().unwrap().broken;
        assert!(!broken, "as asked");
        let (reason, message) = (refusal.reason, refusal.message);
        let body = format!(r#"{{"reason":"{reason:?}","message":"{message}"}}"#);
        Response::json(refusal.status(), body)
    }
}

/// A server that runs until it is dropped.
struct Running {
    address: SocketAddr,
    site: Arc<Site>,
    stopper: Stopper,
    stats: Stats,
    thread: Option<JoinHandle<Drained>>,
}

impl Running {
    fn start(limit: impl FnOnce(&mut config::EdgeLimits)) -> Self {
        let mut limits = config::EdgeLimits {
            shutdown_timeout: Duration::from_secs(2),
            ..config::EdgeLimits::default()
        };
        limit(&mut limits);
        let server = Server::bind(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 0))], limits).unwrap();
        let (address, stopper) = (server.local_addrs()[0], server.stopper());
        let stats = server.stats();
        let site = Arc::new(Site::default());
        let handler = Arc::clone(&site);
        let thread = std::thread::spawn(move || server.run(handler).unwrap());
        Self {
            address,
            site,
            stopper,
            stats,
            thread: Some(thread),
        }
    }

    fn connect(&self) -> Client {
        Self::client(TcpStream::connect(self.address).unwrap())
    }

    /// A client with another address of this machine: `127.0.0.n`.
    fn connect_from(&self, n: u8) -> Client {
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        net::bind(&socket, &SocketAddr::from(([127, 0, 0, n], 0))).unwrap();
        net::connect(&socket, &self.address).unwrap();
        Self::client(socket.into())
    }

    fn client(socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client {
            socket,
            ahead: Vec::new(),
        }
    }

    /// The server's whole answer to these bytes, until it closes.
    fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.send(bytes);
        client.rest()
    }

    /// `/health` on a new connection, as a monitor asks.
    fn health(&self) -> String {
        self.say("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    }

    /// Waits for room for a new connection.
    fn await_room(&self) {
        let began = Instant::now();
        while !self.health().starts_with("HTTP/1.1 200 OK\r\n") {
            assert!(began.elapsed() < PATIENCE, "never room");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn assert_alive(&self) {
        let answer = self.health();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(r#"{"status":"healthy"}"#), "{answer}");
    }

    fn open_gate(&self) {
        self.site.change(|gate| gate.open = true);
    }

    fn stop(mut self) -> Drained {
        self.stopper.stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        self.open_gate();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A client that speaks bytes.
struct Client {
    socket: TcpStream,
    ahead: Vec<u8>,
}

impl Client {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    fn post(&mut self, path: &str, body: &str) {
        let length = body.len();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
    }

    fn end(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// All until the end of the connection; fails if it ends with a reset.
    fn rest(&mut self) -> String {
        self.socket.read_to_end(&mut self.ahead).unwrap();
        String::from_utf8(std::mem::take(&mut self.ahead)).unwrap()
    }

    /// An answer with a Content-Length: head and body.
    fn answer(&mut self) -> (String, String) {
        let head = self.until(|bytes| {
            bytes
                .windows(4)
                .position(|end| end == b"\r\n\r\n")
                .map(|at| at + 4)
        });
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.expect(&head).parse().unwrap();
        let body = self.until(|bytes| (bytes.len() >= length).then_some(length));
        (head, body)
    }

    fn until(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> String {
        loop {
            if let Some(end) = end(&self.ahead) {
                let rest = self.ahead.split_off(end);
                return String::from_utf8(std::mem::replace(&mut self.ahead, rest)).unwrap();
            }
            let mut bytes = [0; 4096];
            let read = self.socket.read(&mut bytes).unwrap();
            assert!(
                read > 0,
                "ended after {:?}",
                self.ahead.escape_ascii().to_string()
            );
            self.ahead.extend_from_slice(&bytes[..read]);
        }
    }
}

fn status(answer: &str) -> u16 {
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    status.expect(answer).parse().unwrap()
}
