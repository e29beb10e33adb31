//! Who may come in, how much of it, and what ends it.

use serde_json::json;

use super::peer::{Peer, address_of};
use super::{code_of_error, config_with, pcm, peer_of, samples, start, transcript};
use crate::support::gateway::anonymous;
use crate::support::signal::Signal as Event;
use crate::support::{Config, Step, Upstream};
use rustix::process::Signal;

/// Port scanners, browsers and worse find an open port within the hour.
#[test]
fn what_is_no_event_closes_the_connection() {
    let a = Upstream::always(transcript("x"));
    let gateway = start(&a, &a);
    let long_line = [b"{\"type\":\"".as_slice(), &[b'x'; 70_000], b"\"}\n"].concat();
    let endless = vec![b' '; 66 * 1024 + 20_000];
    for hostile in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\n",
        b"{}\n",
        b"[1]\n",
        b"{\"type\":\"ping\",\"data_length\":2000000}\n",
        b"{\"type\":\"ping\",\"payload_length\":2000000}\n",
        b"{\"type\":\"ping\",\"data_length\":-1}\n",
        b"{\"type\":\"ping\",\"data_length\":2}\n[]",
        b"{\"type\":\"ping\",\"data_length\":4}\nnull",
        &long_line,
        &endless,
    ] {
        let mut peer = peer_of(&gateway);
        peer.send_bytes(hostile);
        assert_eq!(
            peer.read(),
            None,
            "{}",
            String::from_utf8_lossy(&hostile[..hostile.len().min(60)])
        );
    }
    let mut peer = peer_of(&gateway);
    peer.send("no-such-event", json!({"text": "x"}), &[1, 2, 3]);
    // Data in the line, data behind it, and what is behind counts.
    peer.send_bytes(
        b"{\"type\":\"ping\",\"data\":{\"text\":\"old\"},\"data_length\":12}\n{\"text\":\"p\"}",
    );
    assert_eq!(peer.read().unwrap().data["text"], "p");
    assert!(peer.ping());
    assert!(a.requests().is_empty());
}

#[test]
fn a_sound_that_none_is_is_refused() {
    let a = Upstream::always(transcript("x"));
    let gateway = start(&a, &a);
    for form in [
        json!({}),
        json!({"rate": 0, "width": 2, "channels": 1}),
        json!({"rate": 16000, "width": 99, "channels": 1}),
    ] {
        let mut peer = peer_of(&gateway);
        peer.send("audio-start", form, &[]);
        assert_eq!(code_of_error(&mut peer), "VALIDATION_FAILED");
    }
}

#[test]
fn a_recording_is_no_longer_than_an_upload() {
    let a = Upstream::always(transcript("x"));
    let gateway = config_with(&a, &a, "").server("max_upload: 64KiB").start();
    let mut peer = peer_of(&gateway);
    peer.record("en", &samples(20_000));
    assert_eq!(peer.read().unwrap().data["text"], "x", "40,000 bytes");
    peer.record("en", &samples(40_000));
    assert_eq!(code_of_error(&mut peer), "BODY_TOO_LARGE");
    assert_eq!(a.requests().len(), 1);
}

#[test]
fn recordings_share_the_memory_of_bodies() {
    let a = Upstream::always(transcript("x"));
    let gateway = config_with(&a, &a, "").server("body_memory: 1MiB").start();
    let mut peer = peer_of(&gateway);
    let form = json!({"rate": 16000, "width": 2, "channels": 1});
    peer.send("audio-start", form.clone(), &[]);
    let mut others: Vec<Peer> = (0..2).map(|_| peer_of(&gateway)).collect();
    for other in &mut others {
        other.send("audio-chunk", form.clone(), &samples(200_000));
        assert!(other.ping());
    }
    peer.send("audio-chunk", form.clone(), &samples(200_000));
    assert_eq!(peer.read(), None, "no room for the event");
    drop(others);
    // It is given back.
    let until = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        let mut peer = peer_of(&gateway);
        peer.send("audio-chunk", form.clone(), &samples(200_000));
        if peer.ping() {
            break;
        }
        assert!(std::time::Instant::now() < until);
    }
}

#[test]
fn there_are_so_many_connections_and_no_more() {
    let a = Upstream::always(transcript("x"));
    let gateway = start(&a, &a);
    let address = address_of(&gateway);
    let mut peers: Vec<Peer> = (0..64).map(|_| Peer::connect(address)).collect();
    assert!(peers.iter_mut().all(Peer::ping));
    assert!(!Peer::connect(address).ping());
    gateway.wait_for_log(|line| line["msg"] == "wyoming: too many connections");
    peers.pop();
    let until = std::time::Instant::now() + crate::support::PATIENCE;
    while !Peer::connect(address).ping() {
        assert!(
            std::time::Instant::now() < until,
            "the place is not free again"
        );
    }
}

#[test]
fn peers_from_elsewhere_are_turned_away() {
    let a = Upstream::always(transcript("x"));
    let gateway = config_with(&a, &a, ", networks: [192.0.2.0/24]").start();
    assert!(!peer_of(&gateway).ping());
    let line =
        gateway.wait_for_log(|line| line["msg"] == "wyoming: the peer is in none of `networks`");
    assert_eq!(line["address"], "127.0.0.1");
}

/// Its account is one like any other, and its key is no other's.
#[test]
fn the_callers_are_one_client_with_limits() {
    let a = Upstream::always(pcm(&samples(100)));
    let gateway = config_with(&a, &a, ", limits: {requests: 2/day}").start();
    let mut peer = peer_of(&gateway);
    for _ in 0..2 {
        peer.send("synthesize", json!({"text": "Hello there."}), &[]);
        peer.read_until("audio-stop");
    }
    peer.send("synthesize", json!({"text": "Hello there."}), &[]);
    assert_eq!(code_of_error(&mut peer), "CLIENT_LIMIT");
    assert_eq!(a.requests().len(), 2);
    let usage = gateway.get("/v1/usage?client=*");
    assert!(usage.text().contains("\"wyoming\""), "{usage}");
    for key in ["wyoming", ""] {
        let fields = [("Authorization", format!("Bearer {key}"))];
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = gateway.exchange(anonymous("GET", "/v1/models", &fields, ""));
        assert_eq!(answer.status, 401);
    }
}

/// The key changes with each reading of the file, and who may come in with it.
#[test]
fn a_reload_is_heeded_by_those_who_are_connected() {
    let a = Upstream::always(transcript("x"));
    let config = config_with(&a, &a, "");
    let gateway = config.start();
    let mut peer = peer_of(&gateway);
    gateway.rewrite(&config.text());
    gateway.signal(Signal::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    peer.record("en", &samples(4000));
    assert_eq!(peer.read().unwrap().data["text"], "x");
    let elsewhere = config_with(&a, &a, ", networks: [192.0.2.0/24]").text();
    gateway.rewrite(&elsewhere.replace("127.0.0.1:0', stt", "127.0.0.2:0', stt"));
    gateway.signal(Signal::HUP);
    let line = gateway.wait_for_log(|line| line["msg"] == "takes effect with a restart");
    assert_eq!(line["settings"], "wyoming.listen");
    assert!(!peer.ping(), "it is a stranger now");
}

/// A step takes its time while the process is told to end.
#[test]
fn the_end_waits_for_an_answer_and_for_no_one_who_is_silent() {
    let go = Event::new();
    let a = Upstream::always(transcript("at last").after_signal(&go));
    let mut gateway = start(&a, &a);
    let (mut idle, mut busy) = (peer_of(&gateway), peer_of(&gateway));
    assert!(idle.ping());
    busy.record("en", &samples(4000));
    a.wait_for_requests(1);
    gateway.signal(Signal::TERM);
    assert_eq!(idle.read(), None);
    go.give();
    assert_eq!(busy.read().unwrap().data["text"], "at last");
    assert_eq!(busy.read(), None);
    assert_eq!(gateway.wait(), Some(0));
}

#[test]
fn nothing_of_it_is_there_where_it_is_not_configured() {
    let a = Upstream::always(transcript("x"));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [Step::new("a", "m")])
        .start();
    assert!(gateway.is_healthy());
    assert!(!gateway.output.text().contains("speech"));
    let usage = gateway.get("/v1/usage?client=*");
    assert!(!usage.text().contains("wyoming"));
}
