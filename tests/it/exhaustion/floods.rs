//! More requests than anybody reads answers to.

use std::io::ErrorKind;
use std::time::Duration;

use super::{config, costs_little, health, models, narrow, serves};
use crate::support::Upstream;
use crate::support::gateway::request;

/// 60,000 requests on one connection, and no answer is read. The system's buffers are small at our end: a client with a
/// small one drops packets, and with them the word that it may send on.
fn is_given_up(request: &[u8]) {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .server("write_timeout: 1s")
        .start_on(narrow());
    let flood = request.repeat(60_000);
    costs_little(&gateway, || {
        let mut connection = gateway.connect();
        let patience = Duration::from_millis(500);
        connection
            .socket()
            .set_write_timeout(Some(patience))
            .unwrap();
        // It takes no more when its answers are not taken: that, or it ends the connection.
        let stopped = connection.try_send(&flood).map_err(|error| error.kind());
        println!("stopped: {stopped:?}");
        assert!(stopped.is_err(), "it took everything");
        serves(&gateway);
        if stopped == Err(ErrorKind::WouldBlock) {
            connection.wait_for_reset();
        }
    });
    serves(&gateway);
}

/// A request with so much in it that the system's buffers do not hold them all.
fn padded(path: &str) -> Vec<u8> {
    request("GET", path, &[("X-Padding", &"x".repeat(500))], "")
}

#[test]
fn a_flood_of_requests_for_workers_is_given_up() {
    is_given_up(&padded("/v1/models"));
}

#[test]
fn a_flood_of_health_checks_is_given_up() {
    is_given_up(&padded("/health"));
}

/// No request of the flood was lost where the answers are read.
#[test]
fn a_flood_whose_answers_are_read_is_answered_whole() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    costs_little(&gateway, || {
        let mut connection = gateway.connect();
        let mut writer = connection.socket().try_clone().unwrap();
        let flood = [health(), models()].concat().repeat(2_000);
        let writing = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &flood));
        for _ in 0..4_000 {
            assert_eq!(connection.response().status, 200);
        }
        writing.join().unwrap().unwrap();
    });
}
