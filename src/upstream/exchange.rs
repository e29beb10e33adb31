//! A request and the head of its answer over a connection.
//!
//! Unusual answers are ureq-proto's to read. ureq's own loop around the same protocol keeps all of its states
//! in one frame of 14 KB on the stack of every waiting worker; here each state has gone when the next one waits.

use ureq::http::{HeaderMap, Request, header};
use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call as Protocol, RecvResponseResult, SendRequestResult};

use crate::chunked::ChunkedDecoder;

use super::answer_head::{self, Framing, Head, UsualHead};
use super::call_state::CallState;
use super::connection::Connection;
use super::error::CallError;
use super::unread_body::{FramedBody, UnreadBody};

/// The bound of an answer's head (bytes). The number of its fields is bounded by its readers (128).
const MAX_HEAD: usize = 64 * 1024;

/// The rest of an answer behind its head.
pub(super) enum AfterHead {
    Body(UnreadBody),
    Nothing { reusable: bool },
}

/// Puts a request on its way: its head, and a body that may be empty.
pub(super) fn send(
    connection: &mut Connection,
    head: &[u8],
    content: &[&[u8]],
    state: &mut CallState,
) -> Result<(), CallError> {
    connection.wire.send_last(head, content, state)
}

/// Waits for the head of the answer. Interim answers (1xx) are passed over.
pub(super) fn receive(
    connection: &mut Connection,
    state: &mut CallState,
) -> Result<(Head, AfterHead), CallError> {
    loop {
        let progress = connection.await_input(state)?;
        let head = read_head(connection);
        if let Some(head) = head.map_err(|error| state.failed(error))? {
            return Ok(head);
        }
        if !progress {
            return Err(state.ended());
        }
    }
}

/// The head of the answer if it is all there. `None`: more input is needed, or one more interim answer is out of its
/// way.
fn read_head(connection: &mut Connection) -> Result<Option<(Head, AfterHead)>, ureq::Error> {
    match answer_head::usual(connection.wire.buffers().input()) {
        Some(usual) => take_usual(usual, connection).map(Some),
        None => read_unusual(connection),
    }
}

fn take_usual(
    usual: UsualHead,
    connection: &mut Connection,
) -> Result<(Head, AfterHead), ureq::Error> {
    check_size(usual.size)?;
    connection.wire.buffers().input_consume(usual.size);
    let closes = usual.closes;
    let rest = match usual.body {
        Framing::Length(0) => AfterHead::Nothing { reusable: !closes },
        Framing::Length(left) => AfterHead::Body(UnreadBody::Sized { left, closes }),
        Framing::Chunked => AfterHead::Body(UnreadBody::Chunked {
            decoder: ChunkedDecoder::default(),
            closes,
        }),
    };
    Ok((usual.head, rest))
}

fn read_unusual(connection: &mut Connection) -> Result<Option<(Head, AfterHead)>, ureq::Error> {
    let mut protocol = awaiting()?;
    let input = connection.wire.buffers().input();
    let (read, response) = protocol.try_response(input, false)?;
    check_size(if response.is_some() {
        read
    } else {
        input.len()
    })?;
    connection.wire.buffers().input_consume(read);
    let Some(response) = response else {
        return Ok(None);
    };
    let is_ambiguous = gives_two_framings(response.headers());
    Ok(Some((response.into(), rest(protocol, is_ambiguous)?)))
}

fn check_size(size: usize) -> Result<(), ureq::Error> {
    if size > MAX_HEAD {
        return Err(ureq::Error::LargeResponseHeader(size, MAX_HEAD));
    }
    Ok(())
}

/// Whether an answer has both `Content-Length` and `Transfer-Encoding`, of which the second counts. Where another reader on
/// the way goes by the first, what follows is not the answer to our next request (RFC 9112 section 6.3: the connection
/// ends with such a message).
fn gives_two_framings(fields: &HeaderMap) -> bool {
    fields.contains_key(header::CONTENT_LENGTH) && fields.contains_key(header::TRANSFER_ENCODING)
}

fn rest(
    protocol: Box<Protocol<RecvResponse>>,
    is_ambiguous: bool,
) -> Result<AfterHead, ureq::Error> {
    Ok(match protocol.proceed() {
        Some(RecvResponseResult::RecvBody(protocol)) => {
            AfterHead::Body(UnreadBody::Framed(Box::new(FramedBody {
                protocol,
                is_ambiguous,
            })))
        }
        Some(RecvResponseResult::Redirect(protocol)) => AfterHead::Nothing {
            reusable: !protocol.must_close_connection() && !is_ambiguous,
        },
        Some(RecvResponseResult::Cleanup(protocol)) => AfterHead::Nothing {
            reusable: !protocol.must_close_connection() && !is_ambiguous,
        },
        None => return Err(unexpected()),
    })
}

/// The protocol at the point where an answer is awaited. Answers to GET and POST are read alike (RFC 9112 section 6.3),
/// so it is not the request that has been sent: of that nothing is kept while thousands of calls may wait.
fn awaiting() -> Result<Box<Protocol<RecvResponse>>, ureq::Error> {
    let mut protocol = Protocol::new(Request::new(()))?.proceed();
    protocol.write(&mut [0; 64])?;
    match protocol.proceed()? {
        Some(SendRequestResult::RecvResponse(protocol)) => Ok(Box::new(protocol)),
        _ => Err(unexpected()),
    }
}

/// A state of the protocol that the calls of this client do not come to.
fn unexpected() -> ureq::Error {
    ureq::Error::Other("a request of a kind that is not sent".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head as a reader understands it: status, fields, its size, the announced length, and whether the connection goes on.
    type Understood = (u16, Vec<(String, String)>, usize, Option<u64>, bool);

    fn fields(head: &Head) -> Vec<(String, String)> {
        let fields = head.headers();
        let mut fields: Vec<_> = fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        // ureq's map groups repeated names.
        fields.sort();
        fields
    }

    fn by_ureq(input: &[u8]) -> Option<Understood> {
        let mut protocol = awaiting().unwrap();
        let (size, response) = protocol.try_response(input, false).ok()?;
        let head = Head::from(response?);
        let (announced, reusable) = match rest(protocol, false).unwrap() {
            AfterHead::Body(body) => {
                let UnreadBody::Framed(mut framed) = body else {
                    unreachable!("ureq-proto frames it");
                };
                let announced = UnreadBody::Framed(framed).announced();
                // The rest is read, for then it knows.
                let mut protocol = awaiting().unwrap();
                protocol.try_response(input, false).unwrap();
                framed = match rest(protocol, false).unwrap() {
                    AfterHead::Body(UnreadBody::Framed(framed)) => framed,
                    _ => unreachable!("as before"),
                };
                let length = announced.map(|length| usize::try_from(length).unwrap());
                let body = length.map_or(LAST_CHUNK.to_vec(), |length| vec![b'x'; length]);
                framed
                    .protocol
                    .read(&body, &mut vec![0; body.len()])
                    .unwrap();
                (announced, UnreadBody::Framed(framed).leaves_reusable())
            }
            AfterHead::Nothing { reusable } => (None, reusable),
        };
        Some((head.status, fields(&head), size, announced, reusable))
    }

    fn in_place(input: &[u8]) -> Option<Understood> {
        let usual = answer_head::usual(input)?;
        let announced = match usual.body {
            Framing::Length(length) => (length > 0).then_some(length),
            Framing::Chunked => None,
        };
        let understood = fields(&usual.head);
        Some((
            usual.head.status,
            understood,
            usual.size,
            announced,
            !usual.closes,
        ))
    }

    /// Two readers of a head that see different bodies mix up answers.
    #[test]
    fn both_readers_of_a_head_agree() {
        let mut usual = 0;
        let heads = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
            "HTTP/1.1 200\r\ncontent-length:7\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
            "HTTP/1.1 500 No\r\nContent-Length:   12  \r\nConnection: close\r\n",
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 3\r\n",
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 3\r\n",
            "HTTP/1.1 404 No\r\nX: a\r\nX: b\r\nY:\r\nContent-Length: 3\r\nX: c\r\n",
            "HTTP/1.1 200 OK\r\nX: \u{e9}\r\nContent-Length: 1\r\n",
            "HTTP/1.1 200 OK\nContent-Length: 4\n",
            "HTTP/1.1 599 x\r\nContent-Length: 4\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding:Chunked \r\nConnection: close\r\n",
            // From here on they are ureq-proto's.
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n",
            "HTTP/1.1 204 No\r\nContent-Length: 5\r\n",
            "HTTP/1.1 304 No\r\nContent-Length: 5\r\n",
            "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n",
            "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n",
            "HTTP/1.1 999 x\r\nContent-Length: 4\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent Length: 5\r\n",
            "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 5\r\n",
        ];
        let many = |count: usize| {
            let fields = "X: a\r\n".repeat(count - 1);
            format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{fields}")
        };
        let many = [32, 33, 128].map(many);
        for head in heads.into_iter().chain(many.iter().map(String::as_str)) {
            let end = if head.contains('\r') { "\r\n" } else { "\n" };
            let input = format!("{head}{end}body");
            let Some(seen) = in_place(input.as_bytes()) else {
                continue;
            };
            usual += 1;
            assert_eq!(Some(seen), by_ureq(input.as_bytes()), "{head:?}");
            for cut in 0..head.len() {
                assert!(
                    in_place(&input.as_bytes()[..cut]).is_none(),
                    "{head:?} {cut}"
                );
            }
        }
        assert_eq!(usual, 15);
    }

    const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

    /// The payload that ureq-proto reads, and whether it saw the end.
    fn payload_by_ureq(pieces: &[&[u8]]) -> Option<(Vec<u8>, bool)> {
        let mut protocol = awaiting().unwrap();
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        protocol.try_response(head, false).unwrap();
        let AfterHead::Body(UnreadBody::Framed(mut framed)) = rest(protocol, false).unwrap() else {
            unreachable!("ureq-proto frames it");
        };
        let (mut payload, mut input) = (Vec::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            loop {
                let mut buf = [0; 64];
                let (read, written) = framed.protocol.read(&input, &mut buf).ok()?;
                payload.extend_from_slice(&buf[..written]);
                input.drain(..read);
                if read == 0 {
                    break;
                }
            }
        }
        Some((payload, framed.protocol.can_proceed()))
    }

    /// The same in place, with so much room for a read.
    fn payload_in_place(pieces: &[&[u8]], room: usize) -> Option<(Vec<u8>, bool)> {
        let (mut decoder, mut payload) = (ChunkedDecoder::default(), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            let mut take = |data: &[u8]| payload.extend_from_slice(data);
            while decoder.hand_on(&mut input, room, &mut take).ok()? > 0 {}
        }
        Some((payload, decoder.is_done()))
    }

    /// Where two readers of a body see different ends, what follows is taken for the next answer.
    #[test]
    fn both_readers_of_chunks_agree() {
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n00b \r\nhello world\r\n0\r\n\r\n",
            "3;x=y\r\nabc\r\n2\r\n\r\n\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
            "5\r\nhel",
            "5\r\nhello\r\n0\r\n",
            "5\r\nhelloworld\r\n0\r\n\r\n",
            "x\r\nhello\r\n0\r\n\r\n",
            "\r\n",
        ] {
            let wire = body.as_bytes();
            for cut in 0..=wire.len() {
                let pieces = [&wire[..cut], &wire[cut..]];
                let expected = payload_by_ureq(&pieces);
                for room in [1, 2, 64] {
                    assert_eq!(
                        payload_in_place(&pieces, room),
                        expected,
                        "{body:?} {cut} {room}"
                    );
                }
            }
        }
    }
}
