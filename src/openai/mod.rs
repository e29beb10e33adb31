//! The wire format of OpenAI-compatible APIs: views of requests, answers and stream chunks, and error bodies.
//!
//! Views judge the raw text and never build a tree; only what the gateway needs to know is read.

pub mod answer;
mod choice;
pub mod chunk;
pub mod error;
pub mod model_list;
pub mod provider_error;
pub mod request;
