//! A server that runs out of descriptors. The limit is the process's, so the server gets a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{PATIENCE, Running};

const ROLE: &str = "EDGE_TEST_WITH_FEW_DESCRIPTORS";

struct Poor {
    child: Child,
    address: SocketAddr,
}

impl Poor {
    /// This very test, run again as a server that may have 48 descriptors.
    fn start(test: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n 48; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ROLE, "server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().split("serving ").nth(1)?.parse().ok());
        // Its later output is read and dropped, so that it never waits for room.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.expect("an address"),
        }
    }

    fn get(&self, path: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may have been turned away already; reading tells.
        let _ = write!(socket, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        socket
    }

    fn is_well(&self) -> bool {
        answered(&mut self.get("/health"))
    }
}

impl Drop for Poor {
    fn drop(&mut self) {
        // It stops when its input ends.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn answered(socket: &mut TcpStream) -> bool {
    let mut start = [0; 12];
    socket.read_exact(&mut start).is_ok() && &start == b"HTTP/1.1 200"
}

/// In the child: serves until told to end. `false` in the parent.
fn was_the_server() -> bool {
    if std::env::var_os(ROLE).is_none() {
        return false;
    }
    let server = Running::start(|_| {});
    // The server has let in no more clients than it has descriptors for. Something else in the process takes some.
    let _taken: Vec<File> = (0..30)
        .map_while(|_| File::open("/dev/null").ok())
        .collect();
    println!("serving {}", server.address);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    true
}

#[test]
fn idle_connections_make_room_when_no_descriptor_is_left() {
    if was_the_server() {
        return;
    }
    let server = Poor::start(
        "http::tests::descriptors::idle_connections_make_room_when_no_descriptor_is_left",
    );
    let mut kept = Vec::new();
    for index in 0..200 {
        let mut socket = server.get("/health");
        assert!(answered(&mut socket), "client {index}");
        kept.push(socket);
    }
}

#[test]
fn a_server_without_descriptors_turns_clients_away_and_recovers() {
    if was_the_server() {
        return;
    }
    let server = Poor::start(
        "http::tests::descriptors::a_server_without_descriptors_turns_clients_away_and_recovers",
    );
    let mut held: Vec<TcpStream> = (0..100).map(|_| server.get("/watch")).collect();
    // All that cannot be served are told by an end, not left waiting.
    let mut turned_away = 0;
    for socket in held.iter_mut().rev().take(50) {
        let ended = matches!(socket.read(&mut [0]), Ok(0) | Err(_));
        turned_away += usize::from(ended);
    }
    assert_eq!(turned_away, 50);
    drop(held);
    let since = Instant::now();
    while !server.is_well() {
        assert!(
            since.elapsed() < Duration::from_secs(5),
            "it did not recover"
        );
    }
}
