//! What the gateway does, seen from outside: the built binary between a raw client and scripted upstreams, on loopback.
//!
//! Every test starts a gateway of its own on a port the kernel chooses, so they run in parallel and in any order.
//! They wait for events, not for time; the timeouts they configure are short because they wait for those to pass.

// A panic is how a test fails. Clippy's own exception for tests covers the test functions, not the functions they call.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod accounts;
mod actions;
mod alerts;
mod audio;
mod bad_input;
mod browsers;
mod chat;
mod cli;
mod completions;
mod cooldowns;
mod diagnostics;
mod documents;
mod edge;
mod embeddings;
mod endpoints;
mod environment_file;
mod exhaustion;
mod explain;
mod faults;
mod generated;
mod healing;
mod history;
mod image;
mod images;
mod init;
mod keys;
mod layers;
mod logs;
mod messages;
mod metrics;
mod moderations;
mod ollama;
mod ops_commands;
mod order;
mod passthrough;
mod proxies;
mod quotas;
mod rerank;
mod responses;
mod retries;
mod secrets;
mod selftest;
mod service;
mod shared;
mod state_file;
mod status_page;
mod stdout;
mod stream;
mod support;
mod telemetry;
mod transcripts;
mod translated_faults;
mod translated_silence;
mod unsayable;
mod way_out;
mod wyoming;
