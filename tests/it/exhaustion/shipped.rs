//! The limits of the shipped unit and the shipped compose file, with the built-in settings of everything else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use super::{config, connections};
use crate::support::control_group::ControlGroup;
use crate::support::gateway::{chat, head};
use crate::support::process::raise_descriptor_limit;
use crate::support::{Gateway, PATIENCE, Script, Signal, Upstream, openai};

const UNIT: &str = include_str!("../../../systemd/ai-gateway.service");
const COMPOSE: &str = include_str!("../../../docker-compose.yml");
const MIB: usize = 1 << 20;

/// The number behind a word of a file, with the factor of its unit.
fn limit(file: &str, word: &str) -> usize {
    let mut lines = file.lines().map(str::trim);
    let value = lines.find_map(|line| line.strip_prefix(word)).unwrap();
    match value.trim().strip_suffix(['m', 'M']) {
        Some(megabytes) => megabytes.parse::<usize>().unwrap() * MIB,
        None => value.trim().parse().unwrap(),
    }
}

/// A gateway that has so much memory, in a control group where one can be made.
struct Limited {
    gateway: Gateway,
    group: Option<ControlGroup>,
    memory: usize,
}

impl Limited {
    fn new(upstream: &Upstream, memory: usize) -> Self {
        let group = ControlGroup::of_memory(memory);
        let config = config(upstream);
        let gateway = match &group {
            Some(group) => config.start_behind(&group.entering()),
            None => config
                .server(&format!("body_memory: {}", memory / 3))
                .start_behind("exec \"$@\""),
        };
        assert_eq!(gateway.ask("r", false).status, 200);
        Self {
            gateway,
            group,
            memory,
        }
    }

    /// It lives, and did not come near its limit.
    fn holds(&self) {
        assert!(self.gateway.is_healthy());
        let peak = self.gateway.peak_memory();
        println!("peak {} of {} KiB", peak >> 10, self.memory >> 10);
        assert!(peak < self.memory, "{peak} of {}", self.memory);
        let killed = self.group.as_ref().map_or(0, ControlGroup::killed);
        assert_eq!(killed, 0);
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // The group can go when nobody is in it.
        self.gateway.signal(rustix::process::Signal::KILL);
        self.gateway.wait();
    }
}

fn of_size(bytes: usize) -> Vec<u8> {
    chat(&openai::request("r", false).replace("\"hi\"", &format!("\"{}\"", "x".repeat(bytes))))
}

/// One picture of a phone ended the container: the body was in memory twice.
#[test]
fn a_request_and_an_answer_of_20_mib_fit_the_container() {
    let large = openai::answer(&"x".repeat(20 * MIB));
    let upstream = Upstream::answering(move |request| {
        if request.text().contains("much") {
            Script::json(200, &large)
        } else {
            request.answer("fine")
        }
    });
    let container = Limited::new(&upstream, limit(COMPOSE, "mem_limit:"));
    let (idle, _) = container.gateway.memory_and_threads();
    assert_eq!(container.gateway.exchange(of_size(20 * MIB)).status, 200);
    let much = openai::request("r", false).replace(r#""hi""#, r#""much""#);
    let answer = container.gateway.exchange(chat(&much));
    assert!(
        answer.status == 200 && answer.body.len() > 20 * MIB,
        "{}",
        answer.status
    );
    let grown = container.gateway.peak_memory() - idle;
    assert!(grown <= 23 * MIB + 2 * MIB, "grown by {} KiB", grown >> 10);
    let length = [("Content-Length", "30000000")];
    let announced = head("POST", "/v1/chat/completions", &length);
    let too_large = container.gateway.exchange(announced);
    assert_eq!(too_large.status, 413, "{too_large}");
    container.holds();
    let (settled, _) = container.gateway.memory_and_threads();
    assert!(settled < idle + 4 * MIB, "{} KiB stay", settled >> 10);
}

/// The status of an answer; `None` if the connection was reset before it could be read.
fn status_of(gateway: &Gateway, request: &[u8]) -> Option<u16> {
    let mut socket = TcpStream::connect(gateway.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // Who is refused early may find nobody who reads the rest; the answer is there all the same.
    let _ = socket.write_all(request);
    let mut start = [0; "HTTP/1.1 200".len()];
    socket.read_exact(&mut start).ok()?;
    std::str::from_utf8(&start[9..]).unwrap().parse().ok()
}

/// Nine of them had 545 MB of the 256 that there are.
#[test]
fn requests_of_30_mb_at_once_stay_within_the_unit() {
    let upstream = Upstream::saying("fine");
    let unit = Limited::new(&upstream, limit(UNIT, "MemoryMax="));
    let request = of_size(30_000_000);
    let statuses: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..9)
            .map(|_| scope.spawn(|| status_of(&unit.gateway, &request)))
            .collect();
        let asking = asking.into_iter();
        asking.map(|asking| asking.join().unwrap()).collect()
    });
    println!("{statuses:?}");
    assert!(statuses.contains(&Some(200)), "{statuses:?}");
    let known = [Some(200), Some(503), None];
    assert!(
        statuses.iter().all(|status| known.contains(status)),
        "{statuses:?}"
    );
    unit.holds();
    assert_eq!(
        status_of(&unit.gateway, &request),
        Some(200),
        "the budget is free again"
    );
}

/// 744 of 1,000 were told to come back, where nginx serves all.
#[test]
fn a_thousand_slow_requests_at_once_are_all_served() {
    raise_descriptor_limit();
    for (file, tasks, memory) in [
        (UNIT, "TasksMax=", "MemoryMax="),
        (COMPOSE, "pids_limit:", "mem_limit:"),
    ] {
        let tasks = limit(file, tasks);
        assert!(tasks > 1024 + 24, "{tasks}");
        // Without optimization a worker's stack is several times as large.
        if std::env::var_os("AI_GATEWAY_BINARY").is_none() && file == COMPOSE {
            println!("skipped for the container: that takes the release build (AI_GATEWAY_BINARY)");
            continue;
        }
        let go = Signal::new();
        let waiting = go.clone();
        let upstream = Upstream::answering(move |request| {
            if request.text().contains("slow") {
                request.answer("late").after_signal(&waiting)
            } else {
                request.answer("fine")
            }
        });
        let limited = Limited::new(&upstream, limit(file, memory));
        let slow = chat(&openai::request("r", false).replace(r#""hi""#, r#""slow""#));
        let mut crowd = connections(&limited.gateway, 1000);
        for connection in &mut crowd {
            connection.send(&slow);
        }
        upstream.wait_for_requests(1001);
        go.give();
        for connection in &mut crowd {
            let answer = connection.response();
            assert_eq!(answer.status, 200, "{answer}");
        }
        limited.holds();
    }
}
