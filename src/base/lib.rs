//! The ground floor of ai-gateway: pure rooms that know bytes, texts and locks, and nothing of models or sockets. The gateway
//! has them under the same names (`crate::json`), and its map tells what each holds.
#![forbid(unsafe_code)]

pub mod budget;
pub mod chunked;
pub mod freed_memory;
pub mod header_fields;
pub mod heapsort;
pub mod inline_bytes;
pub mod json;
pub mod json_line;
pub mod secret;
pub mod sse;
pub mod sync;
pub mod text;
pub mod word_index;
