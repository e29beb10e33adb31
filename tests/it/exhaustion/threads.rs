//! No threads left.

use rustix::process::geteuid;

use super::{config, serves};
use crate::support::gateway::chat;
use crate::support::{Connection, Script, Signal, Upstream, openai};

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
