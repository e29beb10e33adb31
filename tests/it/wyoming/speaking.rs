//! Text to speech.

use serde_json::{Value, json};

use super::peer::Event;
use super::{code_of_error, config_with, pcm, peer_of, samples, start};
use crate::support::{Config, Script, Signal, Step, Upstream};

fn speak(text: &str) -> Value {
    json!({"text": text, "voice": {"name": "nova"}})
}

/// The sound of events, the first and the last of which begin and end it.
fn sound_of(events: &[Event], rate: u32) -> Vec<u8> {
    let [start, chunks @ .., stop] = events else {
        panic!("{events:?}");
    };
    assert_eq!(
        (start.kind.as_str(), stop.kind.as_str()),
        ("audio-start", "audio-stop")
    );
    for event in chunks.iter().chain([start]) {
        assert_eq!(event.data["rate"], rate);
        assert_eq!(
            (&event.data["width"], &event.data["channels"]),
            (&json!(2), &json!(1))
        );
    }
    for chunk in chunks {
        assert_eq!(chunk.kind, "audio-chunk");
        assert!(chunk.payload.len().is_multiple_of(2));
    }
    chunks
        .iter()
        .flat_map(|chunk| chunk.payload.clone())
        .collect()
}

fn wav(rate: u32, sound: &[u8], length: u32) -> Vec<u8> {
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0LIST\x04\0\0\0INFOdata");
    bytes.extend(length.to_le_bytes());
    bytes.extend(sound);
    bytes
}

fn script(kind: &str, body: &[u8]) -> Script {
    Script::body(200, &[("Content-Type", kind)], body)
}

#[test]
fn a_text_becomes_sound() {
    let sound = samples(30_001);
    let a = Upstream::always(pcm(&sound));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    for _ in 0..2 {
        peer.send("synthesize", speak("The \"door\" is open."), &[]);
        assert_eq!(sound_of(&peer.read_until("audio-stop"), 24_000), sound);
    }
    let request = &a.requests()[0];
    assert_eq!(request.head.first_line, "POST /v1/audio/speech HTTP/1.1");
    assert_eq!(
        request.json(),
        json!({"model": "model-a", "input": "The \"door\" is open.", "voice": "nova", "response_format": "pcm"})
    );
    peer.send("synthesize", json!({"text": "no voice"}), &[]);
    peer.read_until("audio-stop");
    assert_eq!(a.requests()[2].json()["voice"], "alloy");
}

/// The form is told by the head of a WAV, by the type of bare samples, by the step.
#[test]
fn the_rate_is_that_of_the_sound() {
    let sound = samples(5000);
    let length = sound.len() as u32;
    let with_tail = [sound.clone(), b"LIST\x04\0\0\0INFO".to_vec()].concat();
    for (answer, rate) in [
        (script("audio/wav", &wav(22_050, &sound, u32::MAX)), 22_050),
        (script("audio/x-wav", &wav(16_000, &sound, 0)), 16_000),
        (
            script("audio/mpeg", &wav(48_000, &with_tail, length)),
            48_000,
        ),
        (script("audio/L16; rate=8000", &sound), 8_000),
        (script("audio/mpeg", &sound), 24_000),
    ] {
        let a = Upstream::always(answer);
        let gateway = start(&a, &a);
        let mut peer = peer_of(&gateway);
        peer.send("synthesize", speak("It is ten past ten."), &[]);
        let events = peer.read_until("audio-stop");
        let mut short = events
            .iter()
            .filter(|event| (1..2048).contains(&event.payload.len()));
        assert!(short.nth(1).is_none(), "the last one alone");
        assert_eq!(sound_of(&events, rate), sound, "{rate}");
    }
}

/// Compressed sound in the place of samples is noise: such a step has failed.
#[test]
fn the_next_step_speaks_where_the_first_fails_or_compresses() {
    let sound = samples(4000);
    for fault in [
        Script::json(500, "{}"),
        script(
            "audio/mpeg",
            b"\xff\xfb\x90\xc4 and so on, for a while, with more of it behind",
        ),
        script("audio/mpeg", b"ID3\x04\x00"),
        script("audio/pcm", b"OggS\0"),
    ] {
        let (a, b) = (Upstream::always(fault), Upstream::always(pcm(&sound)));
        let gateway = start(&a, &b);
        let mut peer = peer_of(&gateway);
        peer.send("synthesize", speak("It is ten past ten."), &[]);
        // The second step says `pcm_rate`.
        assert_eq!(sound_of(&peer.read_until("audio-stop"), 16_000), sound);
    }
    let compressed = Upstream::always(script("audio/mpeg", b"ID3\x04\x00"));
    let gateway = start(&compressed, &compressed);
    let mut peer = peer_of(&gateway);
    peer.send("synthesize", speak("It is ten past ten."), &[]);
    assert_eq!(code_of_error(&mut peer), "ROUTE_EXECUTION_FAILED");
    let line = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    assert_eq!(line["class"], "unsupported", "{line}");
}

#[test]
fn sound_comes_while_it_is_made() {
    let more = Signal::new();
    let sound = samples(4096);
    let (early, late) = sound.split_at(5000);
    let head = Script::head(
        200,
        &[
            ("Content-Type", "audio/pcm"),
            ("Transfer-Encoding", "chunked"),
        ],
    );
    let a = Upstream::always(
        head.chunk(early)
            .await_signal(&more)
            .chunk(late)
            .last_chunk(),
    );
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    peer.send("synthesize", speak("A long story."), &[]);
    assert_eq!(peer.read().unwrap().kind, "audio-start");
    let first = peer.read_sound(2048);
    more.give();
    let rest = peer.read_sound(sound.len() - first.len());
    assert_eq!([first, rest].concat(), sound);
    assert_eq!(peer.read().unwrap().kind, "audio-stop");
}

/// Home Assistant sends the whole text once more before it ends the pieces, for services that know no pieces.
#[test]
fn pieces_of_a_text_are_spoken_sentence_by_sentence() {
    let sound = samples(1500);
    let a = Upstream::always(pcm(&sound));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    peer.send("synthesize-start", json!({"voice": {"name": "nova"}}), &[]);
    for piece in [
        "The lights in the kit",
        "chen are on. And it is",
        " 21.5 degrees out",
    ] {
        peer.send("synthesize-chunk", json!({"text": piece}), &[]);
    }
    // Before the text has ended.
    assert_eq!(peer.read().unwrap().kind, "audio-start");
    assert_eq!(peer.read_sound(sound.len()), sound);
    peer.send("synthesize-chunk", json!({"text": "side."}), &[]);
    peer.send("synthesize", speak("all of it again"), &[]);
    peer.send("synthesize-stop", json!({}), &[]);
    assert_eq!(peer.read_sound(sound.len()), sound);
    assert_eq!(peer.read().unwrap().kind, "audio-stop");
    assert_eq!(peer.read().unwrap().kind, "synthesize-stopped");
    let spoken: Vec<Value> = a
        .requests()
        .iter()
        .map(|it| it.json()["input"].clone())
        .collect();
    assert_eq!(
        spoken,
        [
            "The lights in the kitchen are on.",
            "And it is 21.5 degrees outside."
        ]
    );
    assert!(a.requests().iter().all(|it| it.json()["voice"] == "nova"));
    // The next text is one of its own, also one without a word.
    peer.send("synthesize-start", json!({}), &[]);
    peer.send("synthesize-chunk", json!({"text": " ... "}), &[]);
    peer.send("synthesize-stop", json!({}), &[]);
    let events = peer.read_until("synthesize-stopped");
    assert!(sound_of(&events[..events.len() - 1], 24_000).is_empty());
    assert_eq!(a.requests().len(), 2);
}

/// The player has been told the rate of the first sentence, and the step that spoke it has failed since.
#[test]
fn a_sentence_from_another_step_keeps_the_rate() {
    let sound = samples(1600);
    let (a, b) = (
        Upstream::always(Script::json(500, "{}")),
        Upstream::always(pcm(&sound)),
    );
    a.then(pcm(&sound));
    let gateway = start(&a, &b);
    let mut peer = peer_of(&gateway);
    peer.send("synthesize-start", json!({}), &[]);
    let text = "The first sentence is here. The second as well.";
    peer.send("synthesize-chunk", json!({"text": text}), &[]);
    peer.send("synthesize-stop", json!({}), &[]);
    let events = peer.read_until("audio-stop");
    // The second is spoken at 16 kHz, and 1,600 samples of that are 2,400 at 24 kHz.
    let spoken = sound_of(&events, 24_000).len() / 2;
    assert!((3995..=4000).contains(&spoken), "{spoken}");
    assert_eq!(peer.read().unwrap().kind, "synthesize-stopped");
}

/// Providers take some 4,000 characters at a time.
#[test]
fn a_long_text_is_spoken_in_parts() {
    let a = Upstream::always(pcm(&samples(100)));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    let text = "This sentence is said again and again. ".repeat(200);
    peer.send("synthesize", speak(text.trim()), &[]);
    assert_eq!(
        sound_of(&peer.read_until("audio-stop"), 24_000).len(),
        200 * 200
    );
    assert_eq!(a.requests().len(), 200);
}

#[test]
fn a_fault_in_the_middle_is_told_and_ends_the_connection() {
    let sound = samples(3000);
    let a = Upstream::always(pcm(&sound).cut_after(4000));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    peer.send("synthesize", speak("It breaks."), &[]);
    let events = peer.read_until("error");
    assert_eq!(events[0].kind, "audio-start");
    assert!(events.iter().all(|event| event.kind != "audio-stop"));
    assert_eq!(peer.read(), None);
}

#[test]
fn a_hang_up_in_the_middle_ends_the_call_to_the_provider() {
    let never = Signal::new();
    let head = Script::head(
        200,
        &[
            ("Content-Type", "audio/pcm"),
            ("Transfer-Encoding", "chunked"),
        ],
    );
    let a = Upstream::always(head.chunk(samples(3000)).await_signal(&never).last_chunk());
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    peer.send("synthesize", speak("A long story."), &[]);
    assert_eq!(peer.read().unwrap().kind, "audio-start");
    drop(peer);
    a.wait_for_abandonment(0);
}

#[test]
fn a_service_without_a_route_says_so() {
    let a = Upstream::always(pcm(&samples(100)));
    let gateway = Config::new()
        .with("wyoming: {listen: '127.0.0.1:0', stt: r}")
        .provider("a", &a)
        .route("r", [Step::new("a", "m")])
        .start();
    let mut peer = peer_of(&gateway);
    peer.send("describe", json!({}), &[]);
    assert_eq!(peer.read().unwrap().data["tts"], json!([]));
    peer.send("synthesize", speak("Hello there."), &[]);
    assert_eq!(code_of_error(&mut peer), "NOT_FOUND");
    assert!(a.requests().is_empty());
    let gateway = config_with(&a, &a, "").start();
    assert!(peer_of(&gateway).ping());
}
