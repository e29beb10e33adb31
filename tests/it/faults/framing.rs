//! Answers whose end does not come as announced. None of them may pass for a whole one.

use super::*;
use crate::support::script::Action;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const EVENTS: (&str, &str) = ("Content-Type", "text/event-stream");

/// A whole answer whose body of this kind has its Content-Length.
fn sized(stream: bool) -> Script {
    match stream {
        false => Script::json(200, &openai::answer("from a")),
        true => Script::body(200, &[EVENTS], format!("data: {}\n\n", openai::role())),
    }
}

fn chunked(stream: bool) -> Script {
    match stream {
        false => Script::head(200, &[JSON, ("Transfer-Encoding", "chunked")])
            .chunk(&openai::answer("from a")[..100])
            .chunk(&openai::answer("from a")[100..])
            .last_chunk(),
        true => Script::stream()
            .event(&openai::role())
            .event(&openai::role())
            .last_chunk(),
    }
}

fn until_close(stream: bool) -> Script {
    match stream {
        false => Script::head(200, &[JSON]).send(openai::answer("from a")),
        true => Script::head(200, &[EVENTS]).send(format!("data: {}\n\n", openai::role())),
    }
}

/// Both kinds of the same answer with the same fault.
fn both(whole: fn(bool) -> Script, fault: impl Fn(Script) -> Script) -> Upstream {
    either(fault(whole(false)), fault(whole(true)))
}

fn before_the_end(bytes: usize) -> impl Fn(Script) -> Script {
    move |script| script.clone().cut_after(script.len() - bytes)
}

fn reset_before_the_end(bytes: usize) -> impl Fn(Script) -> Script {
    move |script| script.clone().reset_after(script.len() - bytes)
}

/// Bytes after a head with these fields, then a FIN.
fn odd(fields: &[(&str, &str)], body: &str) -> Upstream {
    let script = |kind| {
        let mut fields = fields.to_vec();
        fields.push(kind);
        Script::head(200, &fields).send(body).close()
    };
    either(script(JSON), script(EVENTS))
}

const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

faults! {
    a_sized_body_cut_at_its_last_byte: "bad_response", both(sized, before_the_end(1));
    a_sized_body_cut_in_its_middle: "bad_response", both(sized, before_the_end(100));
    a_sized_body_cut_before_its_first_byte: "bad_response", either(
        Script::head(200, &[JSON, ("Content-Length", "100")]).close(),
        Script::head(200, &[EVENTS, ("Content-Length", "100")]).close());
    a_sized_body_reset: "bad_response", both(sized, reset_before_the_end(1));
    a_chunked_body_cut_in_a_chunk: "bad_response", both(chunked, before_the_end(50));
    a_chunked_body_cut_between_chunks: "bad_response", either(
        Script::head(200, &[JSON, CHUNKED]).chunk(&openai::answer("from a")[..100]).close(),
        Script::stream().event(&openai::role()).close());
    a_chunked_body_reset: "bad_response", both(chunked, reset_before_the_end(50));
    /// JSON is known to be whole by itself; a stream is not.
    a_close_delimited_body_cut: "bad_response", both(until_close, before_the_end(10));
    a_close_delimited_body_reset: "bad_response", both(until_close, reset_before_the_end(10));
    a_length_that_is_none: "bad_response", odd(&[("Content-Length", "many")], "{}");
    two_lengths: "bad_response", odd(&[("Content-Length", "2"), ("Content-Length", "4")], "{}{}");
    a_chunk_size_that_is_none: "bad_response", odd(&[CHUNKED], "ZZ\r\n{}\r\n0\r\n\r\n");
    a_chunk_longer_than_its_size: "bad_response", odd(&[CHUNKED], "1\r\n{}\r\n0\r\n\r\n");
    no_body_at_all: "bad_response", odd(&[("Content-Length", "0")], "");
    headers_without_end: "bad_response", Upstream::always(
        Script::raw("HTTP/1.1 200 OK\r\n").flood("X-Filler: 0123456789012345678901234567890123456789\r\n", 40_000));
    /// Whole, and more than anybody needs to say.
    headers_of_64_kilobytes: "bad_response", {
        let filler = "x".repeat(1000);
        let fields = |kind| {
            let mut fields = vec![("X-Filler", filler.as_str()); 66];
            fields.push(kind);
            fields
        };
        either(
            Script::body(200, &fields(JSON), openai::answer("from a")),
            Script::body(200, &fields(EVENTS), format!("data: {}\n\ndata: [DONE]\n\n", openai::text("from a"))))
    };
    gzip_not_asked_for: "bad_response", either(
        Script::body(200, &[JSON, ("Content-Encoding", "gzip")], b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0"),
        Script::body(200, &[EVENTS, ("Content-Encoding", "gzip")], b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0"));
}

faults_of! { false;
    /// The rest of the body would be read as the next answer.
    a_length_that_is_too_short: "bad_response", {
        let answer = openai::answer("from a");
        let length = (answer.len() - 10).to_string();
        Upstream::always(Script::head(200, &[JSON, ("Content-Length", &length)]).send(answer))
    };
    a_whole_json_answer_reset_before_its_close: "bad_response", Upstream::always(until_close(false).reset());
}

/// What a provider sends after the end of its answer must not become the answer to somebody else's question.
#[test]
fn surplus_bytes_do_not_answer_the_next_request() {
    for stream in [false, true] {
        let foreign = Script::json(200, &openai::answer("somebody else's"));
        let whole = match stream {
            false => Script::json(200, &openai::answer("mine")),
            true => Script::events(openai::events(&["mine"])),
        };
        // In one piece: what arrives only after the connection was found quiet cannot be told from an answer.
        let bytes: Vec<u8> = whole
            .actions
            .into_iter()
            .chain(foreign.actions)
            .flat_map(|action| match action {
                Action::Send(bytes) => bytes,
                _ => Vec::new(),
            })
            .collect();
        let upstream = Upstream::always(Script::raw(bytes));
        let gateway = Config::new()
            .provider("a", &upstream)
            .route("r", [("a", "m")])
            .start();
        for _ in 0..3 {
            let response = gateway.ask("r", stream);
            assert_eq!(response.status, 200, "{response}");
            assert!(!response.text().contains("somebody else's"), "{response}");
        }
    }
}

/// 200 MB where an answer of some kilobytes was expected: refused at the limit, and never held in memory.
#[test]
fn a_body_of_200_megabytes() {
    for stream in [false, true] {
        let megabyte = "x".repeat(1 << 20);
        let a = either(
            Script::head(200, &[JSON])
                .send("{\"x\":\"")
                .flood(megabyte.clone(), 200),
            Script::head(200, &[EVENTS])
                .send("data: ")
                .flood(megabyte, 200),
        );
        let b = Upstream::saying("from b");
        let gateway = Config::new()
            .server("max_answer: 1MiB")
            .provider("a", &a)
            .provider("b", &b)
            .route("r", [("a", "model-a"), ("b", "model-b")])
            .start();
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 200, "{response}");
        is_answer_of_b(&response, stream);
        assert_eq!(response.steps()[0]["class"], "bad_response", "{response}");
        a.wait_for_abandonment(0);
        let peak = gateway.peak_memory();
        assert!(peak < 40 << 20, "{peak} bytes");
    }
}

/// A redirect would carry the key to whoever is named in it.
#[test]
fn the_key_does_not_follow_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        for stream in [false, true] {
            let elsewhere = Upstream::saying("stolen");
            let place = format!("{}/chat/completions", elsewhere.base_url());
            let a = Upstream::always(Script::body(status, &[("Location", &place)], ""));
            falls_back(&a, stream, "bad_response");
            assert_eq!(elsewhere.connections(), 0, "{status}");
        }
    }
}
