//! Whole answers, and the requests that got them.

use super::*;

#[test]
fn a_post_arrives_byte_for_byte_and_in_one_piece() {
    let (sent, received) = recorder();
    let provider = Provider::new(move |mut stream, _| {
        // One read: the head must not travel alone, or Nagle and delayed ACKs cost 40 ms somewhere on the way.
        let mut part = [0; 65_536];
        let read = stream.read(&mut part).unwrap();
        sent.send(part[..read].to_vec()).unwrap();
        stream.write_all(ok("hello").as_bytes()).unwrap();
    });
    let url = provider.url();
    let headers = [
        ("Authorization", "Bearer sk-12345678"),
        ("Content-Type", "application/json"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("Expect", "100-continue"),
    ];
    let call = Call {
        headers: &headers,
        ..post(&url, &[b"{\"model\":\"m\"}"])
    };
    let response = client().call(call).unwrap();
    assert_eq!((response.head.status, response.head.reused), (200, false));
    assert_eq!(response.head.header("CONTENT-length"), Some("5"));
    assert_eq!(
        response.head.headers().collect::<Vec<_>>(),
        [("Content-Length", "5")]
    );
    assert_eq!(text(response).unwrap(), "hello");

    let request = String::from_utf8(received.recv().unwrap()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"model\":\"m\"}");
    let mut lines: Vec<String> = head.lines().map(str::to_lowercase).collect();
    assert_eq!(lines.remove(0), "post /v1/models?x=1 http/1.1");
    lines.sort();
    let expected = [
        "accept-encoding: identity",
        "accept: */*",
        "authorization: bearer sk-12345678",
        "content-length: 13",
        "content-type: application/json",
        &format!("host: {}", provider.address),
        &format!("user-agent: ai-gateway/{}", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(lines, expected);
}

/// 5 MB do not fit into any buffer on the way, so every partial send is met.
#[test]
fn a_large_request_arrives_whole() {
    let (sent, received) = recorder();
    let provider = Provider::new(move |mut stream, _| {
        sent.send(request(&mut stream).unwrap()).unwrap();
        stream.write_all(ok("").as_bytes()).unwrap();
    });
    let body: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(
        client()
            .call(post(&provider.url(), &[&body]))
            .unwrap()
            .head
            .status,
        200
    );
    assert!(received.recv().unwrap().ends_with(&body));
}

/// The classes of failures are decided above, from status and body; a status is never an error here.
#[test]
fn every_status_comes_back_with_its_headers_and_body() {
    for (answer, status, body) in [
        (
            "HTTP/1.1 429 Slow\r\nContent-Length: 2\r\n\r\nno",
            429,
            "no",
        ),
        (
            "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno",
            500,
            "no",
        ),
        ("HTTP/1.1 204 Empty\r\n\r\n", 204, ""),
        ("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", 304, ""),
        (
            "HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno",
            302,
            "no",
        ),
        ("HTTP/1.1 307 There\r\nLocation: /x\r\n\r\n", 307, ""),
        ("HTTP/1.0 200 OK\r\n\r\nto the end", 200, "to the end"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
            200,
            "abcde",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            200,
            "x",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            200,
            "x",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x08ab",
            200,
            "\x1f\x08ab",
        ),
    ] {
        let provider = Provider::saying(answer);
        let response = client().call(post(&provider.url(), &[b"{}"])).unwrap();
        assert_eq!(response.head.status, status, "{answer:?}");
        if answer.contains("gzip") {
            assert_eq!(response.head.header("content-encoding"), Some("gzip"));
        }
        assert_eq!(text(response).unwrap(), body, "{answer:?}");
        assert_eq!(provider.connections(), 1, "{answer:?}");
    }
}

/// A stream that is held back until a buffer is full would freeze the client's screen.
#[test]
fn bytes_of_a_stream_are_read_as_soon_as_they_are_there() {
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let provider = Provider::new(move |mut stream, _| {
        request(&mut stream);
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for chunk in ["5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"] {
            stream.write_all(chunk.as_bytes()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        }
    });
    let mut response = client().call(get(&provider.url(), soon())).unwrap();
    let mut buf = [0; 1000];
    for expected in ["first", "second", ""] {
        let read = response.body.read(&mut buf, soon()).unwrap();
        assert_eq!(std::str::from_utf8(&buf[..read]).unwrap(), expected);
        go.send(()).unwrap();
    }
}

/// Provider answers are not bounded by the provider.
#[test]
fn a_body_over_the_limit_is_refused_without_reading_it_all() {
    let endless = Provider::new(|mut stream, _| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    let announced = Provider::new(|mut stream, _| {
        request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n");
        let _ = stream.read(&mut [0; 1]);
    });
    for provider in [endless, announced] {
        let response = client().call(get(&provider.url(), soon())).unwrap();
        let error = response.body.read_to_end(100_000, soon()).unwrap_err();
        assert!(matches!(error, CallError::BadResponse(_)), "{error}");
    }
    let exact = Provider::saying(ok("12345"));
    let response = client().call(get(&exact.url(), soon())).unwrap();
    assert_eq!(response.body.read_to_end(5, soon()).unwrap(), b"12345");
}

/// A 413 that is overtaken by its own reset would bench the provider for being unreachable.
#[test]
fn an_answer_before_the_request_was_read_is_heard() {
    let answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
    let (done, hold) = channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let keeps_open = Provider::new(move |mut stream, _| {
        stream.write_all(answer.as_bytes()).unwrap();
        let _ = hold.lock().unwrap().recv();
    });
    let body = vec![b'x'; 20_000_000];
    let response = client().call(post(&keeps_open.url(), &[&body])).unwrap();
    assert_eq!(response.head.status, 413);
    assert_eq!(text(response).unwrap(), "big");
    drop(done);
}
