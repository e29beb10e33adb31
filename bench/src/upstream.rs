//! The provider behind gateway and nginx: one thread that answers at once, late, with a stream, with a stream that
//! stays open, with vectors, with what was heard, with 429, or with 500, as the first part of the path says. Below `/otlp` it is a collector of telemetry that takes
//! everything.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::clock;
use crate::readiness::Readiness;

/// Time that `/slow` takes.
pub const SLOW: Duration = Duration::from_secs(2);
/// Time between two events of a stream: 50 a second.
pub const EVENT_GAP: Duration = Duration::from_millis(20);

/// Events of `/open`, after which the stream stays open in silence: memory is looked at on a machine at rest.
pub const OPEN_EVENTS: u32 = 5;

const LISTENER: usize = 0;
/// Length of the queue of new connections, as nginx has it in its configuration here.
const BACKLOG: i32 = 4096;

/// Provider on a thread of its own, which lives as long as the process.
pub fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // The standard library's backlog of 128 drops connections when a thousand come at once, and each of those comes
    // again after a second: that would be measured instead of the gateway. Linux takes a new length at any time.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        if let Err(error) = Upstream::new(listener).and_then(|mut upstream| upstream.run()) {
            eprintln!("the provider failed: {error}");
            std::process::exit(1);
        }
    });
    Ok(address)
}

struct Upstream {
    readiness: Readiness,
    listener: TcpListener,
    connections: BTreeMap<usize, Connection>,
    next: usize,
    /// Connections that have something to say later.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    received: Vec<u8>,
    answers: Answers,
}

struct Answers {
    plain: Vec<u8>,
    vectors: Vec<u8>,
    heard: Vec<u8>,
    limited: Vec<u8>,
    failing: Vec<u8>,
    collected: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    /// Bytes of the request under way.
    request: Vec<u8>,
    unsent: Vec<u8>,
    /// Bytes of `unsent` that are sent.
    sent: usize,
    task: Task,
}

#[derive(Clone, Copy)]
enum Task {
    None,
    Answer,
    Stream {
        next_event: Instant,
        left: u32,
        ends: bool,
    },
}

impl Task {
    fn stream(left: u32, ends: bool) -> Self {
        Self::Stream {
            next_event: Instant::now(),
            left,
            ends,
        }
    }
}

impl Upstream {
    fn new(listener: TcpListener) -> io::Result<Self> {
        let readiness = Readiness::new()?;
        readiness.watch(&listener, LISTENER)?;
        Ok(Self {
            readiness,
            listener,
            connections: BTreeMap::new(),
            next: LISTENER + 1,
            due: BinaryHeap::new(),
            received: vec![0; 64 * 1024],
            answers: Answers {
                plain: answer("200 OK", PLAIN),
                vectors: answer("200 OK", &vectors()),
                heard: answer("200 OK", HEARD),
                limited: answer("429 Too Many Requests", LIMITED),
                failing: answer("500 Internal Server Error", FAILING),
                collected: COLLECTED.to_vec(),
            },
        })
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let longest = self
                .due
                .peek()
                .map(|Reverse((at, _))| at.saturating_duration_since(now));
            let ready: Vec<usize> = self.readiness.wait(longest)?.collect();
            for number in ready {
                if number == LISTENER {
                    self.accept()?;
                } else {
                    self.serve(number);
                }
            }
            let now = Instant::now();
            while let Some(Reverse((at, number))) = self.due.peek().copied()
                && at <= now
            {
                self.due.pop();
                if let Some(connection) = self.connections.get_mut(&number)
                    && let Some(next) = connection.work(&self.answers)
                {
                    self.due.push(Reverse((next, number)));
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(true)?;
                    socket.set_nodelay(true)?;
                    self.readiness.watch(&socket, self.next)?;
                    let connection = Connection {
                        socket,
                        request: Vec::new(),
                        unsent: Vec::new(),
                        sent: 0,
                        task: Task::None,
                    };
                    self.connections.insert(self.next, connection);
                    self.next += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn serve(&mut self, number: usize) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        match connection.receive(&mut self.received) {
            Ok(true) => {}
            Ok(false) | Err(_) => {
                self.connections.remove(&number);
                return;
            }
        }
        if let Some(at) = connection.answer(&self.answers) {
            self.due.push(Reverse((at, number)));
        }
    }
}

impl Connection {
    /// Bytes that are there are read. `false` at the connection's end.
    fn receive(&mut self, received: &mut [u8]) -> io::Result<bool> {
        self.flush();
        loop {
            match self.socket.read(received) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.request.extend_from_slice(&received[..count]);
                    if count < received.len() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Answer to the request if that is whole. The point in time at which there is more to say; `None` if there is not.
    fn answer(&mut self, answers: &Answers) -> Option<Instant> {
        let length = request_length(&self.request)?;
        if self.request.len() < length {
            return None;
        }
        let path = &self.request[b"POST /".len()..];
        let due = if path.starts_with(b"slow") {
            self.task = Task::Answer;
            Some(Instant::now() + SLOW)
        } else if let Some(events) = path.strip_prefix(b"stream/") {
            self.task = Task::stream(number(events), true);
            self.unsent.extend_from_slice(STREAM_HEAD);
            self.work(answers)
        } else if path.starts_with(b"open") {
            self.task = Task::stream(OPEN_EVENTS, false);
            self.unsent.extend_from_slice(STREAM_HEAD);
            self.work(answers)
        } else {
            self.unsent
                .extend_from_slice(if path.starts_with(b"limited") {
                    &answers.limited
                } else if path.starts_with(b"failing") {
                    &answers.failing
                } else if path.starts_with(b"vectors") {
                    &answers.vectors
                } else if path.starts_with(b"heard") {
                    &answers.heard
                } else if path.starts_with(b"otlp") {
                    &answers.collected
                } else {
                    &answers.plain
                });
            self.flush();
            None
        };
        self.request.clear();
        due
    }

    fn work(&mut self, answers: &Answers) -> Option<Instant> {
        match self.task {
            Task::None => None,
            Task::Stream {
                left: 0,
                ends: false,
                ..
            } => None,
            Task::Answer => {
                self.task = Task::None;
                self.unsent.extend_from_slice(&answers.plain);
                self.flush();
                None
            }
            Task::Stream { left: 0, .. } => {
                self.task = Task::None;
                self.chunk(LAST_EVENT);
                self.chunk("data: [DONE]\n\n");
                self.unsent.extend_from_slice(b"0\r\n\r\n");
                self.flush();
                None
            }
            Task::Stream {
                next_event,
                left,
                ends,
            } => {
                self.chunk(&event(clock::nanoseconds()));
                self.flush();
                let next_event = next_event + EVENT_GAP;
                self.task = Task::Stream {
                    next_event,
                    left: left - 1,
                    ends,
                };
                Some(next_event)
            }
        }
    }

    fn chunk(&mut self, data: &str) {
        self.unsent
            .extend_from_slice(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes());
    }

    fn flush(&mut self) {
        while self.sent < self.unsent.len() {
            match self.socket.write(&self.unsent[self.sent..]) {
                Ok(count) => self.sent += count,
                // Or broken: then the next read says so.
                Err(_) => return,
            }
        }
        self.unsent.clear();
        self.sent = 0;
    }
}

/// Length of the request at the start, head and body; all requests have a Content-Length. `None` until its head is
/// whole.
fn request_length(request: &[u8]) -> Option<usize> {
    let head = request.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    const NAME: &[u8] = b"content-length:";
    let at = request[..head]
        .windows(NAME.len())
        .position(|name| name.eq_ignore_ascii_case(NAME))?;
    let value = request[at + NAME.len()..].trim_ascii_start();
    Some(head + number(value) as usize)
}

fn number(text: &[u8]) -> u32 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const COLLECTED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

/// Event of a stream; `sent_at` is what lags are measured by. It is in the words: translation keeps nothing else.
fn event(sent_at: u64) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
         \"model\":\"mock-1\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" token sent_at={sent_at}\"}},\
         \"finish_reason\":null}}]}}\n\n"
    )
}

const LAST_EVENT: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
    \"model\":\"mock-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// Answer with a whole body.
fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head, body.to_owned()].concat().into_bytes()
}

const PLAIN: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"mock-1","choices":[{"index":0,"message":{"role":"assistant","content":"Twenty years from now you will be more disappointed by the things that you did not measure than by the ones you did.","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":24,"total_tokens":36}}"#;

const HEARD: &str = r#"{"text":"Measure twice.","usage":{"type":"duration","seconds":327}}"#;

/// A hundred vectors of 1,536 numbers, about as long as those of real ones (2 MB).
fn vectors() -> String {
    let numbers = (0..1536).map(|place| format!("{:.9}", (f64::from(place) * 0.37).sin() / 39.2));
    let numbers = numbers.collect::<Vec<_>>().join(",");
    let of_text =
        |index| format!("{{\"object\":\"embedding\",\"index\":{index},\"embedding\":[{numbers}]}}");
    let data = (0..100).map(of_text).collect::<Vec<_>>().join(",");
    format!(
        "{{\"object\":\"list\",\"data\":[{data}],\"model\":\"mock-1\",\
         \"usage\":{{\"prompt_tokens\":4500,\"total_tokens\":4500}}}}"
    )
}

const LIMITED: &str =
    r#"{"error":{"message":"Rate limit reached.","type":"requests","code":"rate_limit_exceeded"}}"#;

const FAILING: &str = r#"{"error":{"message":"The server had an error while processing your request.","type":"server_error","param":null,"code":null}}"#;
