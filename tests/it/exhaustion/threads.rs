//! No threads left, and what many of them keep.

use rustix::process::geteuid;

use super::{config, connections, serves};
use crate::support::gateway::chat;
use crate::support::{Connection, Exposition, Script, Signal, Upstream, openai};

/// Threads count by user, so the gateway gets one of its own.
const FEW_THREADS: &str =
    "exec setpriv --reuid 61731 --regid 61731 --clear-groups prlimit --nproc=8 \"$@\"";

#[test]
fn requests_beyond_the_last_thread_are_refused_and_later_ones_served() {
    if !geteuid().is_root() {
        println!("skipped: only root can give the gateway a user of its own");
        return;
    }
    let go = Signal::new();
    let answer = Script::json(200, &openai::answer("fine")).after_signal(&go);
    let upstream = Upstream::always(answer);
    let gateway = config(&upstream).start_behind(FEW_THREADS);
    let mut connections: Vec<Connection> = (0..20).map(|_| gateway.connect()).collect();
    for connection in &mut connections {
        connection.send(chat(&openai::request("r", false)));
    }
    gateway.wait_for_log(|line| {
        let message = line["msg"].as_str().unwrap_or_default();
        message.contains("no thread for another worker")
    });
    assert!(gateway.is_healthy());
    let mut late = gateway.connect();
    late.send(chat(&openai::request("r", false)));
    let refused = late.response();
    assert_eq!(refused.status, 503, "{refused}");
    assert_eq!(refused.header("retry-after"), Some("1"), "{refused}");
    go.give();
    let statuses: Vec<u16> = connections
        .iter_mut()
        .map(|connection| connection.response().status)
        .collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    println!("{served} of 20 served");
    assert!((1..20).contains(&served), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    for _ in 0..20 {
        serves(&gateway);
    }
}

/// The allocator has each thread keep a few pieces of every size that it frees. Workers freed what the front had read for
/// them, wave after wave: a thousand that waited took 34 MB in their eighth wave, and 23 in their first.
#[test]
fn workers_do_not_keep_what_the_front_has_allocated() {
    const WORKERS: usize = 256;
    let waves: [Signal; 8] = Default::default();
    let ends = waves.clone();
    let upstream = Upstream::answering(move |request| {
        let text = request.text();
        let mut numbered = ends.iter().enumerate();
        let of_wave = numbered.find(|(number, _)| text.contains(&format!("wave {number}")));
        request.answer("fine").after_signal(of_wave.unwrap().1)
    });
    let gateway = config(&upstream).start();
    let mut crowd = connections(&gateway, WORKERS);
    let mut held = Vec::new();
    for (number, end) in waves.iter().enumerate() {
        let asked = openai::request("r", false).replace("\"hi\"", &format!("\"wave {number}\""));
        for connection in &mut crowd {
            connection.send(chat(&asked));
        }
        upstream.wait_for_requests((number + 1) * WORKERS);
        held.push(gateway.resident_memory());
        end.give();
        for connection in &mut crowd {
            assert_eq!(connection.response().status, 200);
        }
        // The workers have given their connections back: the front reads the next wave.
        let busy = "ai_gateway_connections{state=\"busy\"}";
        Exposition::once(&gateway, |read| read.value(busy) <= 1.0);
    }
    println!("{held:?}");
    // In the first waves the allocator and the stacks settle.
    let [_, _, third, .., last] = *held else {
        panic!("not enough waves");
    };
    let grown = last.saturating_sub(third);
    assert!(
        grown < 1 << 20,
        "grown by {} KiB in five waves",
        grown >> 10
    );
}
