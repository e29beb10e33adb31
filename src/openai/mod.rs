//! The wire format of OpenAI-compatible APIs: views of requests, answers and stream chunks, and error bodies.
//!
//! Views judge the raw text and never build a tree; only what the gateway needs to know is read, in one
//! pass.

pub mod answer;
pub mod assemble;
mod choice;
pub mod chunk;
pub mod error;
mod merge;
pub mod model_list;
pub mod provider_error;
pub mod request;
pub mod unfold;
mod view;
