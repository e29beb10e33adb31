//! Everything a provider can do wrong, plain and streamed: the client must not notice more than the time it takes.

mod accepted;
mod after_commit;
mod answers;
mod cuts;
mod endings;
mod final_status;
mod framing;
mod held_back;
mod real_servers;
mod refusals;
mod repairs;
mod signs_of_life;
mod silence;
mod statuses;
mod streams;
mod transport;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::config::Reachable;
use crate::support::gateway::chat;
use crate::support::{ClosedPort, Config, Gateway, Script, Signal, Step, Upstream, openai};

/// The timeout of the step that fails.
const TIMEOUT: Duration = Duration::from_millis(400);

/// What a fallback may take besides the failing step's own time.
const GRACE: Duration = Duration::from_millis(500);

/// A provider that does not answer as it should.
trait Broken: Reachable {
    /// How many requests it has seen, if it can tell.
    fn calls(&self) -> Option<usize>;
}

impl Broken for Upstream {
    fn calls(&self) -> Option<usize> {
        Some(self.requests().len())
    }
}

impl Broken for ClosedPort {
    fn calls(&self) -> Option<usize> {
        None
    }
}

impl Broken for str {
    fn calls(&self) -> Option<usize> {
        None
    }
}

/// A route whose first step is the broken provider `a` and whose second one is `b`.
fn route(a: &(impl Reachable + ?Sized), b: &(impl Reachable + ?Sized)) -> Gateway {
    Config::new()
        .server("max_answer: 1MiB")
        .provider("a", a)
        .provider("b", b)
        .route(
            "r",
            [
                Step::new("a", "model-a").with("timeout: 400ms"),
                Step::new("b", "model-b"),
            ],
        )
        .start()
}

/// The broken step is reported with its class, and the next one's answer arrives whole, unmixed and in time.
fn falls_back(a: &(impl Broken + ?Sized), stream: bool, class: &str) -> Response {
    let b = Upstream::saying("from b");
    let gateway = route(a, &b);
    let response = gateway.ask("r", stream);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.end, End::Complete);
    is_answer_of_b(&response, stream);
    let steps = response.steps();
    assert_eq!(steps.len(), 2, "{response}");
    assert_eq!(
        (&steps[0]["success"], &steps[0]["class"]),
        (&json!(false), &json!(class)),
        "{response}"
    );
    assert_eq!(steps[1]["success"], true, "{response}");
    assert_eq!(response.header("x-routed-via"), Some("b/model-b"));
    assert_eq!(response.header("x-fallback-count"), Some("1"));
    assert!(response.spent < TIMEOUT + GRACE, "{response}");
    assert!(
        a.calls().is_none_or(|calls| calls <= 1),
        "the broken one was asked again"
    );
    let request = b.request();
    assert_eq!(request.json()["model"], "model-b");
    assert_eq!(request.json()["stream"], stream);
    let line = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    assert_eq!(
        (&line["provider"], &line["class"]),
        (&json!("a"), &json!(class)),
        "{line}"
    );
    response
}

/// Exactly what `b` sent but for the model's name and the summary.
fn is_answer_of_b(response: &Response, stream: bool) {
    let in_r = |text: String| text.replace(openai::UPSTREAM_MODEL, "r");
    if !stream {
        let text = response.text();
        let (answer, _) = text
            .split_once(r#","routing_summary":"#)
            .expect("a summary");
        assert_eq!(format!("{answer}}}"), in_r(openai::answer("from b")));
        return;
    }
    let expected: Vec<String> = openai::events(&["from b"])
        .into_iter()
        .map(in_r)
        .chain(["[DONE]".to_owned()])
        .collect();
    let events = response.events();
    assert_eq!(events[1..], expected[1..]);
    let mut first: Value = serde_json::from_str(&events[0]).expect("JSON");
    first
        .as_object_mut()
        .unwrap()
        .remove("routing_summary")
        .expect("a summary");
    assert_eq!(first, serde_json::from_str::<Value>(&expected[0]).unwrap());
}

/// Does one thing when a plain answer is asked for and another one for a stream.
fn either(plain: Script, streamed: Script) -> Upstream {
    Upstream::answering(move |request| {
        if request.asks_for_a_stream() {
            streamed.clone()
        } else {
            plain.clone()
        }
    })
}

/// Two tests per line: a name, the class it is reported as, and the broken provider.
macro_rules! faults {
    ($($(#[$meta:meta])* $name:ident: $class:literal, $broken:expr;)*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            #[test]
            fn plain() {
                falls_back(&$broken, false, $class);
            }

            #[test]
            fn streamed() {
                falls_back(&$broken, true, $class);
            }
        }
    )*};
}
use faults;

/// One test per line, for faults that exist in one of the two only.
macro_rules! faults_of {
    ($stream:expr; $($(#[$meta:meta])* $name:ident: $class:literal, $broken:expr;)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            falls_back(&$broken, $stream, $class);
        }
    )*};
}
use faults_of;
