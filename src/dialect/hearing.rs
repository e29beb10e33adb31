//! Whether a client can hear anything of a stream, before a byte of it is translated.

use super::questions::Dialect;
use super::translate::{AnswerReader, ClientSide, says};

/// The ear of a client whose dialect is not the provider's. A stream of which it hears nothing goes to the next step.
pub struct Hearing {
    client: &'static dyn ClientSide,
    reader: Box<dyn AnswerReader>,
    misses: bool,
}

impl Hearing {
    /// The ear for one stream; `None` between dialects that have no sides for translation.
    pub fn new(client: &dyn Dialect, provider: &dyn Dialect) -> Option<Self> {
        Some(Self {
            client: client.client_side()?,
            reader: provider.provider_side()?.read_answer(),
            misses: false,
        })
    }

    /// Whether the data of a frame with content say something that the client's dialect can say.
    pub fn hears(&mut self, data: &str) -> bool {
        let (client, mut hears) = (self.client, false);
        let read = self.reader.read(data, &mut |delta| {
            hears |= says(client, &delta) == Some(true);
            Ok(())
        });
        // What cannot be read is a failure, which is told where it is translated.
        let hears = hears || read.is_err();
        self.misses |= !hears;
        hears
    }

    /// Whether there was content so far that the client does not hear.
    pub fn misses(&self) -> bool {
        self.misses
    }
}
