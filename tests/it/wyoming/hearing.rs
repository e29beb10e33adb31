//! Speech to text.

use serde_json::json;

use super::{code_of_error, config_with, peer_of, samples, start, transcript};
use crate::support::{Script, Signal, Upstream};

/// Home Assistant reads each of these members.
#[test]
fn what_there_is_is_told() {
    let a = Upstream::always(transcript("x"));
    let gateway = config_with(&a, &a, ", languages: [de, en], voices: [nova], name: House").start();
    let mut peer = peer_of(&gateway);
    peer.send("describe", json!({}), &[]);
    let info = peer.read().unwrap();
    assert_eq!(info.kind, "info");
    let (asr, tts) = (&info.data["asr"][0], &info.data["tts"][0]);
    for artifact in [asr, tts, &asr["models"][0], &tts["voices"][0]] {
        assert!(artifact["name"].is_string() && artifact["version"].is_string());
        assert!(
            artifact["attribution"]["name"].is_string()
                && artifact["attribution"]["url"].is_string()
        );
        assert_eq!(artifact["installed"], true);
        assert!(artifact["description"].is_string());
    }
    assert_eq!(
        (&asr["name"], &asr["models"][0]["name"]),
        (&json!("House"), &json!("listen"))
    );
    assert_eq!(asr["models"][0]["languages"], json!(["de", "en"]));
    assert_eq!(tts["voices"][0]["name"], "nova");
    assert_eq!(tts["supports_synthesize_streaming"], true);
    for other in ["handle", "intent", "wake", "mic", "snd"] {
        assert_eq!(info.data[other], json!([]));
    }
    assert!(peer.ping());
}

#[test]
fn a_recording_becomes_a_wav_and_its_transcript_an_event() {
    let a = Upstream::always(transcript(" Turn on the \"light\". "));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    let sound = samples(8000);
    // Twice on a connection: nothing of the first is left.
    for _ in 0..2 {
        peer.record("de-CH", &sound);
        let event = peer.read().unwrap();
        assert_eq!(event.kind, "transcript");
        assert_eq!(
            event.data,
            json!({"text": "Turn on the \"light\".", "language": "de"})
        );
    }
    let requests = a.requests();
    assert_eq!(requests.len(), 2);
    let request = &requests[1];
    assert_eq!(
        request.head.first_line,
        "POST /v1/audio/transcriptions HTTP/1.1"
    );
    assert_eq!(request.part("model"), b"model-a");
    assert_eq!(request.part("language"), b"de");
    assert_eq!(request.part("response_format"), b"json");
    let wav = request.part("file");
    assert_eq!(&wav[..4], b"RIFF");
    assert_eq!(u32::from_le_bytes(wav[24..28].try_into().unwrap()), 16_000);
    assert_eq!(u32::from_le_bytes(wav[40..44].try_into().unwrap()), 16_000);
    assert_eq!(wav[44..], sound);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["client"], &line["route"]),
        (&json!("wyoming"), &json!("listen"))
    );
}

/// No provider charges for a click.
#[test]
fn silence_is_an_empty_transcript_without_a_call() {
    let a = Upstream::always(transcript("Thank you for watching."));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    for sound in [samples(0), samples(1599)] {
        peer.record("en", &sound);
        let event = peer.read().unwrap();
        assert_eq!(event.data, json!({"text": "", "language": "en"}));
    }
    peer.send("audio-stop", json!({}), &[]);
    assert_eq!(peer.read().unwrap().data, json!({"text": ""}));
    assert!(a.requests().is_empty());
    peer.record("en", &samples(1600));
    assert_eq!(peer.read().unwrap().data["text"], "Thank you for watching.");
}

/// Some satellites name the form with each piece and nowhere else.
#[test]
fn a_recording_begins_with_its_start_or_its_sound_and_half_a_close_is_no_hang_up() {
    let a = Upstream::always(transcript("yes"));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    let form = json!({"rate": 22050, "width": 2, "channels": 2});
    let mut sound = samples(20_000);
    sound.push(7);
    // One that was given up is no part of it.
    peer.send("audio-chunk", form.clone(), &samples(9000));
    peer.send("audio-start", form.clone(), &[]);
    peer.send("audio-chunk", form, &sound);
    peer.send("audio-stop", json!({}), &[]);
    peer.half_close();
    assert_eq!(peer.read().unwrap().data, json!({"text": "yes"}));
    let wav = a.request().part("file");
    assert_eq!(u32::from_le_bytes(wav[24..28].try_into().unwrap()), 22_050);
    assert_eq!(wav.len(), 44 + 40_000, "half a sample is none");
}

#[test]
fn the_next_step_listens_where_the_first_fails() {
    for fault in [
        Script::json(500, "{}"),
        Script::json(429, r#"{"error":{"message":"slow down"}}"#),
        transcript("x").cut_after(60),
        Script::json(200, r#"{"error":{"message":"busy"}}"#),
    ] {
        let (a, b) = (
            Upstream::always(fault),
            Upstream::always(transcript("heard")),
        );
        let gateway = start(&a, &b);
        let mut peer = peer_of(&gateway);
        peer.record("en", &samples(4000));
        assert_eq!(peer.read().unwrap().data["text"], "heard");
        assert_eq!(b.request().part("model"), b"model-b");
    }
}

#[test]
fn a_peer_is_told_why_there_is_no_transcript() {
    let a = Upstream::always(Script::json(500, r#"{"error":{"message":"melted"}}"#));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    peer.record("en", &samples(4000));
    assert_eq!(code_of_error(&mut peer), "ROUTE_EXECUTION_FAILED");
    assert!(peer_of(&gateway).ping(), "only that connection ended");
}

/// A person who has put the phone away leaves no request behind.
#[test]
fn a_hang_up_ends_the_call_to_the_provider() {
    let never = Signal::new();
    let a = Upstream::always(transcript("x").after_signal(&never));
    let gateway = start(&a, &a);
    let mut peer = peer_of(&gateway);
    peer.record("en", &samples(4000));
    a.wait_for_requests(1);
    drop(peer);
    a.wait_for_abandonment(0);
    assert_eq!(a.requests().len(), 1, "nobody is asked in its place");
}
