//! Broken answers, and the class each gets: it decides about failover and cooldowns.

use super::*;
use crate::upstream::Phase;

/// The error of a call or of reading its body.
fn failure(provider: &Provider) -> CallError {
    match client().call(get(&provider.url(), soon())) {
        Ok(response) => text(response).unwrap_err(),
        Err(error) => error,
    }
}

#[test]
fn a_closed_port_and_a_bad_url_are_unreachable() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = format!("http://{gone}/");
    for url in [
        &refused,
        "ftp://127.0.0.1/",
        "not a url",
        "/v1/models",
        "http:///v1",
        "http://[::1/",
        "http://127.0.0.1:99999/",
    ] {
        let error = client().call(get(url, soon())).unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)), "{url}: {error}");
    }
}

#[test]
fn a_connection_that_ends_before_the_answer_is_unreachable() {
    let closes = Provider::saying("");
    let resets = Provider::new(|mut stream, _| {
        request(&mut stream);
        reset(stream);
    });
    for provider in [closes, resets] {
        let error = failure(&provider);
        assert!(matches!(error, CallError::Unreachable(_)), "{error}");
        assert_eq!(
            provider.connections(),
            1,
            "a fresh connection is not repeated"
        );
    }
}

#[test]
fn broken_answers_never_pass_for_whole_ones() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello".to_owned(),
        format!("{head}5\r\nhel"),
        format!("{head}5\r\nhello\r\n"),
        format!("{head}5\r\nhello\r\n0"),
        format!("{head}xyz\r\nhello\r\n0\r\n\r\n"),
        format!("{head}3\r\nhello\r\n0\r\n\r\n"),
        format!("{head}FFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(129)),
        format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(70_000)),
        format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(30_000)),
    ] {
        let error = failure(&Provider::saying(answer.clone()));
        let shown = &answer[..answer.len().min(90)];
        assert!(
            matches!(error, CallError::BadResponse(_)),
            "{shown:?}: {error}"
        );
    }
}

/// Memory and time would go to a provider that never ends a line.
#[test]
fn a_line_without_end_is_a_bad_response() {
    for start in [
        "HTTP/1.1 200 OK\r\nA: ",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ] {
        let provider = Provider::new(move |mut stream, _| {
            request(&mut stream);
            let _ = stream.write_all(start.as_bytes());
            while stream.write_all(&[b'1'; 4096]).is_ok() {}
        });
        let error = failure(&provider);
        assert!(
            matches!(error, CallError::BadResponse(_)),
            "{start:?}: {error}"
        );
    }
}

#[test]
fn a_long_head_is_an_answer_up_to_its_bound() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 2\r\n\r\nok",
        "b".repeat(60_000)
    );
    let response = client()
        .call(get(&Provider::saying(answer).url(), soon()))
        .unwrap();
    assert_eq!(response.head.header("a").map(str::len), Some(60_000));
    assert_eq!(text(response).unwrap(), "ok");
}

/// ureq takes a reset for the end of a close-delimited body: a truncated answer would pass as whole.
#[test]
fn a_reset_inside_a_close_delimited_body_is_no_end() {
    let (received, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let provider = Provider::new(move |mut stream, _| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").unwrap();
        wait.lock().unwrap().recv().unwrap();
        reset(stream);
    });
    let mut response = client().call(get(&provider.url(), soon())).unwrap();
    let mut buf = [0; 100];
    assert_eq!(response.body.read(&mut buf, soon()).unwrap(), 4);
    received.send(()).unwrap();
    let error = response.body.read(&mut buf, soon()).unwrap_err();
    assert!(matches!(error, CallError::BadResponse(_)), "{error}");
    assert_eq!(response.body.read(&mut buf, soon()).unwrap_err(), error);
}

/// Of a long piece the end is read at once behind its beginning, and may be the end of the connection.
#[test]
fn what_came_before_a_reset_is_read_before_it() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\n\r\n";
    for length in [2047, 2048, 2049, 4096, 5000] {
        let provider = Provider::new(move |mut stream, _| {
            request(&mut stream);
            let body = "b".repeat(length - HEAD.len());
            stream
                .write_all(format!("{HEAD}{body}").as_bytes())
                .unwrap();
            reset(stream);
        });
        let mut response = client().call(get(&provider.url(), soon())).unwrap();
        let (mut buf, mut body) = ([0; 1000], 0);
        let error = loop {
            match response.body.read(&mut buf, soon()) {
                Ok(read) => body += read,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CallError::BadResponse(_)), "{error}");
        assert_eq!(HEAD.len() + body, length);
        assert_eq!(response.body.read(&mut buf, soon()).unwrap_err(), error);
    }
}

#[test]
fn silence_ends_at_the_deadline() {
    let silent = Provider::new(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let drips = Provider::new(|mut stream, _| {
        for byte in b"HTTP/1.1 200 OK\r\nX-Header: and so on".iter().cycle() {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    for provider in [silent, drips] {
        let deadline = Instant::now() + Duration::from_millis(200);
        let error = client().call(get(&provider.url(), deadline)).unwrap_err();
        assert_eq!(error, CallError::Timeout(Phase::FirstByte));
        assert_on_time(deadline);
    }
}

/// The deadline passed, and not by much: far less than any other timer would take.
fn assert_on_time(deadline: Instant) {
    let late = Instant::now().checked_duration_since(deadline);
    let late = late.expect("ended before its deadline");
    assert!(late < Duration::from_millis(300), "{late:?} late");
}

#[test]
fn a_body_that_stalls_ends_at_the_deadline_of_its_read() {
    let provider = Provider::new(|mut stream, _| {
        request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            .unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    let mut response = client().call(get(&provider.url(), soon())).unwrap();
    let mut buf = [0; 100];
    assert_eq!(response.body.read(&mut buf, soon()).unwrap(), 4);
    let deadline = Instant::now() + Duration::from_millis(100);
    let error = response.body.read(&mut buf, deadline).unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Body));
    assert_on_time(deadline);
    let error = response.body.read(&mut buf, deadline).unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Body), "an error is no end");
}

/// The reader of a translated stream looks up every 15 s, to give its client a sign of life: each stream with a longer
/// silence in it broke there.
#[test]
fn a_body_is_read_on_behind_a_wait_that_was_too_short() {
    for (framing, pieces) in [
        ("Content-Length: 10", ["half", " whole"]),
        (
            "Transfer-Encoding: chunked",
            ["4\r\nhalf\r\n6", "\r\n whole\r\n0\r\n\r\n"],
        ),
    ] {
        let (go_on, told) = channel::<()>();
        let told = std::sync::Mutex::new(told);
        let provider = Provider::new(move |mut stream, _| {
            request(&mut stream);
            let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{}", pieces[0]);
            stream.write_all(head.as_bytes()).unwrap();
            told.lock().unwrap().recv().unwrap();
            stream.write_all(pieces[1].as_bytes()).unwrap();
        });
        let mut response = client().call(get(&provider.url(), soon())).unwrap();
        let mut buf = [0; 100];
        assert_eq!(response.body.read(&mut buf, soon()).unwrap(), 4);
        for _ in 0..2 {
            let short = Instant::now() + Duration::from_millis(50);
            let error = response.body.read(&mut buf, short).unwrap_err();
            assert_eq!(error, CallError::Timeout(Phase::Body));
        }
        go_on.send(()).unwrap();
        let rest = response.body.read_to_end(100, soon()).unwrap();
        assert_eq!(rest, b" whole", "{framing}");
    }
}

#[test]
fn a_provider_that_takes_no_bytes_ends_at_the_deadline() {
    let (done, hold) = channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let provider = Provider::new(move |_stream, _| {
        let _ = hold.lock().unwrap().recv();
    });
    let (url, body) = (provider.url(), vec![b'x'; 20_000_000]);
    let deadline = Instant::now() + Duration::from_millis(200);
    let body: &[&[u8]] = &[&body];
    let call = Call {
        deadline,
        ..post(&url, body)
    };
    let error = client().call(call).unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Send));
    assert_on_time(deadline);
    drop(done);
}

#[test]
fn a_host_that_does_not_take_connections_is_out_of_time() {
    let (address, _full) = black_hole("127.0.0.1:0").unwrap();
    let settings = Settings {
        connect_timeout: Duration::from_millis(200),
        ..Settings::default()
    };
    let deadline = Instant::now() + Duration::from_millis(200);
    let client = Client::new(settings).unwrap();
    let error = client
        .call(get(&format!("http://{address}/"), soon()))
        .unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Connect));
    assert_on_time(deadline);
}

/// Error texts go into logs and answers.
#[test]
fn no_error_shows_a_header_value() {
    let provider = Provider::saying("");
    let url = provider.url();
    for value in ["sk-12345678", "sk-12345678\r\nInjected: yes"] {
        let headers = [("Authorization", value)];
        let call = Call {
            headers: &headers,
            ..get(&url, soon())
        };
        let error = client().call(call).unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("12345678"),
            "{error}"
        );
    }
}
