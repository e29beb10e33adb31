//! Bytes without frames, such as audio: held back until the first of them, then relayed as they come.

use std::time::{Duration, Instant};

use crate::budget::Charge;
use crate::dialect::answer::Flaw;
use crate::dialect::class::Class;
use crate::dialect::provider_error::error_of;
use crate::dialect::wyoming::wav::is_no_pcm;
use crate::http::{Gone, Stream};
use crate::routing::Failure;
use crate::upstream::{Body, Head};

use super::errand::Errand;
use super::failure::{failure_of, failure_of_error, failure_of_flaw};

/// The bytes of one read, and of an error in the place of an answer.
const AT_ONCE: usize = 64 * 1024;

/// The bytes by which sound is told from other sound: the head of a WAV.
const LONGEST_MARK: usize = 44;

/// An answer whose first bytes have arrived.
pub struct OpaqueAnswer {
    pub content_type: String,
    /// The announced length (bytes); none where the provider did not tell.
    pub length: Option<u64>,
    /// The first bytes, and room for the next ones.
    buffer: Vec<u8>,
    filled: usize,
    body: Box<Body>,
    /// The charge for the buffer.
    _charge: Charge,
}

impl OpaqueAnswer {
    /// Reads an answer up to its first bytes, which commit.
    ///
    /// # Errors
    /// The failure that lets the next step try: an error in the place of the bytes, or none of them.
    pub fn open(
        errand: &Errand<'_, '_>,
        head: &Head,
        body: Box<Body>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let content_type = head.header("content-type").unwrap_or_default().trim();
        let mut charge = errand.budget.empty();
        let room = body.make_room(&mut charge, AT_ONCE);
        room.map_err(|error| failure_of(&error))?;
        let mut answer = Self {
            content_type: content_type.to_owned(),
            length: body.announced(),
            buffer: vec![0; AT_ONCE],
            filled: 0,
            body,
            _charge: charge,
        };
        let is_whole = answer.fill(deadline)?;
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let media_type = media_type.to_ascii_lowercase();
        let is_foreign = !errand.dialect.is_opaque_type(&media_type);
        // An error object comes under any type. What else begins with a brace loses nothing by the wait.
        let may_be_error = answer.buffer.first() == Some(&b'{') || is_foreign;
        if answer.filled == 0 {
            return Err(failure_of_flaw(head, Flaw::EmptyContent));
        }
        if may_be_error && !is_whole {
            while answer.filled < AT_ONCE && !answer.fill(deadline)? {}
        }
        if may_be_error {
            let text = String::from_utf8_lossy(answer.first());
            if let Some(said) = error_of(&text) {
                return Err(failure_of_error(head, *said));
            }
        }
        if is_foreign {
            let message = format!("the answer is {media_type}, which was not asked for");
            return Err(Failure {
                status: Some(head.status),
                ..Failure::new(Class::BadResponse, &message)
            });
        }
        if errand.dialect.wants_pcm(errand.request) {
            let mut is_whole = is_whole;
            while answer.filled < LONGEST_MARK && !is_whole {
                is_whole = answer.fill(deadline)?;
            }
            // That bare samples have the head of a WAV does no harm.
            if is_no_pcm(&media_type, answer.first()) {
                let message = "the speech is compressed, and PCM was asked for";
                return Err(Failure {
                    status: Some(head.status),
                    ..Failure::new(Class::Unsupported, message)
                });
            }
        }
        if answer.content_type.is_empty() {
            "application/octet-stream".clone_into(&mut answer.content_type);
        }
        Ok(answer)
    }

    /// Reads more of the beginning; true at the end.
    fn fill(&mut self, deadline: Instant) -> Result<bool, Failure> {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let read = self.body.read(room, deadline);
        let read = read.map_err(|error| failure_of(&error))?;
        self.filled += read;
        Ok(read == 0)
    }

    fn first(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Relays the bytes to the end, each read at once. `stall` bounds every wait for the provider. What breaks off cannot be
    /// told in bytes: the client's connection is cut, too. Blocks.
    pub fn relay(self, stream: Stream<'_>, stall: Duration) -> OpaqueEnding {
        let mut stream = stream;
        match self.pass_on(&mut stream, stall) {
            Ok(()) => {
                stream.finish();
                OpaqueEnding::default()
            }
            Err(failure) => {
                let stopped = failure.class == Class::Cancelled && stream.is_ending();
                stream.cut();
                OpaqueEnding {
                    failure: Some(failure),
                    stopped,
                }
            }
        }
    }

    fn pass_on(mut self, stream: &mut Stream<'_>, stall: Duration) -> Result<(), Failure> {
        while self.filled > 0 {
            let written = stream.write(self.first());
            written.map_err(|Gone| Failure::new(Class::Cancelled, "the client is gone"))?;
            self.filled = 0;
            self.fill(Instant::now() + stall)?;
        }
        Ok(())
    }
}

/// The end of relayed bytes.
#[derive(Default)]
pub struct OpaqueEnding {
    /// The failure after the commit point; `Class::Cancelled` where the client is gone.
    pub failure: Option<Failure>,
    /// The gateway had no time left for the answer.
    pub stopped: bool,
}
