//! The whole answer of a stream whose last event repeats all that came before.

use super::answer::Flaw;
use super::stream::Assemble;

/// The last frame so far.
#[derive(Debug, Default)]
pub struct LastFrame(String);

impl Assemble for LastFrame {
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        data.clone_into(&mut self.0);
        Ok(())
    }

    fn finish(self: Box<Self>) -> String {
        self.0
    }
}
