//! Whatever a provider streams, each client gets a stream of its dialect's grammar: what opens is closed, numbers have no
//! gaps, and the last frame is an end or an error.

#![no_main]

use ai_gateway::dialect::translated_streams;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| translated_streams::check(body, std::time::Instant::now()));
