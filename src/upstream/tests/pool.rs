//! Connections that serve more than one call.

use super::*;

/// Answers every request of a connection.
fn keeps_alive(mut stream: TcpStream, _: usize) {
    while request(&mut stream).is_some() {
        stream.write_all(ok("again").as_bytes()).unwrap();
    }
}

fn twice(client: &Client, provider: &Provider) -> [Result<(bool, String), CallError>; 2] {
    [(); 2].map(|()| {
        let response = client.call(post(&provider.url(), &[b"{}"]))?;
        Ok((response.head.reused, text(response)?))
    })
}

#[test]
fn a_connection_is_used_again() {
    let provider = Provider::new(keeps_alive);
    let again = |reused| Ok((reused, "again".to_owned()));
    assert_eq!(twice(&client(), &provider), [again(false), again(true)]);
    assert_eq!(provider.connections(), 1);
}

/// Handshakes are what a pool is there to spare; a broken one shows in this number only.
#[test]
fn new_and_used_connections_are_counted() {
    let provider = Provider::new(keeps_alive);
    let client = client();
    assert!(twice(&client, &provider).iter().all(Result::is_ok));
    let nobody = client.call(post("http://127.0.0.1:1/", &[b"{}"]));
    assert!(nobody.is_err());
    let stats = client.stats();
    assert_eq!((stats.new_connections, stats.reused_connections), (1, 1));
}

/// Servers close idle connections whenever they like; the client must not see it.
#[test]
fn a_pooled_connection_that_dies_under_a_call_is_replaced_once() {
    for how in [drop as fn(TcpStream), reset] {
        let provider = Provider::new(move |mut stream, number| {
            request(&mut stream).unwrap();
            stream.write_all(ok("again").as_bytes()).unwrap();
            // The look finds it open, and it dies with the next request.
            if number == 0 && request(&mut stream).is_some() {
                how(stream);
            }
        });
        let again = || Ok((false, "again".to_owned()));
        assert_eq!(twice(&client(), &provider), [again(), again()]);
        assert_eq!(provider.connections(), 2);
    }
}

/// A dead connection means that its pooled siblings are dead too; trying them all would cost a timeout each.
#[test]
fn the_replacement_is_a_fresh_connection() {
    let both = Arc::new(std::sync::Barrier::new(2));
    let provider = Provider::new(move |mut stream, number| {
        request(&mut stream).unwrap();
        if number < 2 {
            both.wait();
            stream.write_all(ok("again").as_bytes()).unwrap();
            request(&mut stream);
            return;
        }
        // Answers without a body go back to the pool on another way.
        stream.write_all(ok("").as_bytes()).unwrap();
        keeps_alive(stream, number);
    });
    let client = client();
    let call = || {
        client
            .call(post(&provider.url(), &[b"{}"]))
            .and_then(text)
            .unwrap()
    };
    thread::scope(|scope| {
        scope.spawn(call);
        scope.spawn(call);
    });
    assert_eq!(call(), "");
    assert_eq!(provider.connections(), 3);
    let response = client.call(post(&provider.url(), &[b"{}"])).unwrap();
    assert!(
        response.head.reused,
        "the fresh connection went into the pool"
    );
}

/// Some servers say 408 before they close an idle connection; it is no answer to the request that comes next.
#[test]
fn what_arrives_between_two_calls_is_no_answer() {
    let (idle, wait) = channel::<()>();
    let (closed, is_closed) = channel();
    let wait = std::sync::Mutex::new(wait);
    let provider = Provider::new(move |mut stream, number| {
        request(&mut stream);
        stream.write_all(ok("again").as_bytes()).unwrap();
        if number == 0 {
            wait.lock().unwrap().recv().unwrap();
            let late = "HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(late.as_bytes()).unwrap();
            closed.send(()).unwrap();
            let _ = stream.read(&mut [0; 1]);
        }
    });
    let client = client();
    let call = || {
        client
            .call(post(&provider.url(), &[b"{}"]))
            .and_then(text)
            .unwrap()
    };
    assert_eq!(call(), "again");
    idle.send(()).unwrap();
    is_closed.recv().unwrap();
    assert_eq!(call(), "again");
    assert_eq!(provider.connections(), 2);
}

/// Repeating a request after an answer has begun could make it happen twice.
#[test]
fn an_answer_that_breaks_off_is_not_repeated() {
    let provider = Provider::new(|mut stream, _| {
        request(&mut stream).unwrap();
        stream.write_all(ok("again").as_bytes()).unwrap();
        request(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 2").unwrap();
    });
    let [_, second] = twice(&client(), &provider);
    assert!(
        matches!(second, Err(CallError::BadResponse(_))),
        "{second:?}"
    );
    assert_eq!(provider.connections(), 1);
}

#[test]
fn silence_on_a_pooled_connection_is_not_repeated() {
    let provider = Provider::new(|mut stream, _| {
        request(&mut stream).unwrap();
        stream.write_all(ok("again").as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let client = client();
    client
        .call(get(&provider.url(), soon()))
        .and_then(text)
        .unwrap();
    let deadline = Instant::now() + Duration::from_millis(100);
    let error = client.call(get(&provider.url(), deadline)).unwrap_err();
    assert!(matches!(error, CallError::Timeout(_)), "{error}");
    assert_eq!(provider.connections(), 1);
}

/// Bytes after the end of an answer would be taken for the next answer, which is another call's.
#[test]
fn a_connection_with_bytes_left_over_is_not_used_again() {
    let provider = Provider::new(|mut stream, _| {
        while request(&mut stream).is_some() {
            let answer = ok("again") + &ok("smuggled");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let again = || Ok((false, "again".to_owned()));
    assert_eq!(twice(&client(), &provider), [again(), again()]);
}

#[test]
fn a_body_that_is_dropped_early_closes_its_connection() {
    let (ended, ends) = channel();
    let provider = Provider::new(move |mut stream, _| {
        request(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            .unwrap();
        report_end(stream, &ended);
    });
    drop(client().call(get(&provider.url(), soon())).unwrap());
    ends.recv().unwrap();
}

/// A shutdown looks like the end of the input; a body that ends with its connection is not complete by that.
#[test]
fn a_shutdown_is_no_end_of_a_body() {
    let provider = Provider::new(|mut stream, _| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    let client = client();
    let mut response = client.call(get(&provider.url(), soon())).unwrap();
    let mut buf = [0; 100];
    assert_eq!(response.body.read(&mut buf, soon()).unwrap(), 4);
    client.shutdown();
    let error = response.body.read(&mut buf, soon()).unwrap_err();
    assert!(matches!(error, CallError::BadResponse(_)), "{error}");
    assert!(client.call(get(&provider.url(), soon())).is_err());
}

/// The edge keeps one descriptor for each request's call. Idle connections beside them would use up those of others.
#[test]
fn idle_connections_make_room_for_those_in_use() {
    let (ended, idle_ended) = channel();
    let idle = Provider::new(move |mut stream, number| {
        keeps_alive(stream.try_clone().unwrap(), number);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        ended.send(()).unwrap();
    });
    let busy = Provider::new(keeps_alive);
    let client = Client::new(Settings {
        max_idle: 1,
        ..Settings::default()
    });
    let client = client.unwrap();
    text(client.call(post(&idle.url(), &[b"{}"])).unwrap()).unwrap();
    assert!(idle_ended.try_recv().is_err());
    let in_use = client.call(post(&busy.url(), &[b"{}"])).unwrap();
    idle_ended.recv_timeout(Duration::from_secs(10)).unwrap();
    text(in_use).unwrap();
    assert!(
        twice(&client, &busy)
            .iter()
            .flatten()
            .all(|(reused, _)| *reused)
    );
}

/// After a reload there are no new calls over the old client, but a stream in flight holds its pool for as long as it
/// lasts.
#[test]
fn a_client_that_retires_keeps_no_connection_and_ends_none_in_use() {
    let (ended, ends) = channel();
    let provider = Provider::new(move |mut stream, number| {
        keeps_alive(stream.try_clone().unwrap(), number);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        ended.send(number).unwrap();
    });
    let client = client();
    let response = || client.call(post(&provider.url(), &[b"{}"])).unwrap();
    let (in_use, idle) = (response(), response());
    text(idle).unwrap();
    assert!(ends.try_recv().is_err());
    client.retire();
    assert_eq!(ends.recv_timeout(Duration::from_secs(10)), Ok(1));
    assert_eq!(text(in_use).unwrap(), "again");
    assert_eq!(ends.recv_timeout(Duration::from_secs(10)), Ok(0));
    // A walk in flight may go on to its next step.
    assert_eq!(text(response()).unwrap(), "again");
    assert_eq!(ends.recv_timeout(Duration::from_secs(10)), Ok(2));
}

/// A reader on the way that goes by the other framing would take a part of this answer for that to the next call.
#[test]
fn the_connection_of_an_answer_with_two_framings_is_not_used_again() {
    const BOTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nagain\r\n0\r\n\r\n";
    let provider = Provider::new(|mut stream, _| {
        while request(&mut stream).is_some() {
            stream.write_all(BOTH.as_bytes()).unwrap();
        }
    });
    let again = || Ok((false, "again".to_owned()));
    assert_eq!(twice(&client(), &provider), [again(), again()]);
    assert_eq!(provider.connections(), 2);
}
