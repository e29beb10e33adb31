//! Wyoming: speech to text and text to speech for Home Assistant, by raw sockets.

mod bounds;
mod hearing;
mod peer;
mod speaking;

use peer::{Peer, peer_of};

use crate::support::{Config, Gateway, Script, Step, Upstream};

/// Samples of 16 bits, so many.
fn samples(count: usize) -> Vec<u8> {
    (0..count * 2).map(|at| (at % 251) as u8).collect()
}

fn transcript(text: &str) -> Script {
    Script::json(200, &serde_json::json!({"text": text}).to_string())
}

fn pcm(sound: &[u8]) -> Script {
    Script::body(200, &[("Content-Type", "audio/pcm")], sound)
}

/// Two steps behind both services, and these settings of `wyoming:` besides.
fn config_with(a: &Upstream, b: &Upstream, settings: &str) -> Config {
    let steps = || {
        [
            Step::new("a", "model-a").with("timeout: 10s"),
            Step::new("b", "model-b").with("pcm_rate: 16000"),
        ]
    };
    Config::new()
        .with(&format!(
            "wyoming: {{listen: '127.0.0.1:0', stt: listen, tts: speak{settings}}}"
        ))
        .provider("a", a)
        .provider("b", b)
        .route("listen", steps())
        .route("speak", steps())
}

fn start(a: &Upstream, b: &Upstream) -> Gateway {
    config_with(a, b, "").start()
}

/// The code of the event `error`, and the end that follows it.
fn code_of_error(peer: &mut Peer) -> String {
    let event = peer.read().expect("an event");
    assert_eq!(event.kind, "error", "{event:?}");
    assert!(
        event.data["text"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    assert_eq!(peer.read(), None);
    event.data["code"].as_str().unwrap_or_default().to_owned()
}
