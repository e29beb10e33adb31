//! Audio: recordings that become text, and text that becomes a recording.

mod speech;
mod transcriptions;
mod uploads;

use serde_json::Value;

use crate::support::{Config, Form, Gateway, Step, Upstream};

/// A recording whose bytes look like boundaries, line ends and text in Latin-1.
fn recording() -> Vec<u8> {
    let mut bytes =
        b"RIFF\x00\xff\r\n--\r\n------------------------d74496d66958873\r\n\r\n".to_vec();
    bytes.extend((0..=255_u8).cycle().take(70_000));
    bytes
}

fn form() -> Form {
    Form::new()
        .file("file", "hi.wav", &recording())
        .text("model", "r")
}

fn two_steps(a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route(
            "r",
            [
                Step::new("a", "model-a")
                    .with("timeout: 400ms")
                    .with("stall_timeout: 300ms"),
                Step::new("b", "model-b"),
            ],
        )
        .start()
}

/// The class of the first attempt that the log tells of.
fn class_of_failure(gateway: &Gateway) -> Value {
    gateway.wait_for_log(|line| line["msg"] == "attempt failed")["class"].clone()
}
