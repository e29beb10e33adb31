//! Behind proxies: whatever a client sends, the proxy and the gateway read the same requests, and every client gets the
//! answers to its own requests, once. Otherwise one client's bytes become part of another one's request or answer.

mod attacks;
mod proxy;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::support::wire::{Framing, Input};
use crate::support::{Config, Connection, Gateway, Upstream};

use attacks::{Attack, all, get};
use proxy::Kind;
use rustix::process::Signal as Kill;

fn gateway(upstream: &Upstream) -> Gateway {
    Config::new()
        .server("head_timeout: 1s")
        .server("body_timeout: 1s")
        .server("max_body: 32KiB")
        .provider("a", upstream)
        .route("r", [("a", "model-a")])
        .start()
}

/// An answer as a client sees it: its status, and the id of the request it belongs to.
#[derive(Debug)]
struct Answer {
    status: u16,
    id: Option<String>,
}

/// Sends the attack and a request after it, and takes all answers until the connection ends.
fn attack(stream: impl Read + Write, attack: &Attack) -> Vec<Answer> {
    let mut input = Input::new(stream);
    let last = get(&format!("{}-last", attack.name), "Connection: close\r\n");
    // It may be refused and closed before all is sent.
    let sent = input.source_mut().write_all(&attack.bytes);
    let _ = sent.and_then(|()| input.source_mut().write_all(last.as_bytes()));
    answers(&mut input).unwrap_or_else(|error| panic!("{}: {error}", attack.name))
}

fn answers(input: &mut Input<impl Read>) -> io::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    loop {
        let head = match input.head() {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(answers),
            // What it had not read when it closed resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(answers),
            Err(error) => return Err(error),
        };
        let status = head.first_line.split(' ').nth(1).unwrap_or_default();
        let status: u16 = status.parse().map_err(io::Error::other)?;
        let mut framing = match status {
            100..=199 | 204 | 304 => Framing::Done,
            _ => Framing::of(&head, Framing::UntilClose),
        };
        while input.piece(&mut framing)?.is_some() {}
        if status >= 200 {
            answers.push(Answer {
                status,
                id: head.get("x-request-id").map(str::to_owned),
            });
        }
    }
}

/// Answers come in the order of the requests, to each request one.
fn assert_in_order(name: &str, answers: &[Answer]) {
    let mut expected = ["first", "hidden", "last"]
        .map(|which| format!("{name}-{which}"))
        .into_iter();
    let ours = answers.iter().filter_map(|answer| answer.id.as_ref());
    for id in ours.filter(|id| id.starts_with(name)) {
        assert!(
            expected.any(|expected| expected == *id),
            "{name}: an answer twice or in disorder: {answers:?}"
        );
    }
    assert!(
        answers.len() <= 3,
        "{name}: more answers than requests: {answers:?}"
    );
}

/// The ids of all requests that the gateway took for requests and did not refuse at its edge.
fn served(gateway: &Gateway) -> Vec<String> {
    let text = gateway.output.text();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let requests = lines.filter(|line| line["msg"] == "request");
    let ids = requests.filter_map(|line| line["request_id"].as_str().map(str::to_owned));
    ids.collect()
}

fn nothing_is_read_differently_behind(kind: Kind) {
    let upstream = Upstream::saying("fine");
    let mut gateway = gateway(&upstream);
    let Some(proxy) = kind.before(gateway.address) else {
        return;
    };
    for (number, case) in all().iter().enumerate() {
        assert_in_order(&case.name, &attack(proxy.connect(), case));
        // Whoever comes next, over a connection to the gateway that may be the same one.
        for place in 0..2 {
            let id = format!("bystander-{number}-{place}");
            let answer = ask(proxy.connect(), &id);
            assert!(
                answer.status == 200 && answer.id.as_deref() == Some(id.as_str()),
                "after {}: {answer:?}",
                case.name
            );
        }
    }
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    gateway.output.wait_for_end();
    let served = served(&gateway);
    let seen: BTreeSet<String> = proxy.into_seen().into_iter().collect();
    let mut once = BTreeSet::new();
    for id in served.iter().filter(|id| !id.starts_with("req-")) {
        assert!(
            seen.contains(id),
            "{id} was served, but is none of the proxy's requests"
        );
        assert!(once.insert(id), "{id} was served twice");
    }
    // Otherwise this test would see nothing.
    let bystanders = once.iter().filter(|id| id.starts_with("bystander")).count();
    assert_eq!(bystanders, 2 * all().len());
    assert!(once.contains(&"pipelined-hidden".to_owned()), "{once:?}");
}

fn ask(stream: UnixStream, id: &str) -> Answer {
    let mut input = Input::new(stream);
    let request = get(id, "Connection: close\r\n");
    input.source_mut().write_all(request.as_bytes()).unwrap();
    let mut answers = answers(&mut input).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(answers.len(), 1, "{id}: {answers:?}");
    answers.remove(0)
}

#[test]
fn nothing_is_read_differently_behind_nginx() {
    nothing_is_read_differently_behind(Kind::Nginx);
}

#[test]
fn nothing_is_read_differently_behind_haproxy() {
    nothing_is_read_differently_behind(Kind::Haproxy);
}

/// Without a proxy there is nobody to differ from; but what is refused ends its connection, and nothing is answered twice.
#[test]
fn nothing_is_answered_after_a_refusal_or_twice() {
    let upstream = Upstream::saying("fine");
    let gateway = gateway(&upstream);
    for case in all() {
        let stream = std::net::TcpStream::connect(gateway.address).unwrap();
        stream
            .set_read_timeout(Some(crate::support::PATIENCE))
            .unwrap();
        let answers = attack(stream, &case);
        assert_in_order(&case.name, &answers);
        if case.name.starts_with("unread") {
            let inside = format!("{}-hidden", case.name);
            let served = answers
                .iter()
                .any(|answer| answer.id.as_ref() == Some(&inside));
            assert!(!served, "{}: a body was served: {answers:?}", case.name);
        }
        // An id of the edge's own making means that no head was read: the end of the request is not known.
        let refused = answers.iter().position(|answer| {
            let id = answer.id.as_deref().unwrap_or_default();
            id.starts_with("req-")
        });
        if let Some(refused) = refused {
            assert_eq!(refused + 1, answers.len(), "{}: {answers:?}", case.name);
        }
    }
    let mut next: Connection = gateway.connect();
    next.send(get("next", ""));
    assert_eq!(next.response().status, 200);
}
