//! Impostors, which answer and are no such server: garbage, texts without an end, bytes that drip, silence.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::*;
use crate::config::SharedAddress;

/// A server that does something with each connection.
fn impostor(act: impl Fn(TcpStream) + Send + 'static) -> Shared {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            act(stream);
        }
    });
    let address = SharedAddress::Tcp {
        host: "127.0.0.1".to_owned(),
        port,
        tls: false,
    };
    Shared {
        timeout: Duration::from_millis(300),
        ..shared(SharedServer {
            address,
            user: None,
            password: None,
            database: 0,
        })
    }
}

/// Reads once, and then sends the same again and again until nobody reads it any more.
fn endless(mut stream: TcpStream, head: &[u8], piece: &[u8]) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.set_write_timeout(Some(PATIENCE));
    if stream.write_all(head).is_ok() {
        while stream.write_all(piece).is_ok() {}
    }
}

#[test]
fn each_is_away_with_a_reason_and_in_time() {
    let silent = |stream: TcpStream| {
        let _ = (&stream).read(&mut [0; 65536]);
        let _ = (&stream).read(&mut [0; 65536]);
    };
    let dripping = |mut stream: TcpStream| {
        while stream.write_all(b"+").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    };
    let moved = |mut stream: TcpStream| {
        let moved = b"-MOVED 3999 10.0.0.1:6381\r\n".repeat(4);
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&moved);
        let _ = stream.read(&mut [0; 4096]);
    };
    type Act = Box<dyn Fn(TcpStream) + Send>;
    let cases: [(&str, Act, &str, &str); 8] = [
        (
            "garbage",
            Box::new(|stream| endless(stream, b"\0\xff", b"\0")),
            "protocol",
            "not of Redis's protocol",
        ),
        (
            "web",
            Box::new(|stream| endless(stream, b"HTTP/1.1 400 Bad Request\r\n", b"x")),
            "protocol",
            "protocol",
        ),
        (
            "1 GB",
            Box::new(|stream| endless(stream, b"$1073741824\r\n", &[b'x'; 65536])),
            "protocol",
            "longer",
        ),
        (
            "line",
            Box::new(|stream| endless(stream, b"+", &[b'x'; 65536])),
            "protocol",
            "longer",
        ),
        ("silence", Box::new(silent), "timeout", "in time"),
        ("drip", Box::new(dripping), "protocol", "longer"),
        ("gone", Box::new(drop), "closed", ""),
        ("cluster", Box::new(moved), "refused", "cluster"),
    ];
    for (name, act, kind, words) in cases {
        let fake = Arc::new(Fake::default());
        let of_link: Arc<dyn Replica> = Arc::<Fake>::clone(&fake);
        let link = Link::start(&impostor(act), of_link).unwrap();
        fake.wait(name, |told| told.interrupted > 0);
        let stats = link.stats();
        let fault = stats.fault.unwrap_or_default();
        // Of bytes that drip either comes first: too long a line, or the end of the time.
        let kinds = if name == "drip" {
            &["protocol", "timeout"][..]
        } else {
            &[kind][..]
        };
        let counted = stats
            .errors
            .iter()
            .any(|(of, count)| kinds.contains(of) && *count > 0);
        assert!(counted, "{name}: {fault} {:?}", stats.errors);
        assert!(name == "drip" || fault.contains(words), "{name}: {fault}");
        assert!(!stats.up && lock(&fake.told).exchanges == 0);
        assert!(matches!(
            lock(&fake.told).sharing,
            Some(Sharing::Split { replicas: 1 })
        ));
    }
}
