//! A peer: events as Home Assistant writes and reads them, and whatever else comes over a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::support::{Gateway, PATIENCE};

pub struct Peer {
    socket: BufReader<TcpStream>,
}

#[derive(Debug, PartialEq)]
pub struct Event {
    pub kind: String,
    pub data: Value,
    pub payload: Vec<u8>,
}

/// A peer of the service that this gateway has.
pub fn peer_of(gateway: &Gateway) -> Peer {
    Peer::connect(address_of(gateway))
}

pub fn address_of(gateway: &Gateway) -> SocketAddr {
    let line = gateway.wait_for_log(|line| line["msg"] == "listening for speech");
    line["address"].as_str().unwrap().parse().unwrap()
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("the service listens");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket: BufReader::new(socket),
        }
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        // What the gateway has closed already shows at the next read.
        let _ = self.socket.get_mut().write_all(bytes);
    }

    /// As the `wyoming` package writes it: the data behind the line.
    pub fn send(&mut self, kind: &str, data: Value, payload: &[u8]) {
        let data = data.to_string();
        let line = json!({"type": kind, "version": "1.10.0", "data_length": data.len(), "payload_length": payload.len()});
        self.send_bytes(format!("{line}\n{data}").as_bytes());
        self.send_bytes(payload);
    }

    /// The next event; `None` at the end.
    pub fn read(&mut self) -> Option<Event> {
        let mut line = String::new();
        let read = self.socket.read_line(&mut line);
        if !read.is_ok_and(|read| read > 0) {
            return None;
        }
        let line: Value = serde_json::from_str(&line).expect("a line of JSON");
        let mut part = |name| {
            let length = line[name].as_u64().unwrap_or_default();
            let mut bytes = vec![0; length as usize];
            self.socket.read_exact(&mut bytes).expect("all of it");
            bytes
        };
        let data = part("data_length");
        let payload = part("payload_length");
        Some(Event {
            kind: line["type"].as_str().expect("a type").to_owned(),
            data: match data.is_empty() {
                true => Value::Null,
                false => serde_json::from_slice(&data).expect("JSON"),
            },
            payload,
        })
    }

    /// The events up to one of this kind, and that one.
    pub fn read_until(&mut self, kind: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.read();
            let event = event.unwrap_or_else(|| panic!("the end instead of {kind}: {events:?}"));
            let is_last = event.kind == kind;
            events.push(event);
            if is_last {
                return events;
            }
        }
    }

    /// The sound of the next events, in as many as it came in.
    pub fn read_sound(&mut self, length: usize) -> Vec<u8> {
        let mut sound = Vec::new();
        while sound.len() < length {
            let event = self.read().expect("more sound");
            assert_eq!(event.kind, "audio-chunk", "after {} bytes", sound.len());
            sound.extend(event.payload);
        }
        sound
    }

    /// A recording as Home Assistant sends it.
    pub fn record(&mut self, language: &str, sound: &[u8]) {
        let form = json!({"rate": 16000, "width": 2, "channels": 1});
        self.send("transcribe", json!({"language": language}), &[]);
        self.send("audio-start", form.clone(), &[]);
        for chunk in sound.chunks(2048) {
            self.send("audio-chunk", form.clone(), chunk);
        }
        self.send("audio-stop", json!({}), &[]);
    }

    pub fn ping(&mut self) -> bool {
        self.send("ping", json!({"text": "p"}), &[]);
        self.read()
            .is_some_and(|event| event.kind == "pong" && event.data["text"] == "p")
    }

    pub fn half_close(&self) {
        self.socket.get_ref().shutdown(Shutdown::Write).unwrap();
    }
}
