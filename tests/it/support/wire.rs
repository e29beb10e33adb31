//! As much of HTTP/1.1 as both ends need, written apart from the gateway's own so that they cannot share a mistake.

use std::io::{self, Read};

/// A request or response head: its first line and its fields, values trimmed.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub raw: Vec<u8>,
    pub first_line: String,
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// Takes a complete head, blank line included.
    pub fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        let mut lines = text.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Self {
            raw: raw.to_vec(),
            first_line,
            fields,
        }
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        let fields = self.fields.iter().filter(named);
        fields.map(|(_, value)| value.as_str()).collect()
    }
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes are still to come.
    Length(usize),
    Chunked,
    UntilClose,
    Done,
}

impl Framing {
    /// RFC 9112 section 6.3, for well-formed heads.
    pub fn of(head: &Head, otherwise: Framing) -> Self {
        let chunked = head
            .get("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        match head.get("content-length").map(str::parse) {
            _ if chunked => Self::Chunked,
            Some(Ok(0)) => Self::Done,
            Some(Ok(length)) => Self::Length(length),
            Some(Err(error)) => panic!("Content-Length: {error}"),
            None => otherwise,
        }
    }
}

/// A reader that keeps what it has read too much.
pub struct Input<R> {
    source: R,
    buffer: Vec<u8>,
}

impl<R: Read> Input<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
        }
    }

    pub fn source(&self) -> &R {
        &self.source
    }

    pub fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// `None` when the other side closed before the first byte of a head.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        match self.until(b"\r\n\r\n") {
            Ok(raw) => Ok(Some(Head::parse(&raw))),
            Err(error)
                if error.kind() == io::ErrorKind::UnexpectedEof && self.buffer.is_empty() =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The next bytes of a body as they come: a whole chunk, or what one read gives. `None` at its end.
    pub fn piece(&mut self, framing: &mut Framing) -> io::Result<Option<Vec<u8>>> {
        match *framing {
            Framing::Done => Ok(None),
            Framing::Length(left) => {
                let piece = self.some(left)?;
                *framing = match left - piece.len() {
                    0 => Framing::Done,
                    left => Framing::Length(left),
                };
                Ok(Some(piece))
            }
            Framing::UntilClose => match self.some(usize::MAX) {
                Ok(piece) => Ok(Some(piece)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    *framing = Framing::Done;
                    Ok(None)
                }
                Err(error) => Err(error),
            },
            Framing::Chunked => {
                let line = self.until(b"\r\n")?;
                let size = String::from_utf8_lossy(&line);
                let size = size.trim().split(';').next().unwrap_or_default();
                let size = usize::from_str_radix(size, 16)
                    .map_err(|_| io::Error::other(format!("chunk size {line:?}")))?;
                let mut chunk = self.exactly(size + 2)?;
                if !chunk.ends_with(b"\r\n") {
                    return Err(io::Error::other("a chunk without its CRLF"));
                }
                chunk.truncate(size);
                if size == 0 {
                    *framing = Framing::Done;
                    return Ok(None);
                }
                Ok(Some(chunk))
            }
        }
    }

    /// Whether the other side has closed, with nothing left to read. Waits as long as the source's own timeout.
    pub fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.buffer.is_empty() && self.fill()? == 0)
    }

    fn some(&mut self, most: usize) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() && self.fill()? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = most.min(self.buffer.len());
        Ok(self.buffer.drain(..size).collect())
    }

    fn exactly(&mut self, size: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < size {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..size).collect())
    }

    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(position) = found {
                let size = searched + position + end.len();
                return Ok(self.buffer.drain(..size).collect());
            }
            searched = self.buffer.len().saturating_sub(end.len());
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 16 * 1024];
        let size = loop {
            match self.source.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.buffer.extend_from_slice(&bytes[..size]);
        Ok(size)
    }
}
