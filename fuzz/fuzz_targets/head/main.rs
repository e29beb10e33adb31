//! Two readers of a head who differ are how requests are smuggled. The gateway's must take exactly what a model of the
//! grammar takes, written apart from it and from nothing but the RFCs, and must read in it what `httparse` reads.

#![no_main]

mod model;

use ai_gateway::config::EdgeLimits;
use ai_gateway::http::parsers::{self, Framing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = EdgeLimits::default();
    let read = parsers::request(bytes, &limits);
    let model = model::read(bytes, limits.max_fields, limits.max_target);

    let request = match (read, model) {
        (Ok(Some(request)), Some(model)) => {
            assert_eq!(request.head.method(), model.method);
            assert_eq!(request.length, model.length);
            assert_eq!(request.framing, model.framing);
            assert_eq!(request.keep_alive, model.keep_alive);
            assert_eq!(request.expects_continue, model.expects_continue);
            request
        }
        (Ok(Some(_)), None) => panic!("accepted, and should not be"),
        (Ok(None), Some(_)) => panic!("whole, and not seen to be"),
        (Err(reason), Some(_)) => panic!("refused, and should not be: {reason}"),
        (_, None) => return,
    };
    agrees_with_httparse(&bytes[..request.length], &request);
    // What follows a head must not change it, and what is missing must make it incomplete, never another one.
    let whole = parsers::request(&bytes[..request.length], &limits)
        .unwrap()
        .unwrap();
    assert_eq!(whole.length, request.length);
    assert!(matches!(
        parsers::request(&bytes[..request.length - 1], &limits),
        Ok(None)
    ));
});

fn agrees_with_httparse(head: &[u8], request: &parsers::Request) {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut fields);
    let status = parsed
        .parse(head)
        .expect("httparse takes what the gateway takes");
    assert_eq!(status, httparse::Status::Complete(head.len()));
    assert_eq!(parsed.method, Some(request.head.method()));
    let target = parsed.path.unwrap();
    assert!(target.contains(request.head.path()) || request.head.path() == "/");
    if let Some(query) = request.head.query() {
        assert!(target.ends_with(query));
    }
    let theirs = parsed.headers.iter().map(|field| (field.name, field.value));
    assert!(request.head.fields().eq(theirs));
    if request.framing == Framing::Empty {
        assert!(!request.head.has_body());
    }
}
