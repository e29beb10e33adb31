//! Chat completions: requests, whole answers, and the chunks of a stream.

pub mod answer;
pub mod assemble;
mod choice;
pub mod chunk;
mod merge;
pub mod request;
pub mod unfold;
mod view;
