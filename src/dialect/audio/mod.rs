//! Audio: speech from text, and text from speech.

mod speech;
mod transcript_answer;
mod transcript_stream;
mod transcription;

pub use speech::Speech;
pub use transcription::Recordings;
