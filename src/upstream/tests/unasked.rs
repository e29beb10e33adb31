//! Bytes that no request had asked for: the second answer to one request is not the answer to the next.

use std::sync::Mutex;
use std::sync::mpsc::RecvTimeoutError;

use super::*;

/// Answers with the number of the request on its connection, and runs `then` with the connection.
fn numbering(then: impl Fn(&mut TcpStream, usize) + Send + Sync + 'static) -> Provider {
    Provider::new(move |mut stream, connection| {
        for number in 0.. {
            if request(&mut stream).is_none() {
                return;
            }
            let answer = ok(&format!("{connection}.{number}"));
            stream.write_all(answer.as_bytes()).unwrap();
            then(&mut stream, connection);
        }
    })
}

fn ask(client: &Client, provider: &Provider) -> String {
    let response = client.call(post(&provider.url(), &[b"{}"])).unwrap();
    text(response).unwrap()
}

/// The sign costs no call its answer, and while the provider is distrusted each call has a connection of its own.
#[test]
fn a_second_answer_in_the_same_read_ends_the_keeping_of_connections() {
    let provider = Provider::new(|mut stream, _| {
        while request(&mut stream).is_some() {
            let twice = ok("own") + &ok("another's");
            stream.write_all(twice.as_bytes()).unwrap();
        }
    });
    let client = client();
    for calls in 1..4 {
        assert_eq!(ask(&client, &provider), "own");
        assert_eq!(provider.connections(), calls);
        assert_eq!(client.unasked(&provider.url()), calls as u64);
    }
    assert_eq!(client.unasked("http://127.0.0.1:1/"), 0);
}

/// Idle connections may be shifted like the one that shows it, and so may those that are in use.
#[test]
fn a_sign_ends_the_idle_connections_and_those_in_use() {
    let (go, wait) = channel::<()>();
    let (closed, ends) = channel();
    let wait = Mutex::new(wait);
    let provider = Provider::new(move |mut stream, connection| {
        request(&mut stream).unwrap();
        let mut answer = ok(&format!("{connection}.0"));
        if connection == 2 {
            answer += &ok("another's");
        }
        stream.write_all(answer.as_bytes()).unwrap();
        if connection == 0 {
            wait.lock().unwrap().recv().unwrap();
        }
        if connection < 2 {
            report_end(stream, &closed);
        }
    });
    let client = client();
    let response = || client.call(post(&provider.url(), &[b"{}"])).unwrap();
    let (in_use, idle, bad) = (response(), response(), response());
    assert_eq!(text(idle).unwrap(), "1.0");
    assert_eq!(
        ends.recv_timeout(Duration::from_millis(50)),
        Err(RecvTimeoutError::Timeout)
    );
    assert_eq!(text(bad).unwrap(), "2.0");
    assert_eq!(ends.recv().unwrap(), 0);
    go.send(()).unwrap();
    assert_eq!(text(in_use).unwrap(), "0.0");
    assert_eq!(ends.recv().unwrap(), 0);
    assert_eq!(ask(&client, &provider), "3.0");
}

/// An answer that comes between two calls is found before the second one is sent.
#[test]
fn a_second_answer_on_an_idle_connection_is_not_the_next_calls() {
    let (go, wait) = channel::<()>();
    let (said, is_said) = channel();
    let wait = Mutex::new(wait);
    let provider = numbering(move |stream, connection| {
        if connection == 0 {
            wait.lock().unwrap().recv().unwrap();
            stream.write_all(ok("late").as_bytes()).unwrap();
            said.send(()).unwrap();
        }
    });
    let client = client();
    assert_eq!(ask(&client, &provider), "0.0");
    assert_eq!(client.unasked(&provider.url()), 0);
    go.send(()).unwrap();
    is_said.recv().unwrap();
    thread::sleep(Duration::from_millis(20));
    assert_eq!(ask(&client, &provider), "1.0");
    assert_eq!(ask(&client, &provider), "2.0");
    assert_eq!(client.unasked(&provider.url()), 1);
}

/// While a long request is on its way, an answer over a connection that was used before may be the other call's.
#[test]
fn an_answer_before_the_request_is_sent_moves_the_call_to_a_fresh_connection() {
    let (early, is_early) = channel();
    let provider = Provider::new(move |mut stream, connection| {
        request(&mut stream).unwrap();
        stream.write_all(ok("own").as_bytes()).unwrap();
        if connection == 0 {
            // The beginning of the second request, and no more of it.
            stream.read_exact(&mut [0; 100]).unwrap();
            stream.write_all(ok("late").as_bytes()).unwrap();
            early.send(()).unwrap();
            report_end(stream, &channel().0);
        }
    });
    let client = client();
    assert_eq!(ask(&client, &provider), "own");
    let body = vec![b'x'; 20_000_000];
    let response = client.call(post(&provider.url(), &[&body])).unwrap();
    assert!(!response.head.reused);
    assert_eq!(text(response).unwrap(), "own");
    is_early.recv().unwrap();
    assert_eq!(client.unasked(&provider.url()), 1);
}

/// An answer on its way over a used connection, while the sign is seen elsewhere, cannot be told from a second answer.
#[test]
fn an_answer_that_was_awaited_during_a_sign_is_asked_for_again() {
    let (go, wait) = channel::<()>();
    let (asked, is_asked) = channel();
    let wait = Mutex::new(wait);
    let provider = Provider::new(move |mut stream, connection| {
        request(&mut stream).unwrap();
        let twice = if connection == 1 {
            ok("another's")
        } else {
            String::new()
        };
        stream.write_all((ok("own") + &twice).as_bytes()).unwrap();
        if connection == 0 && request(&mut stream).is_some() {
            asked.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
            let _ = stream.write_all(ok("perhaps own").as_bytes());
        }
    });
    let client = client();
    assert_eq!(ask(&client, &provider), "own");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&client, &provider));
        is_asked.recv().unwrap();
        assert_eq!(ask(&client, &provider), "own");
        assert_eq!(client.unasked(&provider.url()), 1);
        go.send(()).unwrap();
        assert_eq!(waiting.join().unwrap(), "own");
    });
    assert_eq!(provider.connections(), 3);
}

/// A reload makes no provider better.
#[test]
fn a_successor_distrusts_the_same_providers() {
    let provider = Provider::new(|mut stream, connection| {
        while request(&mut stream).is_some() {
            let mut answer = ok("own");
            if connection == 0 {
                answer += &ok("another's");
            }
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let old = client();
    assert_eq!(ask(&old, &provider), "own");
    let new = old.successor(Settings::default()).unwrap();
    for connections in 2..4 {
        assert_eq!(ask(&new, &provider), "own");
        assert_eq!(provider.connections(), connections);
    }
    assert_eq!(new.unasked(&provider.url()), 1);
}

/// Session tickets may come at any time after the handshake, and are no bytes of an answer.
#[test]
fn session_tickets_are_no_sign_and_a_second_answer_under_tls_is_one() {
    let (go, wait) = channel::<()>();
    let (said, is_said) = channel();
    let wait = Mutex::new(wait);
    let provider = tls::provider("server.pem", move |mut session, connection| {
        for number in 0.. {
            if request(&mut session).is_none() {
                return;
            }
            session.write_all(ok("own").as_bytes()).unwrap();
            session.flush().unwrap();
            if connection > 0 {
                continue;
            }
            wait.lock().unwrap().recv().unwrap();
            if number == 0 {
                // As good as a ticket: a record of the handshake's kind behind the handshake.
                session.conn.refresh_traffic_keys().unwrap();
            } else {
                session.write_all(ok("late").as_bytes()).unwrap();
            }
            session.flush().unwrap();
            said.send(()).unwrap();
        }
    });
    let client = tls::trusting();
    let ask = || {
        let response = client
            .call(post(&tls::secure(&provider), &[b"{}"]))
            .unwrap();
        (response.head.reused, text(response).unwrap())
    };
    for (reused, signs) in [(false, 0), (true, 0), (false, 1)] {
        assert_eq!(ask(), (reused, "own".to_owned()));
        assert_eq!(client.unasked(&tls::secure(&provider)), signs);
        if signs == 0 {
            go.send(()).unwrap();
            is_said.recv().unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Early input may be a session ticket: the content of the records decides, once the request has been sent.
#[test]
fn an_early_answer_under_tls_moves_the_call_to_a_fresh_connection() {
    let provider = tls::provider("server.pem", |mut session, connection| {
        request(&mut session).unwrap();
        session.write_all(ok("own").as_bytes()).unwrap();
        session.flush().unwrap();
        if connection == 0 {
            session.read_exact(&mut [0; 100]).unwrap();
            session.write_all(ok("late").as_bytes()).unwrap();
            session.flush().unwrap();
            while session.read(&mut [0; 65_536]).is_ok_and(|read| read > 0) {}
        }
    });
    let client = tls::trusting();
    let url = tls::secure(&provider);
    for size in [2, 20_000_000] {
        let response = client.call(post(&url, &[&vec![b'x'; size]])).unwrap();
        assert!(!response.head.reused);
        assert_eq!(text(response).unwrap(), "own");
    }
    assert_eq!(client.unasked(&url), 1);
}

/// The proxy may be the one that answers twice.
#[test]
fn a_second_answer_through_a_tunnel_is_a_sign() {
    let proxy = Provider::new(|mut stream, _| {
        request(&mut stream).unwrap();
        let established = b"HTTP/1.1 200 Established\r\n\r\n";
        stream.write_all(established).unwrap();
        while request(&mut stream).is_some() {
            let twice = ok("own") + &ok("another's");
            stream.write_all(twice.as_bytes()).unwrap();
        }
    });
    let settings = Settings {
        proxy: Some(crate::secret::Secret::new(format!(
            "http://{}",
            proxy.address
        ))),
        proxy_private: true,
        ..Settings::default()
    };
    let client = Client::new(settings).unwrap();
    for connections in 1..3 {
        let response = client.call(get("http://api.example.com/", soon())).unwrap();
        assert_eq!(text(response).unwrap(), "own");
        assert_eq!(proxy.connections(), connections);
    }
    assert_eq!(client.unasked("http://api.example.com/v1"), 2);
}
