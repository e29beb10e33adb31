//! Streams, many at once, and how late their events come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::answer::{Answer, invalid};
use crate::clock;
use crate::readiness::Readiness;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Streams<'r> {
    pub address: SocketAddr,
    pub request: &'r [u8],
    pub count: usize,
    /// Time over which streams begin, evenly spread, as people do not press Enter together.
    pub begin_within: Duration,
    /// Events with content in each.
    pub events: u32,
}

#[derive(Default)]
pub struct Outcome {
    /// Time from the request to the first event, of each stream.
    pub first: Vec<Duration>,
    /// Time from the provider's sending to the client's reading, of each event.
    pub lags: Vec<Duration>,
    /// Streams that were cut or lack events.
    pub errors: u64,
}

struct Stream {
    socket: TcpStream,
    answer: Answer,
    events: Events,
    begun: Option<Instant>,
    first: Option<Duration>,
    is_ended: bool,
}

/// Streams that stay open, of which each has had its first events.
pub fn open(
    address: SocketAddr,
    request: &[u8],
    count: usize,
    events: u32,
) -> io::Result<Vec<TcpStream>> {
    let begin = |_| {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(request)?;
        Ok(socket)
    };
    let sockets = (0..count).map(begin).collect::<io::Result<Vec<_>>>()?;
    let mut received = vec![0; 64 * 1024];
    for mut socket in &sockets {
        let (mut answer, mut seen) = (Answer::default(), Events::default());
        while seen.count < events {
            let count = socket.read(&mut received)?;
            let mut read = |data: &[u8]| seen.read(data, &mut |_| {});
            if count == 0 || answer.read(&received[..count], &mut read)? {
                return Err(invalid("a stream did not stay open"));
            }
        }
    }
    Ok(sockets)
}

impl Streams<'_> {
    /// All streams run to their end.
    ///
    /// # Errors
    /// Connections that cannot be opened, or events that do not come any more.
    pub fn run(&self) -> io::Result<Outcome> {
        let mut readiness = Readiness::new()?;
        let mut streams = Vec::with_capacity(self.count);
        for number in 0..self.count {
            let socket = TcpStream::connect(self.address)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            readiness.watch(&socket, number)?;
            streams.push(Stream {
                socket,
                answer: Answer::default(),
                events: Events::default(),
                begun: None,
                first: None,
                is_ended: false,
            });
        }
        let gap = self.begin_within / u32::try_from(self.count).unwrap_or(u32::MAX);
        let (mut outcome, mut received) = (Outcome::default(), vec![0; 64 * 1024]);
        let (mut begun, mut ended, mut next) = (0, 0, Instant::now());
        while ended < streams.len() {
            while begun < streams.len() && next <= Instant::now() {
                streams[begun].begin(self.request)?;
                begun += 1;
                next += gap;
            }
            let longest = if begun < streams.len() {
                next.saturating_duration_since(Instant::now())
            } else {
                PATIENCE
            };
            let mut is_quiet = begun == streams.len();
            for number in readiness.wait(Some(longest))? {
                is_quiet = false;
                let Some(stream) = streams.get_mut(number).filter(|stream| !stream.is_ended) else {
                    continue;
                };
                match stream.advance(&mut received, &mut outcome) {
                    Ok(false) => {}
                    Ok(true) => {
                        stream.is_ended = true;
                        outcome.errors += u64::from(!stream.events.is_whole(self.events));
                    }
                    Err(_) => {
                        stream.is_ended = true;
                        outcome.errors += 1;
                    }
                }
                ended += usize::from(stream.is_ended);
            }
            if is_quiet {
                return Err(io::Error::new(ErrorKind::TimedOut, "no events any more"));
            }
        }
        outcome.first = streams.iter().filter_map(|stream| stream.first).collect();
        Ok(outcome)
    }
}

impl Stream {
    fn begin(&mut self, request: &[u8]) -> io::Result<()> {
        self.begun = Some(Instant::now());
        (&self.socket).write_all(request)
    }

    /// Bytes that are there are read. `true` when the stream has ended.
    fn advance(&mut self, received: &mut [u8], outcome: &mut Outcome) -> io::Result<bool> {
        loop {
            let count = match self.socket.read(received) {
                Ok(0) => return Err(invalid("the connection was closed")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            let now = clock::nanoseconds();
            let events = &mut self.events;
            let lags = &mut outcome.lags;
            let is_whole = self.answer.read(&received[..count], &mut |data| {
                events.read(data, &mut |sent_at| {
                    lags.push(Duration::from_nanos(now.saturating_sub(sent_at)))
                });
            })?;
            if self.events.count > 0 && self.first.is_none() {
                self.first = self.begun.map(|begun| begun.elapsed());
            }
            if is_whole {
                return Ok(true);
            }
        }
    }
}

/// The events of one stream.
#[derive(Default)]
struct Events {
    line: Vec<u8>,
    count: u32,
    is_done: bool,
}

impl Events {
    fn read(&mut self, data: &[u8], sent_at: &mut dyn FnMut(u64)) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") {
                self.is_done |= ENDS.iter().any(|end| self.line.starts_with(end));
                if let Some(time) = time_in(&self.line) {
                    self.count += 1;
                    sent_at(time);
                }
                self.line.clear();
            }
        }
    }

    fn is_whole(&self, events: u32) -> bool {
        self.is_done && self.count == events
    }
}

/// Ends of streams of chat and of Responses.
const ENDS: [&[u8]; 2] = [b"data: [DONE]", b"event: response.completed"];

/// The time in a delta; the last events of Responses hold the words of all of them again.
fn time_in(line: &[u8]) -> Option<u64> {
    const DELTA: &[u8] = b"\"delta\":";
    const NAME: &[u8] = b"sent_at=";
    let delta = line.windows(DELTA.len()).position(|name| name == DELTA)?;
    let line = &line[delta..];
    let at = line.windows(NAME.len()).rposition(|name| name == NAME)? + NAME.len();
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
