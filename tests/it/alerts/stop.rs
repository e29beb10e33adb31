//! Receivers that hang, and the end of the gateway.

use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;

use super::{config, receiver, wait_for};
use crate::support::process::Folder;
use crate::support::standstill::spent_since;
use crate::support::{PATIENCE, Script, Upstream};

#[test]
fn a_receiver_that_hangs_delays_neither_requests_nor_the_end() {
    let there = Upstream::always(Script::default().silence());
    let upstream = Upstream::saying("fine");
    let mut gateway = config(&there, "", &[("a", &upstream)]).start();
    there.wait_for_requests(1);
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(gateway.ask("r", true).status, 200);
    let stopped = Instant::now();
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    // The call alone would take 10 s.
    let took = spent_since(stopped);
    assert!(took < Duration::from_secs(7), "{took:?}");
}

/// Systemd starts a gateway again that the kernel had killed, and nobody would notice.
#[test]
fn a_start_tells_how_the_process_before_it_ended() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let config = config(&there, "events: [started]", &[("a", &upstream)]);
    let config = config.with(&format!("state_file: {}", state.display()));
    for (count, (signal, before)) in [
        (Kill::TERM, ")"),
        (Kill::KILL, "; the one before it was stopped"),
        (Kill::TERM, "killed or crashed, or the machine went down"),
        (Kill::TERM, "; the one before it was stopped"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut gateway = config.start();
        let requests = there.wait_for_requests(count + 1);
        let text = requests[count].json()["text"].clone();
        assert!(text.as_str().unwrap().ends_with(before), "{text}");
        if signal == Kill::KILL {
            let until = Instant::now() + PATIENCE;
            while !std::fs::read_to_string(&state)
                .unwrap()
                .contains("\"running\"")
            {
                assert!(Instant::now() < until, "the start is not written down");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        gateway.signal(signal);
        gateway.wait();
    }
}

#[test]
fn what_waits_is_sent_before_the_end() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    there.then(Script::body(503, &[("Retry-After", "300")], "later"));
    let mut gateway = config(&there, "events: [started]", &[("a", &upstream)]).start();
    there.wait_for_requests(1);
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    assert_eq!(there.requests().len(), 2);
    wait_for(&there, "started", "began");
}
