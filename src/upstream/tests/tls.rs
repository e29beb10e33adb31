//! TLS against a rustls server. The fixtures are a CA of our own and two certificates for localhost by it, one of which
//! expired in 2020; three that the server has signed itself, as `openssl req -x509` does, of which one has expired and one
//! is valid from 2095 on; and one that is signed by the key of `server.pem`, which is no authority. Their key protects
//! nothing.

use std::path::PathBuf;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::upstream::Phase;

pub(super) type Session = StreamOwned<ServerConnection, TcpStream>;

pub(in crate::upstream) fn fixture(name: &str) -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "src/upstream/tests/fixtures",
        name,
    ]
    .iter()
    .collect()
}

pub(in crate::upstream) fn server_config(certificate: &str) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(fixture(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// As [`Provider::new`], with this certificate.
pub(super) fn provider(
    certificate: &str,
    script: impl Fn(Session, usize) + Send + Sync + 'static,
) -> Provider {
    let config = server_config(certificate);
    Provider::new(move |stream, number| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        script(StreamOwned::new(session, stream), number);
    })
}

pub(super) fn secure(provider: &Provider) -> String {
    format!("https://localhost:{}/", provider.address.port())
}

pub(super) fn trusting() -> Client {
    trusting_in("ca.pem")
}

fn trusting_in(ca_file: &str) -> Client {
    let settings = Settings {
        ca_file: Some(fixture(ca_file)),
        ..Settings::default()
    };
    // All names are here, so that a certificate can be wrong for one.
    Client::with_lookup(
        settings,
        Box::new(|_| Ok(vec!["127.0.0.1".parse().unwrap()])),
    )
    .unwrap()
}

pub(super) fn keeps_alive(mut session: Session, _: usize) {
    while let Some(request) = request(&mut session) {
        let body = "x".repeat(request.len());
        session.write_all(ok(&body).as_bytes()).unwrap();
        session.flush().unwrap();
    }
}

/// Companies terminate TLS with a CA of their own.
#[test]
fn a_private_ca_is_trusted_when_it_is_named() {
    let provider = provider("server.pem", keeps_alive);
    let client = trusting();
    // The first fits into one record, the second into no buffer.
    for (size, reused) in [(10, false), (1_000_000, true)] {
        let response = client
            .call(post(&secure(&provider), &[&vec![b'x'; size]]))
            .unwrap();
        assert_eq!(response.head.reused, reused);
        let body = response.body.read_to_end(2_000_000, soon()).unwrap();
        assert!(body.len() > size);
    }
    assert_eq!(provider.connections(), 1);
}

#[test]
fn a_certificate_that_proves_nothing_is_unreachable_and_says_why() {
    let (valid, expired) = (
        provider("server.pem", keeps_alive),
        provider("expired.pem", keeps_alive),
    );
    let misnamed = format!("https://api.example.com:{}/", valid.address.port());
    for (client, url, why) in [
        (client(), secure(&valid), "`ca_file`"),
        (trusting(), secure(&expired), "clock is right"),
        (
            trusting(),
            misnamed,
            "is for localhost, 127.0.0.1, not for api.example.com",
        ),
    ] {
        let error = client.call(get(&url, soon())).unwrap_err();
        let said = matches!(&error, CallError::Unreachable(text) if text.starts_with("TLS: ") && text.contains(why));
        assert!(said, "{error}");
    }
}

#[test]
fn a_server_without_tls_is_unreachable() {
    let plain = Provider::new(|mut stream, _| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"HTTP/1.1 400 This is not TLS\r\n\r\n");
    });
    let error = trusting().call(get(&secure(&plain), soon())).unwrap_err();
    assert!(matches!(error, CallError::Unreachable(_)), "{error}");
}

#[test]
fn a_handshake_that_hangs_is_out_of_time_with_the_connection() {
    let silent = Provider::new(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let settings = Settings {
        connect_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let started = Instant::now();
    let error = Client::new(settings)
        .unwrap()
        .call(get(&secure(&silent), soon()))
        .unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Tls));
    assert!(
        started.elapsed() < Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
}

/// Without the close_notify the connection may have been cut by a third party (RFC 9112 section 9.8).
#[test]
fn only_a_tls_close_ends_a_close_delimited_body() {
    for (says_goodbye, whole) in [(true, true), (false, false)] {
        let provider = provider("server.pem", move |mut session, _| {
            request(&mut session);
            session.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
            if says_goodbye {
                session.conn.send_close_notify();
            }
            session.flush().unwrap();
        });
        let response = trusting().call(get(&secure(&provider), soon())).unwrap();
        match text(response) {
            Ok(body) => assert!(whole && body == "hello", "{body}"),
            Err(error) => assert!(
                !whole && matches!(error, CallError::BadResponse(_)),
                "{error}"
            ),
        }
    }
}

/// The close_notify of a dying connection is bytes, but none of an answer.
#[test]
fn a_pooled_connection_that_says_goodbye_is_replaced() {
    let provider = provider("server.pem", |mut session, number| {
        request(&mut session);
        session.write_all(ok("again").as_bytes()).unwrap();
        session.flush().unwrap();
        if number == 0 {
            request(&mut session);
            session.conn.send_close_notify();
            let _ = session.flush();
        }
    });
    let client = trusting();
    for _ in 0..2 {
        let response = client.call(post(&secure(&provider), &[b"{}"])).unwrap();
        assert!(!response.head.reused);
        assert_eq!(text(response).unwrap(), "again");
    }
    assert_eq!(provider.connections(), 2);
}

#[test]
fn a_long_head_is_an_answer_under_tls_too() {
    let provider = provider("server.pem", |mut session, _| {
        request(&mut session);
        let head = format!(
            "HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 2\r\n\r\nok",
            "b".repeat(60_000)
        );
        session.write_all(head.as_bytes()).unwrap();
        session.flush().unwrap();
    });
    let response = trusting().call(get(&secure(&provider), soon())).unwrap();
    assert_eq!(response.head.header("a").map(str::len), Some(60_000));
    assert_eq!(text(response).unwrap(), "ok");
}

#[test]
fn a_ca_file_without_certificates_is_refused_at_the_start() {
    for name in ["server.key", "no-such-file"] {
        let settings = Settings {
            ca_file: Some(fixture(name)),
            ..Settings::default()
        };
        let error = Client::new(settings).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
}

/// A local server's certificate is its own authority, or nobody's; `curl --cacert` takes both.
#[test]
fn exactly_the_certificate_that_is_named_is_trusted() {
    for (presented, ca_file, refused) in [
        ("self-signed.pem", "self-signed.pem", None),
        ("server.pem", "server.pem", None),
        ("self-signed.pem", "ca.pem", Some("put exactly it into")),
        (
            "server.pem",
            "self-signed.pem",
            Some("is not signed by an authority we know"),
        ),
        (
            "self-signed-expired.pem",
            "self-signed-expired.pem",
            Some("has expired"),
        ),
        (
            "self-signed-future.pem",
            "self-signed-future.pem",
            Some("not valid before 2095-01-01 00:00 UTC"),
        ),
        // The server's key signs for nobody else, though the file names its certificate.
        (
            "by-leaf.pem",
            "server.pem",
            Some("is not signed by an authority we know"),
        ),
    ] {
        let provider = provider(presented, keeps_alive);
        let client = trusting_in(ca_file);
        let answered = client.call(get(&secure(&provider), soon()));
        match (answered, refused) {
            (Ok(response), None) => assert_eq!(response.head.status, 200),
            (Err(error), Some(why)) => {
                assert!(error.to_string().contains(why), "{presented}: {error}")
            }
            (answered, _) => panic!("{presented} by {ca_file}: {:?}", answered.err()),
        }
        let misnamed = format!("https://api.example.com:{}/", provider.address.port());
        assert!(client.call(get(&misnamed, soon())).is_err(), "{presented}");
    }
}
