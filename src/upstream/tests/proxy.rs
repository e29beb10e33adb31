//! A proxy on the way.

use rustls::{ServerConnection, StreamOwned};

use super::*;
use crate::secret::Secret;
use crate::upstream::Phase;

fn client_through(proxy: &Provider) -> Client {
    let settings = Settings {
        proxy: Some(Secret::new(format!(
            "http://user:pass12345678@{}",
            proxy.address
        ))),
        proxy_private: true,
        connect_timeout: Duration::from_millis(200),
        ..Settings::default()
    };
    Client::new(settings).unwrap()
}

#[test]
fn a_proxy_is_asked_to_connect() {
    let provider = Provider::saying(ok("through"));
    let (sent, received) = recorder();
    let proxy = Provider::new(move |mut near, _| {
        let wish = request(&mut near).unwrap();
        let text = String::from_utf8(wish.clone()).unwrap();
        let target = text.split(' ').nth(1).unwrap().to_owned();
        sent.send(wish).unwrap();
        let mut far = TcpStream::connect(target).unwrap();
        near.write_all(b"HTTP/1.1 200 Established\r\n\r\n").unwrap();
        far.write_all(&request(&mut near).unwrap()).unwrap();
        std::io::copy(&mut far, &mut near).unwrap();
    });
    let response = client_through(&proxy)
        .call(get(&provider.url(), soon()))
        .unwrap();
    assert!(!response.head.reused);
    assert_eq!(text(response).unwrap(), "through");
    let wish = String::from_utf8(received.recv().unwrap()).unwrap();
    assert!(
        wish.starts_with(&format!("CONNECT {} HTTP/1.1", provider.address)),
        "{wish}"
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_at_the_start() {
    for proxy in ["socks5://127.0.0.1:1", "", "http://"] {
        let settings = Settings {
            proxy: Some(Secret::new(proxy.to_owned())),
            proxy_private: true,
            ..Settings::default()
        };
        assert!(Client::new(settings).is_err(), "{proxy}");
    }
}

/// A proxy's own answer is no answer of the provider, and its time is the connection's.
#[test]
fn a_proxy_that_does_not_connect_is_no_provider() {
    let url = "http://127.0.0.1:1/";
    for said in [
        "",
        "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 2",
        // Bytes behind the proxy's answer, which cannot be an answer to a request that has not been sent.
        "HTTP/1.1 200 Established\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        let proxy = Provider::saying(said);
        let error = client_through(&proxy).call(get(url, soon())).unwrap_err();
        assert!(
            matches!(error, CallError::Unreachable(_)),
            "{said:?}: {error}"
        );
        assert!(!error.to_string().contains("pass12345678"), "{error}");
    }
    let silent = Provider::new(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = client_through(&silent).call(get(url, soon())).unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Connect));
}

/// A proxy's tunnel, which carries bytes both ways.
fn tunnel(mut near: TcpStream) {
    let Some(wish) = request(&mut near) else {
        return;
    };
    let text = String::from_utf8(wish).unwrap();
    let target = text.split(' ').nth(1).unwrap();
    let mut far = TcpStream::connect(target).unwrap();
    near.write_all(b"HTTP/1.1 200 Established\r\n\r\n").unwrap();
    let (mut from_far, mut to_near) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    let back = thread::spawn(move || std::io::copy(&mut from_far, &mut to_near));
    let _ = std::io::copy(&mut near, &mut far);
    let _ = far.shutdown(std::net::Shutdown::Both);
    let _ = back.join().unwrap();
}

/// Behind a company's proxy every provider is like this: TLS inside the tunnel, one handshake for many calls.
#[test]
fn tls_through_a_proxy_is_kept_for_the_next_call() {
    let provider = tls::provider("server.pem", tls::keeps_alive);
    let proxy = Provider::new(|near, _| tunnel(near));
    let settings = Settings {
        proxy: Some(Secret::new(format!("http://{}", proxy.address))),
        proxy_private: true,
        ca_file: Some(tls::fixture("ca.pem")),
        ..Settings::default()
    };
    let client = Client::new(settings).unwrap();
    for reused in [false, true] {
        let url = tls::secure(&provider);
        let response = client.call(post(&url, &[b"{}"])).unwrap();
        assert_eq!((response.head.status, response.head.reused), (200, reused));
        assert!(text(response).unwrap().starts_with('x'));
    }
    assert_eq!((proxy.connections(), provider.connections()), (1, 1));
}

/// TLS to the proxy is one thing, TLS through it to the provider another.
#[test]
fn a_proxy_that_speaks_tls_carries_both_kinds_of_calls() {
    let proxy = tls::provider("server.pem", |mut session, _| {
        let wish = request(&mut session).unwrap();
        let established = b"HTTP/1.1 200 Established\r\n\r\n";
        session.write_all(established).unwrap();
        session.flush().unwrap();
        if wish.starts_with(b"CONNECT localhost:443 ") {
            let inner = ServerConnection::new(tls::server_config("server.pem")).unwrap();
            answers(&mut StreamOwned::new(inner, session));
        } else {
            answers(&mut session);
        }
    });
    let settings = Settings {
        proxy: Some(Secret::new(format!(
            "https://localhost:{}",
            proxy.address.port()
        ))),
        proxy_private: true,
        ca_file: Some(tls::fixture("ca.pem")),
        ..Settings::default()
    };
    let client = Client::new(settings).unwrap();
    for url in ["http://localhost/", "https://localhost/"] {
        for reused in [false, true] {
            let response = client.call(post(url, &[&[b'x'; 100_000]])).unwrap();
            assert_eq!(response.head.reused, reused, "{url}");
            assert_eq!(text(response).unwrap(), "through");
        }
    }
    assert_eq!(proxy.connections(), 2);
}

/// A model server in the same house is called as if there were no proxy, which could not reach it anyway; and so is one
/// that the configuration names.
#[test]
fn a_proxy_is_asked_for_what_lies_beyond_it_only() {
    let provider = Provider::saying(ok("direct"));
    let proxy = Provider::saying("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let port = provider.address.port();
    let settings = Settings {
        proxy: Some(Secret::new(format!("http://{}", proxy.address))),
        direct: vec![("Named.example".to_owned(), port)],
        ..Settings::default()
    };
    let here = |_: &str| Ok(vec!["127.0.0.1".parse().unwrap()]);
    let client = Client::with_lookup(settings.clone(), Box::new(here)).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "nas.lan",
        "ollama",
        "named.example",
    ] {
        let response = client.call(get(&format!("http://{host}:{port}/"), soon()));
        assert_eq!(text(response.unwrap()).unwrap(), "direct", "{host}");
    }
    assert_eq!(proxy.connections(), 0);
    // Also a name that happens to be here: the proxy is the one to look names up.
    let other = format!("http://other.example:{port}/");
    assert!(client.call(get(&other, soon())).is_err());
    let settings = Settings {
        proxy_private: true,
        ..settings
    };
    let through = Client::new(settings).unwrap();
    assert!(through.call(get(&provider.url(), soon())).is_err());
    assert_eq!(proxy.connections(), 2);
}

fn answers(stream: &mut (impl Read + Write)) {
    while request(stream).is_some() {
        stream.write_all(ok("through").as_bytes()).unwrap();
        stream.flush().unwrap();
    }
}
