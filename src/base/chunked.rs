//! The chunked transfer coding (RFC 9112 section 7.1), decoded incrementally: any split of the input gives the same.

use crate::text::is_token;

/// The most of extensions and trailers in one body, which are dropped: without a bound, one-byte chunks with long
/// extensions make a server read without end, as CVE-2023-39326 in Go (bytes).
const MAX_DROPPED: usize = 16 * 1024;

/// The digits of a `u64` in hexadecimal, which bound a chunk size, leading zeros too.
const MAX_DIGITS: u32 = 16;

const LINE_END: &[u8] = b"\r\n";

/// The failure of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// The body is longer than allowed.
    TooLarge,
    Malformed(&'static str),
}

/// The position of the next byte in the coding.
#[derive(Clone, Copy, Debug)]
enum Position {
    Size {
        size: u64,
        digits: u32,
    },
    /// White space behind the size. Nothing may follow but an extension or the line's end (RFC 9112 section 7.1): of
    /// `37 5`, one reader takes 0x37 and another 0x375.
    SizeSpace {
        size: u64,
    },
    Extension {
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataEnd,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    BodyEnd,
    Done,
}

/// The decoder of one body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    position: Position,
    dropped: usize,
}

impl Default for ChunkedDecoder {
    /// A decoder at the beginning of a body.
    fn default() -> Self {
        Self {
            position: Position::Size { size: 0, digits: 0 },
            dropped: 0,
        }
    }
}

impl ChunkedDecoder {
    /// Whether the last chunk and the trailers have been read.
    pub fn is_done(&self) -> bool {
        matches!(self.position, Position::Done)
    }

    /// Whether the last chunk has been read, and no trailer is under way: nothing of the payload is missing.
    pub fn has_last_chunk(&self) -> bool {
        matches!(
            self.position,
            Position::TrailerStart | Position::BodyEnd | Position::Done
        )
    }

    /// Appends the payload in `input` to `body`, which may grow to `max_body` bytes. Returns how many bytes of `input`
    /// belonged to the body: all, unless it ended.
    ///
    /// # Errors
    /// A body that is malformed or too large; the decoder is of no use afterwards.
    pub fn decode(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        max_body: usize,
    ) -> Result<usize, ChunkError> {
        let mut rest = input;
        loop {
            let room = max_body.saturating_sub(body.len());
            let data = self.payload(&mut rest, usize::MAX, room)?;
            if data.is_empty() {
                return Ok(input.len() - rest.len());
            }
            body.extend_from_slice(data);
        }
    }

    /// Hands on payload, at most so many bytes, and moves `input` on behind what was read of it. Returns the number of bytes
    /// that were handed on.
    ///
    /// # Errors
    /// A malformed body, once all payload before it has been given.
    pub fn hand_on(
        &mut self,
        input: &mut &[u8],
        most: usize,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, ChunkError> {
        let mut given = 0;
        loop {
            match self.payload(input, most - given, usize::MAX) {
                Err(error) if given == 0 => return Err(error),
                Err(_) | Ok([]) => return Ok(given),
                Ok(data) => {
                    take(data);
                    given += data.len();
                }
            }
        }
    }

    /// The next payload in the input, which moves on behind it, or to the byte that is wrong: at most `most` bytes, none
    /// at the end of the body or of the input. No chunk may be larger than `room`.
    fn payload<'i>(
        &mut self,
        input: &mut &'i [u8],
        most: usize,
        room: usize,
    ) -> Result<&'i [u8], ChunkError> {
        while let Some((byte, behind)) = input.split_first() {
            if let Position::Data { left } = self.position {
                let left_here = usize::try_from(left).unwrap_or(usize::MAX);
                let here = left_here.min(input.len()).min(most);
                let (data, behind) = input.split_at_checked(here).unwrap_or_default();
                *input = behind;
                self.position = match left.saturating_sub(here as u64) {
                    0 => Position::DataCr,
                    left => Position::Data { left },
                };
                return Ok(data);
            }
            if self.is_done() {
                break;
            }
            self.position = self.next(*byte, room)?;
            *input = behind;
        }
        Ok(&[])
    }

    /// The position behind one byte that is not payload.
    fn next(&mut self, byte: u8, room: usize) -> Result<Position, ChunkError> {
        use ChunkError::Malformed;
        Ok(match (self.position, byte) {
            (Position::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == MAX_DIGITS {
                    return Err(Malformed("a chunk size has too many digits"));
                }
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Position::Size {
                    size: size << 4 | digit,
                    digits: digits + 1,
                }
            }
            (Position::Size { digits: 0, .. }, _) => {
                return Err(Malformed("a chunk size is missing"));
            }
            (
                Position::Size { size, .. }
                | Position::SizeSpace { size }
                | Position::Extension { size },
                b'\r',
            ) => {
                if size > room as u64 {
                    return Err(ChunkError::TooLarge);
                }
                Position::SizeEnd { size }
            }
            (Position::Size { size, .. }, b';') => Position::Extension { size },
            (Position::Size { size, .. }, b' ' | b'\t') => Position::SizeSpace { size },
            (Position::SizeSpace { size }, b';') => self.dropping(Position::Extension { size })?,
            (Position::SizeSpace { size }, b' ' | b'\t') => {
                self.dropping(Position::SizeSpace { size })?
            }
            (Position::Size { .. } | Position::SizeSpace { .. }, _) => {
                return Err(Malformed("a chunk size is not hexadecimal"));
            }
            (Position::SizeEnd { size: 0 }, b'\n') => Position::TrailerStart,
            (Position::SizeEnd { size }, b'\n') => Position::Data { left: size },
            (Position::DataCr, b'\r') => Position::DataEnd,
            (Position::DataEnd, b'\n') => Position::Size { size: 0, digits: 0 },
            (Position::DataCr | Position::DataEnd, _) => {
                return Err(Malformed("a chunk is longer than its size"));
            }
            (Position::TrailerStart, b'\r') => Position::BodyEnd,
            (Position::BodyEnd, b'\n') => Position::Done,
            (Position::TrailerValue, b'\r') => Position::TrailerEnd,
            (Position::TrailerEnd, b'\n') => Position::TrailerStart,
            (Position::TrailerStart | Position::TrailerName, _) if is_token(byte) => {
                self.dropping(Position::TrailerName)?
            }
            (Position::TrailerName, b':') => self.dropping(Position::TrailerValue)?,
            (Position::TrailerStart | Position::TrailerName, _) => {
                return Err(Malformed("a trailer of the chunked body is no field"));
            }
            (Position::Extension { .. } | Position::TrailerValue, _) if is_text(byte) => {
                self.dropping(self.position)?
            }
            _ => return Err(Malformed("a line of the chunked body is not valid")),
        })
    }

    /// The position behind a byte that is dropped.
    fn dropping(&mut self, position: Position) -> Result<Position, ChunkError> {
        self.dropped += 1;
        if self.dropped > MAX_DROPPED {
            let reason = "the chunk extensions and trailers are too long";
            return Err(ChunkError::Malformed(reason));
        }
        Ok(position)
    }
}

/// A byte of a field or extension: no control character but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// The line in front of a chunk, in which a formatter would take as much as the rest of an event's way out.
#[derive(Debug)]
pub struct SizeLine {
    bytes: [u8; SizeLine::LONGEST],
    from: usize,
}

impl SizeLine {
    const LONGEST: usize = MAX_DIGITS as usize + LINE_END.len();

    /// The line for a chunk of a size (bytes).
    pub fn of(size: usize) -> Self {
        let mut bytes = [0; Self::LONGEST];
        let (digits, end) = bytes.split_at_mut(MAX_DIGITS as usize);
        end.copy_from_slice(LINE_END);
        let (mut left, mut from) = (size, MAX_DIGITS as usize);
        for place in digits.iter_mut().rev() {
            let digit = (left & 0xf) as u8;
            *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
            (left, from) = (left >> 4, from - 1);
            if left == 0 {
                break;
            }
        }
        Self { bytes, from }
    }

    /// The line, with its end.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_written_as_format_does() {
        for size in [0, 9, 10, 15, 16, 0xa9f0, usize::MAX] {
            let line = format!("{size:x}\r\n");
            assert_eq!(SizeLine::of(size).as_bytes(), line.as_bytes());
        }
    }

    fn decode(pieces: &[&[u8]], max_body: usize) -> Result<(Vec<u8>, usize, bool), ChunkError> {
        let (mut decoder, mut body, mut used) = (ChunkedDecoder::default(), Vec::new(), 0);
        for piece in pieces {
            used += decoder.decode(piece, &mut body, max_body)?;
        }
        Ok((body, used, decoder.is_done()))
    }

    #[test]
    fn every_split_of_a_body_gives_the_same_body() {
        let wire =
            b"3 ;x=\"y z\"\r\nabc\r\n00a \t\r\n0123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nGET /";
        let end = wire.len() - b"GET /".len();
        let expected = (b"abc0123456789".to_vec(), end, true);
        assert_eq!(decode(&[wire], 100), Ok(expected.clone()));
        for first in 0..wire.len() {
            for second in first..wire.len() {
                let pieces = [&wire[..first], &wire[first..second], &wire[second..]];
                assert_eq!(
                    decode(&pieces, 100),
                    Ok(expected.clone()),
                    "{first} {second}"
                );
            }
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(decode(&bytes, 100), Ok(expected));
    }

    /// Content that a provider sent before its fault belongs to the client of a stream.
    #[test]
    fn payload_before_a_malformed_chunk_is_given_first() {
        let (mut decoder, mut given) = (ChunkedDecoder::default(), Vec::new());
        let mut input = &b"3\r\nabc\r\nx\r\n"[..];
        let mut take = |data: &[u8]| given.extend_from_slice(data);
        assert_eq!(decoder.hand_on(&mut input, 16, &mut take), Ok(3));
        let next = decoder.hand_on(&mut input, 16, &mut take);
        assert_eq!(given, b"abc");
        assert!(matches!(next, Err(ChunkError::Malformed(_))), "{next:?}");
    }

    #[test]
    fn a_cut_body_is_never_taken_for_a_whole_one() {
        let wire = b"3\r\nabc\r\n0\r\nX: 1\r\n\r\n";
        for end in 0..wire.len() {
            assert!(!decode(&[&wire[..end]], 100).unwrap().2, "{end}");
        }
        assert!(decode(&[wire], 100).unwrap().2);
    }

    #[test]
    fn malformed_bodies_are_refused() {
        for wire in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\na\r\n",
            b" 1\r\n",
            b"1\na",
            b"1\r\rx",
            b"1;a\nb\r\n",
            b"1;\0\r\n",
            b"1 1\r\na\r\n0\r\n\r\n",
            b"1 \tx\r\na\r\n0\r\n\r\n",
            b"1 =;x\r\na\r\n0\r\n\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n0\r\n\r\n",
            b"0\r\nX: 1\n\r\n",
            b"0\r\n\n",
            b"0\r\nX\r\n\r\n",
            b"0\r\nX : 1\r\n\r\n",
            b"0\r\n: 1\r\n\r\n",
            b"0\r\n X: 1\r\n\r\n",
            b"0\r\nX: 1\r\n 2\r\n\r\n",
            b"0\r\nX: \0\r\n\r\n",
            b"11111111111111111\r\n",
        ] {
            let result = decode(&[wire], usize::MAX);
            let malformed = matches!(result, Err(ChunkError::Malformed(_)));
            assert!(malformed, "{:?}: {result:?}", wire.escape_ascii());
        }
    }

    #[test]
    fn the_limit_counts_all_chunks_and_is_known_before_they_arrive() {
        assert!(decode(&[b"5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"], 10).is_ok());
        assert_eq!(
            decode(&[b"5\r\nabcde\r\n6\r\n"], 10),
            Err(ChunkError::TooLarge)
        );
        assert_eq!(
            decode(&[b"ffffffffffffffff\r\n"], 10),
            Err(ChunkError::TooLarge)
        );
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = "x".repeat(MAX_DROPPED);
        for (line, accepted) in [
            (format!("1;{}\r\na\r\n0\r\n\r\n", &long[1..]), true),
            (format!("1;;{long}\r\na\r\n0\r\n\r\n"), false),
            (format!("0\r\nX:{}\r\n\r\n", &long[2..]), true),
            (format!("0\r\nX:{long}\r\n\r\n"), false),
        ] {
            assert_eq!(decode(&[line.as_bytes()], 10).is_ok(), accepted);
        }
    }
}
