//! Whatever clients do to use the gateway up, it stays small and answers the others.

mod crowds;
mod descriptors;
mod edits;
mod endless;
mod floods;
mod shipped;
mod slow;
mod strangers;
mod threads;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use rustix::net::{self, AddressFamily, SocketType};

use crate::support::gateway::request;
use crate::support::standstill::spent_since;
use crate::support::{Config, Connection, Gateway, Upstream};

/// What one attack may cost in memory.
const GROWTH: usize = 4 << 20;

fn config(upstream: &Upstream) -> Config {
    Config::new()
        .provider("a", upstream)
        .route("r", [("a", "model-a")])
}

/// A monitor and a client are served as if nothing was.
fn serves(gateway: &Gateway) {
    let begun = Instant::now();
    assert!(gateway.is_healthy());
    let health = spent_since(begun);
    assert!(health < Duration::from_secs(1), "/health took {health:?}");
    let answer = gateway.ask("r", false);
    assert_eq!(answer.status, 200, "{answer}");
    assert!(answer.spent < Duration::from_secs(2), "{answer}");
}

/// Does this to a gateway that has served already, and fails if it then held much more memory at any time.
fn costs_little<T>(gateway: &Gateway, attack: impl FnOnce() -> T) -> T {
    costs_at_most(GROWTH, gateway, attack)
}

/// The same with another bound (bytes).
fn costs_at_most<T>(most: usize, gateway: &Gateway, attack: impl FnOnce() -> T) -> T {
    for _ in 0..3 {
        serves(gateway);
    }
    let before = gateway.peak_memory();
    let outcome = attack();
    // The system counts in steps, and not always upwards.
    let grown = gateway.peak_memory().saturating_sub(before);
    println!("grown by {} KiB", grown >> 10);
    assert!(grown < most, "grown by {grown} bytes");
    outcome
}

fn connections(gateway: &Gateway, count: usize) -> Vec<Connection> {
    (0..count).map(|_| gateway.connect()).collect()
}

/// A listener whose connections have buffers of a few KiB in the system: what clients leave unread is then with the
/// gateway, as on a network that is slower than loopback.
fn narrow() -> TcpListener {
    let listener = net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    set_socket_send_buffer_size(&listener, 4 << 10).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    net::bind(&listener, &any).unwrap();
    net::listen(&listener, 4096).unwrap();
    listener.into()
}

/// A client for whom the system holds little that it does not read. With much less room than this, the client's system
/// drops packets for want of it, and with them the word that it may send on (32 KiB did, once answers had grown by a field).
fn deaf(gateway: &Gateway) -> Connection {
    let connection = gateway.connect();
    set_socket_recv_buffer_size(connection.socket(), 64 << 10).unwrap();
    connection
}

fn health() -> Vec<u8> {
    request("GET", "/health", &[], "")
}

fn models() -> Vec<u8> {
    request("GET", "/v1/models", &[], "")
}
