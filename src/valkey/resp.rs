//! RESP2, the protocol of Valkey and Redis, without a socket: commands to bytes, bytes to replies.
//!
//! The decoder is fed by whatever answers at an address, so all that it builds is bounded: by what has arrived and not by
//! what is announced.

use std::mem;

/// The longest line: a number, a status, or the words of an error (bytes).
const MAX_LINE: usize = 4 * 1024;

/// The longest bulk string (bytes).
const MAX_BULK: usize = 1024 * 1024;

/// The bound of the elements of a reply, those of nested arrays among them.
const MAX_ELEMENTS: usize = 65_536;

/// The bound of arrays within each other.
const MAX_DEPTH: usize = 4;

/// The longest reply, all its elements together (bytes). The elements of an array may each be as long as a bulk string.
const MAX_REPLY: usize = 4 * 1024 * 1024;

/// A reply of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Status(String),
    /// An error in the server's words: its kind in capitals, and a text.
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Reply>),
    /// The absent bulk string or array.
    Nil,
}

/// The reason why bytes are no replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A line that begins with no mark of RESP2.
    UnknownMark,
    /// A length or an integer that is none.
    BadNumber,
    /// A bulk string that does not end where it was announced to.
    BadEnd,
    /// A line, a bulk string, an array or a whole reply beyond its bound.
    TooLong,
    TooDeep,
}

impl Malformed {
    pub fn words(self) -> &'static str {
        match self {
            Self::UnknownMark => "what came back is not of Redis's protocol",
            Self::BadNumber => "a number in a reply is none",
            Self::BadEnd => "a text in a reply does not end where it should",
            Self::TooLong => "a reply is longer than any that is asked for",
            Self::TooDeep => "a reply has more arrays within each other than any that is asked for",
        }
    }
}

/// Appends a command to the bytes of a pipeline.
pub fn command(pipeline: &mut Vec<u8>, words: &[&[u8]]) {
    let head = |pipeline: &mut Vec<u8>, mark: u8, number: usize| {
        pipeline.push(mark);
        pipeline.extend_from_slice(number.to_string().as_bytes());
        pipeline.extend_from_slice(b"\r\n");
    };
    head(pipeline, b'*', words.len());
    for word in words {
        head(pipeline, b'$', word.len());
        pipeline.extend_from_slice(word);
        pipeline.extend_from_slice(b"\r\n");
    }
}

/// The decoder of a connection's replies. After an error it is of no more use, as is the connection.
#[derive(Debug, Default)]
pub struct Decoder {
    input: Vec<u8>,
    /// The input before this place has been decoded.
    at: usize,
    /// The arrays that have begun, the outermost first.
    open: Vec<OpenArray>,
    /// The elements of the reply so far.
    elements: usize,
    /// The bytes of the reply so far.
    length: usize,
}

#[derive(Debug)]
struct OpenArray {
    missing: usize,
    elements: Vec<Reply>,
}

/// An element, or the beginning of an array.
enum Item {
    Whole(Reply),
    ArrayOf(usize),
}

impl Decoder {
    /// Takes in bytes that have arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..mem::take(&mut self.at));
        self.input.extend_from_slice(bytes);
    }

    /// The next whole reply; `None` until more has arrived.
    ///
    /// # Errors
    /// The bytes are no replies, or replies beyond the bounds.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, Malformed> {
        while let Some((item, end)) = self.item()? {
            self.length += end - self.at;
            self.at = end;
            self.elements += 1;
            if self.length > MAX_REPLY || self.elements > MAX_ELEMENTS {
                return Err(Malformed::TooLong);
            }
            let whole = match item {
                Item::ArrayOf(0) => Reply::Array(Vec::new()),
                Item::ArrayOf(missing) if self.open.len() < MAX_DEPTH => {
                    let elements = Vec::new();
                    self.open.push(OpenArray { missing, elements });
                    continue;
                }
                Item::ArrayOf(_) => return Err(Malformed::TooDeep),
                Item::Whole(reply) => reply,
            };
            if let Some(reply) = self.close_arrays(whole) {
                (self.elements, self.length) = (0, 0);
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Whether all that has arrived was decoded.
    pub fn is_empty(&self) -> bool {
        self.at == self.input.len() && self.open.is_empty()
    }

    /// Puts an element into the innermost array, and each array that it completes into the one around it. The outermost
    /// comes back when it is complete, and so does an element that stands in none.
    fn close_arrays(&mut self, element: Reply) -> Option<Reply> {
        let mut element = element;
        loop {
            let Some(innermost) = self.open.last_mut() else {
                return Some(element);
            };
            innermost.elements.push(element);
            innermost.missing -= 1;
            if innermost.missing > 0 {
                return None;
            }
            element = Reply::Array(self.open.pop()?.elements);
        }
    }

    /// The item at the beginning of the input, and the place behind it; `None` until it has arrived whole.
    fn item(&self) -> Result<Option<(Item, usize)>, Malformed> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let Some((&mark, rest)) = rest.split_first() else {
            return Ok(None);
        };
        if !b"+-:$*".contains(&mark) {
            return Err(Malformed::UnknownMark);
        }
        let searched = rest.get(..MAX_LINE).unwrap_or(rest);
        let Some(length) = memchr::memchr(b'\n', searched) else {
            let too_long = rest.len() >= MAX_LINE;
            return if too_long {
                Err(Malformed::TooLong)
            } else {
                Ok(None)
            };
        };
        let (line, rest) = rest.split_at_checked(length + 1).unwrap_or((rest, &[]));
        let line = line.strip_suffix(b"\r\n").ok_or(Malformed::BadEnd)?;
        let behind_line = self.at + 1 + length + 1;
        let text = || String::from_utf8_lossy(line).into_owned();
        let item = match mark {
            b'+' => Item::Whole(Reply::Status(text())),
            b'-' => Item::Whole(Reply::Error(text())),
            b':' => Item::Whole(Reply::Integer(number(line)?)),
            b'*' => match announced(line, MAX_ELEMENTS)? {
                None => Item::Whole(Reply::Nil),
                Some(count) => Item::ArrayOf(count),
            },
            _ => match announced(line, MAX_BULK)? {
                None => Item::Whole(Reply::Nil),
                Some(length) => {
                    let Some((bulk, rest)) = rest.split_at_checked(length) else {
                        return Ok(None);
                    };
                    return match rest.get(..2) {
                        None => Ok(None),
                        Some(b"\r\n") => {
                            let item = Item::Whole(Reply::Bulk(bulk.to_vec()));
                            Ok(Some((item, behind_line + length + 2)))
                        }
                        Some(_) => Err(Malformed::BadEnd),
                    };
                }
            },
        };
        Ok(Some((item, behind_line)))
    }
}

/// A length within its bound; `None` for -1, which announces the absence.
fn announced(line: &[u8], bound: usize) -> Result<Option<usize>, Malformed> {
    let number = number(line)?;
    if number == -1 {
        return Ok(None);
    }
    let length = usize::try_from(number).map_err(|_| Malformed::BadNumber)?;
    if length > bound {
        return Err(Malformed::TooLong);
    }
    Ok(Some(length))
}

fn number(line: &[u8]) -> Result<i64, Malformed> {
    let text = str::from_utf8(line).ok();
    let digits = text.filter(|text| !text.starts_with('+'));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or(Malformed::BadNumber)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &[u8]) -> Result<Vec<Reply>, Malformed> {
        let mut decoder = Decoder::default();
        decoder.feed(bytes);
        let mut replies = Vec::new();
        while let Some(reply) = decoder.next_reply()? {
            replies.push(reply);
        }
        Ok(replies)
    }

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        let mut pipeline = Vec::new();
        command(&mut pipeline, &[b"GET", b"a\r\nb"]);
        command(&mut pipeline, &[b"PING"]);
        assert_eq!(
            pipeline,
            b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*1\r\n$4\r\nPING\r\n"
        );
    }

    #[test]
    fn each_kind_of_reply_is_read() {
        let bulk = |text: &str| Reply::Bulk(text.into());
        for (bytes, reply) in [
            ("+OK\r\n", Reply::Status("OK".into())),
            ("-ERR no\r\n", Reply::Error("ERR no".into())),
            (":-42\r\n", Reply::Integer(-42)),
            ("$0\r\n\r\n", bulk("")),
            ("$4\r\na\r\nb\r\n", bulk("a\r\nb")),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("*0\r\n", Reply::Array(vec![])),
            (
                "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n*0\r\n$-1\r\n",
                Reply::Array(vec![
                    Reply::Integer(1),
                    Reply::Array(vec![bulk("x"), Reply::Array(vec![])]),
                    Reply::Nil,
                ]),
            ),
        ] {
            assert_eq!(decoded(bytes.as_bytes()), Ok(vec![reply]), "{bytes:?}");
        }
    }

    /// A port with another service behind it, or a server that was broken into.
    #[test]
    fn what_is_no_reply_is_refused() {
        let nested = "*1\r\n".repeat(MAX_DEPTH + 1);
        let many = format!("*60000\r\n{}*60000\r\n:1\r\n", ":1\r\n".repeat(10_000)).repeat(2);
        for (bytes, error) in [
            ("HTTP/1.1 400 Bad Request\r\n", Malformed::UnknownMark),
            ("%1\r\n", Malformed::UnknownMark),
            (":1\n", Malformed::BadEnd),
            (":\r\n", Malformed::BadNumber),
            (":+1\r\n", Malformed::BadNumber),
            (":9223372036854775808\r\n", Malformed::BadNumber),
            ("$-2\r\n", Malformed::BadNumber),
            ("$1\r\nxyz", Malformed::BadEnd),
            ("$1073741824\r\n", Malformed::TooLong),
            ("*65537\r\n", Malformed::TooLong),
            (&nested, Malformed::TooDeep),
            (&format!("+{}", "x".repeat(MAX_LINE)), Malformed::TooLong),
        ] {
            assert_eq!(decoded(bytes.as_bytes()), Err(error), "{bytes:?}");
        }
        // Less than is announced has come, and no room was made for the rest.
        assert_eq!(decoded(many.as_bytes()), Ok(vec![]));
    }

    /// Each of an array's texts is within its bound, and all of them together are not.
    #[test]
    fn a_reply_that_never_ends_is_refused() {
        let element = format!("$1000000\r\n{}\r\n", "x".repeat(1_000_000));
        let endless = format!("*65536\r\n{}", element.repeat(5));
        assert_eq!(decoded(endless.as_bytes()), Err(Malformed::TooLong));
        let wide = format!("*65536\r\n{}", "*2\r\n:1\r\n:1\r\n".repeat(30_000));
        assert_eq!(decoded(wide.as_bytes()), Err(Malformed::TooLong));
        // The bounds are those of one reply, and not of a connection.
        let usual = element.repeat(10);
        assert_eq!(
            decoded(usual.as_bytes()).map(|replies| replies.len()),
            Ok(10)
        );
    }

    fn replies() -> impl Strategy<Value = Reply> {
        let text = "[a-z \u{e4}]{0,9}";
        let leaf = prop_oneof![
            text.prop_map(Reply::Status),
            text.prop_map(Reply::Error),
            any::<i64>().prop_map(Reply::Integer),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Reply::Bulk),
            Just(Reply::Nil),
        ];
        leaf.prop_recursive(MAX_DEPTH as u32 - 1, 40, 6, |inner| {
            proptest::collection::vec(inner, 0..6).prop_map(Reply::Array)
        })
    }

    fn encoded(reply: &Reply) -> Vec<u8> {
        match reply {
            Reply::Status(text) => format!("+{text}\r\n").into_bytes(),
            Reply::Error(text) => format!("-{text}\r\n").into_bytes(),
            Reply::Integer(number) => format!(":{number}\r\n").into_bytes(),
            Reply::Nil => b"$-1\r\n".to_vec(),
            Reply::Bulk(bytes) => {
                let mut encoded = format!("${}\r\n", bytes.len()).into_bytes();
                encoded.extend_from_slice(bytes);
                encoded.extend_from_slice(b"\r\n");
                encoded
            }
            Reply::Array(elements) => {
                let mut array = format!("*{}\r\n", elements.len()).into_bytes();
                array.extend(elements.iter().flat_map(encoded));
                array
            }
        }
    }

    proptest! {
        #[test]
        fn every_split_of_the_bytes_gives_the_same_replies(
            given in proptest::collection::vec(replies(), 1..4),
            cuts in proptest::collection::vec(1_usize..30, 1..200),
        ) {
            let bytes: Vec<u8> = given.iter().flat_map(encoded).collect();
            let (mut decoder, mut found, mut rest) = (Decoder::default(), Vec::new(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                decoder.feed(piece);
                while let Some(reply) = decoder.next_reply().unwrap() {
                    found.push(reply);
                }
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, given);
            prop_assert!(decoder.is_empty());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decoded(&bytes);
        }
    }
}
