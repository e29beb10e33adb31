//! Plain requests over keep-alive connections, the next one when the answer to the last has come, from one thread.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::answer::{Answer, invalid};
use crate::readiness::Readiness;

/// Longest time without any answer before the run is given up.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Load<'r> {
    pub address: SocketAddr,
    pub request: &'r [u8],
    pub connections: usize,
    pub end: End,
}

/// Condition on which no connection begins another request.
#[derive(Clone, Copy)]
pub enum End {
    After(Duration),
    /// Answers that each connection has to have had.
    Answers(u64),
}

#[derive(Default)]
pub struct Outcome {
    pub answers: u64,
    /// Answers that are none, or other than 200, and connections that were cut.
    pub errors: u64,
    /// Connections that never got an answer.
    pub starved: usize,
    /// Time from the first request to the last answer.
    pub took: Duration,
    /// Latency of each answer, from the request's first byte to the answer's last.
    pub latencies: Vec<Duration>,
}

impl Outcome {
    pub fn a_second(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64()
    }
}

struct Connection {
    socket: TcpStream,
    answer: Answer,
    /// Bytes of the request that are sent.
    sent: usize,
    begun: Instant,
    answers: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Finished,
    Failed,
}

impl Load<'_> {
    /// Load is put on until its end.
    ///
    /// # Errors
    /// Connections that cannot be opened, or answers that do not come any more.
    pub fn run(&self) -> io::Result<Outcome> {
        let mut readiness = Readiness::new()?;
        let mut connections = Vec::with_capacity(self.connections);
        for number in 0..self.connections {
            let socket = TcpStream::connect(self.address)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            readiness.watch(&socket, number)?;
            connections.push(Connection {
                socket,
                answer: Answer::default(),
                sent: 0,
                begun: Instant::now(),
                answers: 0,
                state: State::Waiting,
            });
        }
        let begun = Instant::now();
        for connection in &mut connections {
            connection.begin(self.request);
        }
        let (mut outcome, mut received) = (Outcome::default(), vec![0; 256 * 1024]);
        let mut under_way = connections.len();
        while under_way > 0 {
            let mut is_quiet = true;
            for number in readiness.wait(Some(PATIENCE))? {
                is_quiet = false;
                let Some(connection) = connections.get_mut(number) else {
                    continue;
                };
                if connection.state != State::Waiting {
                    continue;
                }
                match connection.advance(self.request, &mut received) {
                    Ok(false) => {}
                    Ok(true) => {
                        let now = Instant::now();
                        outcome.latencies.push(now - connection.begun);
                        outcome.took = now - begun;
                        connection.answers += 1;
                        let more = match self.end {
                            End::After(duration) => outcome.took < duration,
                            End::Answers(each) => connection.answers < each,
                        };
                        if more {
                            connection.begin(self.request);
                        } else {
                            connection.state = State::Finished;
                        }
                    }
                    Err(_) => connection.state = State::Failed,
                }
                under_way -= usize::from(connection.state != State::Waiting);
            }
            if is_quiet {
                return Err(io::Error::new(ErrorKind::TimedOut, "no answers any more"));
            }
        }
        outcome.answers = outcome.latencies.len() as u64;
        for connection in &connections {
            outcome.errors += u64::from(connection.state == State::Failed);
            outcome.starved += usize::from(connection.answers == 0);
        }
        Ok(outcome)
    }
}

impl Connection {
    fn begin(&mut self, request: &[u8]) {
        self.answer.begin_next();
        self.sent = 0;
        self.begun = Instant::now();
        // An error shows when the answer is read.
        let _ = self.send(request);
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        while self.sent < request.len() {
            match self.socket.write(&request[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Progress of the request under way. `true` when its answer is whole.
    fn advance(&mut self, request: &[u8], received: &mut [u8]) -> io::Result<bool> {
        self.send(request)?;
        loop {
            let count = match self.socket.read(received) {
                Ok(0) => return Err(invalid("the connection was closed")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            if self.answer.read(&received[..count], &mut |_| {})? {
                return if self.answer.status == 200 {
                    Ok(true)
                } else {
                    Err(invalid("not 200"))
                };
            }
        }
    }
}
