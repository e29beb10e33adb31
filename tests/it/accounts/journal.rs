//! The journal of what clients have used: a restart, a crash and a full disk cost what the documents say, and no more.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal as Kill, prlimit};

use super::*;

/// The time that a crash may cost by the documents (250 ms), and the delay of a thread on a machine that is busy.
const LOST: Duration = Duration::from_millis(250 + 750);

/// Would break for whoever restarts the gateway: the day's limit would begin anew.
#[test]
fn what_was_used_outlives_the_process() {
    let upstream = Upstream::saying("fine");
    let folder = Folder::new();
    let file = folder.path().join("accounts.jsonl");
    let place = format!("accounts_file: {}", file.display());
    let config = gateway(&upstream, "limits: {requests: 3/day}", &[&place]);
    let body = openai::request("r", false);
    let mut running = config.start();
    assert_eq!(ask(&running, HOME, &body).status, 200);
    assert_eq!(ask(&running, HOME, &body).status, 200);
    // The journal is behind by a quarter of a second at most.
    let is_written = || std::fs::read_to_string(&file).is_ok_and(|text| text.contains("home"));
    while !is_written() {
        thread::yield_now();
    }
    running.signal(Kill::TERM);
    running.wait();
    let running = config.start();
    assert_eq!(ask(&running, HOME, &body).status, 200);
    let refused = ask(&running, HOME, &body);
    assert_eq!(code(&refused), "CLIENT_LIMIT", "{refused}");
    // A lower limit holds at once, and nothing is forgotten by it.
    running.rewrite(&gateway(&upstream, "limits: {requests: 1/day}", &[&place]).text());
    running.signal(Kill::HUP);
    running.wait_for_log(|line| line["msg"] == "reloaded");
    let refused = ask(&running, HOME, &body);
    assert_eq!(refused.json()["error"]["details"]["used"], 3, "{refused}");
}

/// What was answered is in the sums after a crash, but for the last moment; and nothing is in them that was not asked for.
#[test]
fn a_crash_under_load_costs_a_moment() {
    let upstream = Upstream::saying("fine");
    let folder = Folder::new();
    let place = format!(
        "accounts_file: {}",
        folder.path().join("accounts.jsonl").display()
    );
    let config = gateway(&upstream, "limits: {requests: 100000/day}", &[&place]);
    let mut running = config.start();
    let body = openai::request("r", false);
    let bytes = anonymous(
        "POST",
        "/v1/chat/completions",
        &[("X-Api-Key", HOME)],
        &body,
    );
    let (answered, over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let killed = thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = running.connect();
                while !over.load(Ordering::Relaxed) {
                    if connection.try_send(&bytes).is_err() {
                        return;
                    }
                    match connection.response_or_reset() {
                        Some(answer) if answer.status == 200 => {
                            answered.lock().unwrap().push(Instant::now());
                        }
                        _ => return,
                    }
                }
            });
        }
        // There is load before the moment that may be lost, and in it.
        let begun = Instant::now();
        let is_old = || {
            let first = answered.lock().unwrap().first().copied();
            first.is_some_and(|first| first.elapsed() > LOST + LOST)
        };
        while !is_old() {
            assert!(begun.elapsed() < PATIENCE + PATIENCE);
            thread::sleep(Duration::from_millis(5));
        }
        running.signal(Kill::KILL);
        let killed = Instant::now();
        over.store(true, Ordering::Relaxed);
        killed
    });
    running.wait();
    let certain = answered
        .lock()
        .unwrap()
        .iter()
        .filter(|at| **at + LOST < killed)
        .count();
    let asked = upstream.requests().len();
    drop(running);
    let running = config.start();
    let report = usage(&running, HOME, "").json();
    let kept = report["limits"][0]["used"].as_u64().unwrap();
    assert!(certain > 0);
    assert!(
        (certain as u64..=asked as u64).contains(&kept),
        "{kept} of {certain} that are certain and {asked} that were asked"
    );
    assert_eq!(report["limits"][0]["reserved"], 0, "{report}");
    assert_eq!(report["months"][0]["requests"], kept, "{report}");
}

/// A file that may not grow is as a full disk is. What was counted meanwhile is written when there is room again, though
/// nobody asks any more.
#[test]
fn a_full_disk_costs_one_warning_and_no_count() {
    let upstream = Upstream::saying("fine");
    let folder = Folder::new();
    let file = folder.path().join("accounts.jsonl");
    let place = format!("accounts_file: {}", file.display());
    let config = gateway(&upstream, "limits: {requests: 3/day}", &[&place]);
    let running = config.start_behind("trap '' XFSZ; ulimit -S -f 0; exec \"$@\"");
    let body = openai::request("r", false);
    let warning = "the usage of clients cannot be written; counting goes on";
    assert_eq!(ask(&running, HOME, &body).status, 200);
    let line = running.wait_for_log(|line| line["msg"] == warning);
    assert_eq!(line["level"], "warn", "{line}");
    for status in [200, 200, 429, 429] {
        assert_eq!(ask(&running, HOME, &body).status, status);
    }
    settled(&running, HOME, |report| report["limits"][0]["used"] == 3);
    let pid = Pid::from_raw(running.pid().try_into().unwrap());
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(pid, Resource::Fsize, unlimited).unwrap();
    running.wait_for_log(|line| line["msg"] == "the usage of clients can be written again");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"requests\":3"), "{text}");
    let log = running.output.text();
    assert_eq!(log.matches(warning).count(), 1, "{log}");
}
