//! The rest of an answer that the client's system did not take at once, on its way out.

use std::io::IoSlice;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::budget::Charge;

use super::connection::{Written, write_available};
use super::content::Content;
use super::permits::ClientPermit;

/// The rate below which a client is too slow for what it asked for: what it leaves unread takes up memory that others
/// want (bytes a second).
pub(super) const SLOWEST: usize = 16 * 1024;

/// The disposition of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    /// The next request may come.
    Keep,
    /// All was said and read.
    Close,
    /// The client may still be sending what will not be read. Closing now would make its system throw the answer away with
    /// a reset (RFC 9112 section 9.6).
    Discard,
}

/// The rest of a whole answer.
pub(super) struct Outgoing {
    head: Vec<u8>,
    content: Content,
    /// The bytes of both that are sent.
    sent: usize,
    /// The time at which the client must have all of it, however steadily it reads.
    pub deadline: Instant,
    pub then: Disposition,
    /// The id of the request, where the log is to tell that its client did not take the answer.
    pub request_id: Option<Arc<str>>,
    /// The bytes in memory, on the budget of all.
    _charge: Charge,
    /// Held by a client behind a proxy until it has its answer.
    pub permit: Option<ClientPermit>,
}

impl Outgoing {
    /// The rest of an answer of which the first `sent` bytes are out, and the charge for it.
    pub fn new(head: Vec<u8>, content: Content, sent: usize, charge: Charge) -> Self {
        Self {
            _charge: charge,
            head,
            content,
            sent,
            deadline: Instant::now(),
            then: Disposition::Close,
            request_id: None,
            permit: None,
        }
    }

    /// Begins the time that the client has for what is left (`write_timeout`, and the time that the slowest takes).
    pub fn begin(&mut self, now: Instant, write_timeout: Duration) {
        self.deadline = now + write_timeout + Duration::from_secs((self.left() / SLOWEST) as u64);
    }

    pub fn left(&self) -> usize {
        (self.head.len() + self.content.len()).saturating_sub(self.sent)
    }

    /// Writes what the socket takes, without blocking.
    pub fn write(&mut self, socket: &TcpStream) -> Written {
        let sent = self.sent.min(self.head.len() + self.content.len());
        let (count, written) = self.content.written_behind(&self.head, |mut slices| {
            IoSlice::advance_slices(&mut slices, sent);
            write_available(socket, &mut slices)
        });
        self.sent += count;
        written
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use crate::budget::Budget;
    use crate::json::pieces::{Piece, Pieces};
    use crate::json::spliced::Splices;

    use super::*;

    /// Content of three million bytes, and the same in slices.
    fn contents() -> [(Vec<u8>, Content); 2] {
        let body: Vec<u8> = (0..3_000_000u32)
            .map(|index| b'a' + (index % 23) as u8)
            .collect();
        let mut splices = Splices::default();
        for piece in [
            Piece::Kept(0, 7),
            Piece::New("new"),
            Piece::Kept(9, 3_000_000),
        ] {
            splices.take(piece);
        }
        let spliced = [&body[..7], b"new", &body[9..]].concat();
        let text = String::from_utf8(body.clone()).unwrap();
        [
            (body.clone(), Content::from(body)),
            (spliced, Content::from(splices.of(text))),
        ]
    }

    #[test]
    fn the_rest_arrives_byte_for_byte_wherever_it_was_cut() {
        let budget = Budget::new(usize::MAX, || {});
        for (sent, (body, content)) in [0, 1, 4, 5, 13, 1000]
            .into_iter()
            .flat_map(|sent| contents().map(|content| (sent, content)))
        {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (near, _) = listener.accept().unwrap();
            near.set_nonblocking(true).unwrap();
            let charge = content.charge(&budget);
            let mut rest = Outgoing::new(b"head".to_vec(), content, sent, charge);
            let reading = std::thread::spawn(move || {
                let mut read = Vec::new();
                far.read_to_end(&mut read).unwrap();
                read
            });
            while rest.write(&near) != Written::All {
                std::thread::yield_now();
            }
            assert_eq!(rest.left(), 0);
            drop((near, rest));
            let whole = [b"head".as_slice(), &body].concat();
            assert!(reading.join().unwrap() == whole[sent..]);
        }
        assert_eq!(budget.used(), 0);
    }
}
