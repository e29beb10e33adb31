//! A client that sends exactly the bytes it is given and takes an answer apart as it arrives.

use std::fmt;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{set_socket_linger, set_tcp_cork};
use serde_json::Value;

use super::PATIENCE;
use super::standstill::{self, spent_since};
use super::wire::{Framing, Head, Input};

/// One connection to the gateway. Reads give up after [`PATIENCE`].
pub struct Connection {
    input: Input<TcpStream>,
    /// When the last request was sent.
    sent: Instant,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        standstill::watch();
        let stream = TcpStream::connect(address).expect("the gateway accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            input: Input::new(stream),
            sent: Instant::now(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the gateway reads");
    }

    /// Fails when the gateway has closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.sent = Instant::now();
        self.input.source_mut().write_all(bytes.as_ref())
    }

    /// A whole answer.
    pub fn response(&mut self) -> Response {
        let mut stream = self.stream();
        let mut body = Vec::new();
        while let Some(piece) = stream.piece() {
            body.extend_from_slice(&piece);
        }
        let (head, end) = (stream.head.clone(), stream.end.clone().unwrap());
        Response {
            status: stream.status(),
            head,
            body,
            end,
            took: self.sent.elapsed(),
            spent: spent_since(self.sent),
        }
    }

    /// A whole answer to HEAD: its body is not there whatever its fields say.
    pub fn response_to_head(&mut self) -> Response {
        let head = self.head();
        Response {
            status: status_of(&head),
            head,
            body: Vec::new(),
            end: End::Complete,
            took: self.sent.elapsed(),
            spent: spent_since(self.sent),
        }
    }

    /// An answer to be read as it comes. Waits for its head.
    pub fn stream(&mut self) -> Stream<'_> {
        let head = self.head();
        let framing = match status_of(&head) {
            100..=199 | 204 | 304 => Framing::Done,
            _ => Framing::of(&head, Framing::UntilClose),
        };
        Stream {
            head,
            framing,
            input: &mut self.input,
            pending: Vec::new(),
            end: None,
        }
    }

    fn head(&mut self) -> Head {
        match self.input.head() {
            Ok(Some(head)) => head,
            Ok(None) => panic!("the gateway closed without an answer"),
            Err(error) => panic!("no answer within the time: {error}"),
        }
    }

    /// Whether the gateway has closed the connection, with no more answer before it.
    pub fn is_closed(&mut self) -> bool {
        match self.input.at_end() {
            Ok(end) => end,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    pub fn socket(&self) -> &TcpStream {
        self.input.source()
    }

    /// A whole answer, or `None` where the gateway has closed without one.
    pub fn response_or_reset(&mut self) -> Option<Response> {
        let mut byte = [0];
        match self.socket().peek(&mut byte) {
            Ok(0) => None,
            Ok(_) => Some(self.response()),
            Err(error) if timed_out(&error) => panic!("no answer within the time"),
            Err(_) => None,
        }
    }

    /// Waits until the gateway has given the connection up, without taking any of what it said: reading on would make it go
    /// on as well.
    pub fn wait_for_reset(&self) {
        let mut polled = [PollFd::new(self.socket(), PollFlags::empty())];
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let ready = poll(&mut polled, Some(&patience)).unwrap();
        assert_eq!(ready, 1, "still open");
    }

    /// Sends what fits into one packet, with the end of this side in the same one: there is no moment between them.
    pub fn send_and_half_close(&mut self, bytes: impl AsRef<[u8]>) {
        set_tcp_cork(self.socket(), true).unwrap();
        self.send(bytes);
        self.half_close();
    }

    /// Ends the connection with a RST.
    pub fn reset(self) {
        set_socket_linger(self.socket(), Some(Duration::ZERO)).unwrap();
    }

    pub fn half_close(&mut self) {
        self.input.source().shutdown(Shutdown::Write).unwrap();
    }
}

/// How a body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing says.
    Complete,
    /// The connection ended first; the text says how.
    Cut(String),
}

/// An answer that is being read.
pub struct Stream<'a> {
    pub head: Head,
    /// How it ended, once it has.
    pub end: Option<End>,
    framing: Framing,
    input: &'a mut Input<TcpStream>,
    pending: Vec<u8>,
}

/// An event of a stream.
pub struct Event {
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("not JSON: {}", self.data))
    }
}

impl Stream<'_> {
    pub fn status(&self) -> u16 {
        status_of(&self.head)
    }

    /// The next bytes of the body; `None` when it has ended, well or not.
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        match self.input.piece(&mut self.framing) {
            Ok(Some(piece)) => Some(piece),
            Ok(None) => {
                self.end = Some(End::Complete);
                None
            }
            Err(error) if timed_out(&error) => panic!("the answer does not end"),
            Err(error) => {
                self.end = Some(End::Cut(error.to_string()));
                None
            }
        }
    }

    /// The next event, `[DONE]` included.
    pub fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(data) = take_event(&mut self.pending) {
                return Some(Event { data });
            }
            let piece = self.piece()?;
            self.pending.extend_from_slice(&piece);
        }
    }
}

fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn status_of(head: &Head) -> u16 {
    let status = head.first_line.split(' ').nth(1);
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("a status line, not {:?}", head.first_line))
}

/// The gateway writes `data:` lines and comments that end with LF; anything else in its streams is a mistake.
fn take_event(pending: &mut Vec<u8>) -> Option<String> {
    loop {
        let end = pending.windows(2).position(|two| two == b"\n\n")?;
        let event: Vec<u8> = pending.drain(..end + 2).collect();
        let event = String::from_utf8(event).expect("UTF-8 in a stream");
        let lines: Vec<&str> = event
            .trim_end()
            .lines()
            .filter(|line| !line.starts_with(':'))
            .map(|line| line.strip_prefix("data: ").expect("a data line"))
            .collect();
        if !lines.is_empty() {
            return Some(lines.join("\n"));
        }
    }
}

/// A whole answer.
pub struct Response {
    pub status: u16,
    pub head: Head,
    pub body: Vec<u8>,
    pub end: End,
    /// From the sending of the request to the last byte.
    pub took: Duration,
    /// The same without the machine's standstills.
    pub spent: Duration,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self}"))
    }

    /// Every event's data, `[DONE]` included. Whatever follows the last blank line is a mistake.
    pub fn events(&self) -> Vec<String> {
        let mut pending = self.body.clone();
        let events = std::iter::from_fn(|| take_event(&mut pending)).collect();
        assert!(pending.is_empty(), "half an event: {self}");
        events
    }

    /// The steps of the routing summary, wherever this kind of answer carries it.
    pub fn steps(&self) -> Vec<Value> {
        let event_stream = self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let body = match event_stream {
            true => serde_json::from_str(&self.events()[0]).expect("JSON in the first event"),
            false => self.json(),
        };
        let places = [
            &body["routing_summary"]["steps"],
            &body["error"]["details"]["routing_summary"]["steps"],
            &body["error"]["details"]["steps"],
        ];
        let steps = places.iter().find_map(|steps| steps.as_array());
        steps
            .unwrap_or_else(|| panic!("no routing summary: {self}"))
            .clone()
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = String::from_utf8_lossy(&self.head.raw);
        let body: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(2000)
            .collect();
        write!(
            f,
            "{head}{body} ({:?}, {:?}, of which it stood still {:?})",
            self.end,
            self.took,
            self.took.saturating_sub(self.spent)
        )
    }
}
