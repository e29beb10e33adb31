//! The downstream client goes away, or only seems to.

use super::*;
use crate::client_socket::ClientSocket;

/// A client's end of a connection, and the gateway's end of it.
fn downstream() -> (TcpStream, Arc<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().unwrap();
    (far, Arc::new(near))
}

/// The head of an answer for this client, whose body is still to come.
fn answered(provider: &Provider, client_socket: &ClientSocket) -> Response {
    let url = provider.url();
    let call = Call {
        client: Some(client_socket),
        ..get(&url, soon())
    };
    client().call(call).unwrap()
}

/// An abandoned generation costs money until its connection is closed.
#[test]
fn a_client_that_leaves_ends_the_call_and_its_connection() {
    let (arrived, arrivals) = channel();
    let (ended, ends) = channel();
    let provider = Provider::new(move |mut stream, _| {
        request(&mut stream);
        arrived.send(()).unwrap();
        report_end(stream, &ended);
    });
    for leave in [drop as fn(TcpStream), reset] {
        let (far, near) = downstream();
        let near = ClientSocket::new(&near, true);
        let url = provider.url();
        let left = thread::scope(|scope| {
            let call = scope.spawn(|| {
                let call = Call {
                    client: Some(&near),
                    ..post(&url, &[b"{}"])
                };
                client().call(call).map(|response| response.head.status)
            });
            arrivals.recv().unwrap();
            let left = Instant::now();
            leave(far);
            assert_eq!(call.join().unwrap(), Err(CallError::Cancelled));
            left
        });
        ends.recv().unwrap();
        assert!(
            left.elapsed() < Duration::from_millis(300),
            "{:?}",
            left.elapsed()
        );
    }
}

#[test]
fn a_client_that_leaves_inside_a_body_ends_it() {
    let (ended, ends) = channel();
    let provider = Provider::new(move |mut stream, _| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").unwrap();
        report_end(stream, &ended);
    });
    let (far, near) = downstream();
    let near = ClientSocket::new(&near, true);
    let mut response = answered(&provider, &near);
    let mut buf = [0; 100];
    assert_eq!(response.body.read(&mut buf, soon()).unwrap(), 4);
    drop(far);
    assert_eq!(
        response.body.read(&mut buf, soon()),
        Err(CallError::Cancelled)
    );
    drop(response);
    ends.recv().unwrap();
}

/// A provider that speaks again soon is waited for without an eye on the client, but only for a moment.
#[test]
fn a_client_that_leaves_a_lively_body_ends_it() {
    let (ended, ends) = channel();
    let provider = Provider::new(move |mut stream, _| {
        request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(b"more").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        ended.send(()).unwrap();
    });
    for leave in [drop as fn(TcpStream), reset] {
        let (far, near) = downstream();
        let near = ClientSocket::new(&near, true);
        let mut response = answered(&provider, &near);
        let mut buf = [0; 100];
        assert_eq!(response.body.read(&mut buf, soon()).unwrap(), 4);
        leave(far);
        let left = Instant::now();
        let error = loop {
            if let Err(error) = response.body.read(&mut buf, soon()) {
                break error;
            }
            let since = left.elapsed();
            assert!(since < Duration::from_secs(2), "read for {since:?}");
        };
        assert_eq!(error, CallError::Cancelled);
        drop(response);
        ends.recv().unwrap();
    }
}

/// `curl` piped from a file, or `nc -N`: done with sending, still waiting for the answer.
#[test]
fn a_client_that_had_half_closed_gets_its_answer() {
    let provider = Provider::saying(ok("patience"));
    let (far, near) = downstream();
    far.shutdown(std::net::Shutdown::Write).unwrap();
    // The FIN is there before the watch begins.
    assert_eq!((&*near).read(&mut [0; 1]).unwrap(), 0);
    let near = ClientSocket::new(&near, false);
    assert_eq!(text(answered(&provider, &near)).unwrap(), "patience");
}

/// The lookup thread cannot be cancelled, but the call that waits for it can.
#[test]
fn a_client_that_leaves_during_the_lookup_ends_the_call() {
    let (asked, questions) = channel();
    let (_never, hang) = channel::<()>();
    let hang = std::sync::Mutex::new(hang);
    let lookup = move |_: &str| {
        asked.send(()).unwrap();
        let _ = hang.lock().unwrap().recv();
        Err(std::io::ErrorKind::TimedOut.into())
    };
    let client = Client::with_lookup(Settings::default(), Box::new(lookup)).unwrap();
    let (far, near) = downstream();
    let near = ClientSocket::new(&near, true);
    thread::scope(|scope| {
        let call = scope.spawn(|| {
            let call = Call {
                client: Some(&near),
                ..get("http://api.example.com/", soon())
            };
            client.call(call).map(|response| response.head.status)
        });
        questions.recv().unwrap();
        let left = Instant::now();
        drop(far);
        assert_eq!(call.join().unwrap(), Err(CallError::Cancelled));
        assert!(
            left.elapsed() < Duration::from_millis(300),
            "{:?}",
            left.elapsed()
        );
    });
}
