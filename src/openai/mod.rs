//! The wire format of OpenAI-compatible APIs: views of requests, answers and stream chunks, and error bodies.

pub mod error;
