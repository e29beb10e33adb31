//! Any bytes under a boundary: what is read as a form is written again byte for byte, and edits change nothing but their own
//! parts, so that the next reader sees the same parts as this one.
//!
//! The first line is the `Content-Type`, the rest is the body.

#![no_main]

use ai_gateway::dialect::multipart::Form;
use libfuzzer_sys::fuzz_target;

/// The names that are looked at.
const NAMES: [&str; 4] = ["model", "file", "stream", "timestamp_granularities[]"];

fuzz_target!(|input: &[u8]| {
    let Some(at) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (kind, body) = (&input[..at], &input[at + 1..]);
    let Ok(kind) = std::str::from_utf8(kind) else {
        return;
    };
    let Ok(form) = Form::parse(body, kind) else {
        return;
    };
    assert_eq!(form.slices().concat(), body);
    for name in NAMES {
        let Ok(Some(text)) = form.single(name) else {
            continue;
        };
        let mut edited = form.clone();
        edited.set(name, text);
        assert_eq!(edited.slices().concat(), body, "{name}");
        edited.set(name, "another value");
        let written = edited.slices().concat();
        let again = Form::parse(&written, kind).expect("a form");
        assert_eq!(again.text(name), Some("another value"));
        for other in NAMES.iter().filter(|other| **other != name) {
            assert_eq!(again.count(other), form.count(other), "{other}");
            assert_eq!(again.text(other), form.text(other), "{other}");
        }
        edited.remove(name);
        let written = edited.slices().concat();
        assert_eq!(Form::parse(&written, kind).expect("a form").count(name), 0);
    }
});
