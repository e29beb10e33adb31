//! Reads HTTP answers piece by piece, as far as measuring needs it: the status, where the body is and where it ends.

use std::io;

/// Reader of one answer after the other on one connection.
#[derive(Default)]
pub struct Answer {
    pub status: u16,
    phase: Phase,
    head: Vec<u8>,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    LastLine,
    Done,
}

impl Answer {
    /// Bytes of the connection are taken in and the body's handed to `body`. `true` when the answer is whole.
    ///
    /// # Errors
    /// Bytes that are no answer, or lie behind its end.
    pub fn read(&mut self, mut bytes: &[u8], body: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        while !bytes.is_empty() {
            bytes = match self.phase {
                Phase::Head => self.read_head(bytes)?,
                Phase::Length(left) => {
                    self.read_body(bytes, left, body, Phase::Length, Phase::Done)
                }
                Phase::Chunk(left) => {
                    self.read_body(bytes, left, body, Phase::Chunk, Phase::ChunkEnd)
                }
                Phase::ChunkSize | Phase::ChunkEnd | Phase::LastLine => self.read_line(bytes)?,
                Phase::Done => return Err(invalid("bytes behind the end of an answer")),
            };
        }
        Ok(self.phase == Phase::Done)
    }

    /// The next answer begins.
    pub fn begin_next(&mut self) {
        self.phase = Phase::Head;
        self.head.clear();
        self.line.clear();
    }

    fn read_head<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = before.saturating_sub(3);
        let Some(at) = self.head[from..]
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
        else {
            return Ok(&[]);
        };
        let end = from + at + 4;
        self.head.truncate(end);
        self.phase = self.framing()?;
        Ok(&bytes[end - before..])
    }

    fn framing(&mut self) -> io::Result<Phase> {
        let head =
            std::str::from_utf8(&self.head).map_err(|_| invalid("a head that is no text"))?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        self.status = status
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| invalid("no status"))?;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                let length = value
                    .trim()
                    .parse()
                    .map_err(|_| invalid("no content length"))?;
                return Ok(if length == 0 {
                    Phase::Done
                } else {
                    Phase::Length(length)
                });
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Phase::ChunkSize);
            }
        }
        Err(invalid("an answer without a framing"))
    }

    fn read_body<'b>(
        &mut self,
        bytes: &'b [u8],
        left: u64,
        body: &mut dyn FnMut(&[u8]),
        more: fn(u64) -> Phase,
        end: Phase,
    ) -> &'b [u8] {
        let here = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (data, rest) = bytes.split_at(here);
        body(data);
        self.phase = match left - here as u64 {
            0 => end,
            left => more(left),
        };
        rest
    }

    /// Lines of the chunked coding: sizes, the end of a chunk, the end of all.
    fn read_line<'b>(&mut self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.line.extend_from_slice(bytes);
            return Ok(&[]);
        };
        self.line.extend_from_slice(&bytes[..at]);
        let line = self.line.trim_ascii_end();
        self.phase = match self.phase {
            Phase::ChunkSize => {
                let size = std::str::from_utf8(line)
                    .ok()
                    .and_then(|size| u64::from_str_radix(size, 16).ok());
                match size.ok_or_else(|| invalid("no chunk size"))? {
                    0 => Phase::LastLine,
                    size => Phase::Chunk(size),
                }
            }
            Phase::ChunkEnd => Phase::ChunkSize,
            _ if line.is_empty() => Phase::Done,
            phase => phase,
        };
        self.line.clear();
        Ok(&bytes[at + 1..])
    }
}

pub fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wrong reading would show as errors or wrong lags of the gateway.
    #[test]
    fn an_answer_is_read_however_it_is_split() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            for step in 1..text.len() {
                let (mut answer, mut body) = (Answer::default(), Vec::new());
                for _ in 0..2 {
                    answer.begin_next();
                    let pieces = text.as_bytes().chunks(step);
                    let whole: Vec<bool> = pieces
                        .map(|piece| {
                            answer
                                .read(piece, &mut |data| body.extend_from_slice(data))
                                .unwrap()
                        })
                        .collect();
                    assert_eq!(whole.iter().position(|done| *done), Some(whole.len() - 1));
                    assert_eq!(answer.status, 200);
                }
                assert_eq!(body, b"hellohello");
            }
        }
    }
}
