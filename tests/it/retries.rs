//! A step that is repeated: for what may pass in a moment, within the step's own time.

use std::time::Duration;

use crate::support::client::Response;
use crate::support::{Config, Gateway, Script, Step, Upstream};

/// The first step with these lines, the second one without.
fn start(a: &Upstream, b: &Upstream, lines: &[&str]) -> Gateway {
    let first = lines
        .iter()
        .fold(Step::new("a", "m"), |step, line| step.with(line));
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route("r", [first, Step::new("b", "m")])
        .start()
}

fn via(response: &Response) -> &str {
    response
        .header("x-routed-via")
        .unwrap_or_else(|| panic!("nowhere: {response}"))
}

/// Each attempt is listed, and each pause is longer than the one before: 125 to 250 ms, then 250 to 500 ms.
#[test]
fn a_step_with_retries_is_repeated_after_growing_pauses() {
    for stream in [false, true] {
        let a = Upstream::saying("from a");
        a.then(Script::json(503, "{}"))
            .then(Script::json(500, "{}"));
        let b = Upstream::saying("from b");
        let gateway = start(&a, &b, &["retries: 2"]);
        let response = gateway.ask("r", stream);
        assert_eq!(via(&response), "a/m", "{response}");
        assert_eq!(response.header("x-fallback-count"), Some("0"));
        let statuses: Vec<_> = response
            .steps()
            .iter()
            .map(|step| step["status"].as_u64())
            .collect();
        assert_eq!(statuses, [Some(503), Some(500), None], "{response}");
        let times: Vec<_> = a.requests().iter().map(|request| request.at).collect();
        let pauses = [times[1] - times[0], times[2] - times[1]];
        for (pause, least) in pauses.iter().zip([125, 250]) {
            assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
            assert!(
                *pause < Duration::from_millis(2 * least + 400),
                "{pauses:?}"
            );
        }
        assert_eq!(b.requests().len(), 0);
        // What passed is no reason to skip the step.
        assert_eq!(via(&gateway.ask("r", stream)), "a/m");
    }
}

/// The next step's turn comes when the step's own time is over, however many retries are left.
#[test]
fn retries_end_with_the_steps_time() {
    let a = Upstream::always(Script::json(503, "{}"));
    let b = Upstream::saying("from b");
    let gateway = start(&a, &b, &["retries: 10", "timeout: 600ms"]);
    let response = gateway.ask("r", false);
    assert_eq!(via(&response), "b/m", "{response}");
    assert!(response.spent < Duration::from_millis(1100), "{response}");
    let attempts = a.requests().len();
    assert!((2..=4).contains(&attempts), "{attempts} attempts");
}

/// A rejected request is rejected however often it is sent; a rate limit only gets worse.
#[test]
fn retries_are_not_for_refusals() {
    for status in [400, 401, 404, 413, 429] {
        let a = Upstream::always(Script::json(status, "{}"));
        let b = Upstream::saying("from b");
        let gateway = start(&a, &b, &["retries: 3"]);
        assert_eq!(via(&gateway.ask("r", false)), "b/m");
        assert_eq!(a.requests().len(), 1, "{status}");
    }
}

/// Nobody waits any more, so nobody is asked again.
#[test]
fn a_client_that_leaves_during_the_pause_ends_it() {
    let a = Upstream::always(Script::json(503, "{}"));
    let b = Upstream::saying("from b");
    let gateway = start(&a, &b, &["retries: 10"]);
    let mut connection = gateway.connect();
    connection.send(crate::support::gateway::chat(
        &crate::support::openai::request("r", false),
    ));
    gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    drop(connection);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["status"], &line["error"]),
        (&499.into(), &"cancelled".into()),
        "{line}"
    );
    assert!(a.requests().len() <= 2, "{}", a.requests().len());
    assert_eq!(b.requests().len(), 0);
    // What it had seen until then spares the next one.
    let response = gateway.ask("r", false);
    assert_eq!(response.steps()[0]["skipped"], true, "{response}");
}
