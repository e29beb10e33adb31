//! What an upstream does with one request.

use std::time::Duration;

use super::Signal;

/// One thing an upstream does while it answers.
#[derive(Clone)]
pub enum Action {
    Send(Vec<u8>),
    /// The same bytes many times over, for bodies that are not worth holding.
    Flood {
        piece: Vec<u8>,
        times: usize,
    },
    /// One byte at a time.
    Drip {
        bytes: Vec<u8>,
        every: Duration,
    },
    Pause(Duration),
    Await(Signal),
    /// Nothing more until the gateway closes the connection.
    Silence,
    /// Closes with a FIN.
    Close,
    /// Closes with a RST.
    Reset,
}

/// The actions that answer one request, in order. Without a closing one the connection is kept for the next request.
#[derive(Clone, Default)]
pub struct Script {
    pub actions: Vec<Action>,
}

impl Script {
    /// Bytes as they are.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::default().send(bytes)
    }

    /// A whole JSON answer with its Content-Length.
    pub fn json(status: u16, body: &str) -> Self {
        Self::body(status, &[("Content-Type", "application/json")], body)
    }

    /// A whole answer with these fields and a Content-Length.
    pub fn body(status: u16, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len().to_string();
        let mut fields = fields.to_vec();
        fields.push(("Content-Length", &length));
        Self::head(status, &fields).send(body)
    }

    /// Only the status line and the fields.
    pub fn head(status: u16, fields: &[(&str, &str)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Self::raw(head + "\r\n")
    }

    /// The head of a chunked event stream.
    pub fn stream() -> Self {
        Self::head(
            200,
            &[
                ("Content-Type", "text/event-stream"),
                ("Transfer-Encoding", "chunked"),
            ],
        )
    }

    /// A whole event stream: each event in a chunk of its own, then `[DONE]` and the last chunk.
    pub fn events<S: AsRef<str>>(events: impl IntoIterator<Item = S>) -> Self {
        events
            .into_iter()
            .fold(Self::stream(), |script, event| script.event(event.as_ref()))
            .done()
    }

    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Action::Send(bytes.into()))
    }

    pub fn chunk(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk)
    }

    /// One event as one chunk.
    pub fn event(self, data: &str) -> Self {
        self.chunk(format!("data: {data}\n\n"))
    }

    pub fn last_chunk(self) -> Self {
        self.send(*b"0\r\n\r\n")
    }

    /// `[DONE]` and the last chunk.
    pub fn done(self) -> Self {
        self.event("[DONE]").last_chunk()
    }

    pub fn flood(self, piece: impl Into<Vec<u8>>, times: usize) -> Self {
        let piece = piece.into();
        self.then(Action::Flood { piece, times })
    }

    pub fn drip(self, bytes: impl Into<Vec<u8>>, every: Duration) -> Self {
        let bytes = bytes.into();
        self.then(Action::Drip { bytes, every })
    }

    pub fn pause(self, duration: Duration) -> Self {
        self.then(Action::Pause(duration))
    }

    pub fn await_signal(self, signal: &Signal) -> Self {
        self.then(Action::Await(signal.clone()))
    }

    pub fn silence(self) -> Self {
        self.then(Action::Silence)
    }

    pub fn close(self) -> Self {
        self.then(Action::Close)
    }

    pub fn reset(self) -> Self {
        self.then(Action::Reset)
    }

    /// A while before all that was scripted.
    pub fn after(mut self, duration: Duration) -> Self {
        self.actions.insert(0, Action::Pause(duration));
        self
    }

    /// The signal before all that was scripted.
    pub fn after_signal(mut self, signal: &Signal) -> Self {
        self.actions.insert(0, Action::Await(signal.clone()));
        self
    }

    /// What was scripted up to its n-th byte, then a FIN.
    pub fn cut_after(self, bytes: usize) -> Self {
        self.truncated(bytes).close()
    }

    /// What was scripted up to its n-th byte, then a RST.
    pub fn reset_after(self, bytes: usize) -> Self {
        self.truncated(bytes).reset()
    }

    /// What was scripted up to its n-th byte, then nothing.
    pub fn silent_after(self, bytes: usize) -> Self {
        self.truncated(bytes).silence()
    }

    /// The number of bytes the script sends.
    pub fn len(&self) -> usize {
        self.actions
            .iter()
            .map(|action| match action {
                Action::Send(bytes) | Action::Drip { bytes, .. } => bytes.len(),
                Action::Flood { piece, times } => piece.len() * times,
                _ => 0,
            })
            .sum()
    }

    fn then(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    fn truncated(mut self, mut left: usize) -> Self {
        assert!(left <= self.len(), "the script is shorter than its cut");
        for action in &mut self.actions {
            if let Action::Send(bytes) = action {
                bytes.truncate(left);
                left -= bytes.len();
            }
        }
        self
    }
}
