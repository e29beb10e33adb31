//! The way to a provider: past a proxy where the provider is near, and over TLS where its certificate is its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{Config, PATIENCE, Upstream, openai};

fn fixture(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/upstream/tests/fixtures");
    PathBuf::from(folder).join(name)
}

/// A provider over TLS with this certificate; its base URL.
fn provider(certificate: &str) -> String {
    let chain = vec![CertificateDer::from_pem_file(fixture(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust it goes.
            let _ = serve(StreamOwned::new(session, socket));
        }
    });
    url
}

/// Answers one request whose body comes with its head.
fn serve(mut stream: impl Read + Write) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        let field = line.to_ascii_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let answer = openai::answer("over TLS");
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
        answer.len()
    )?;
    stream.flush()
}

/// The first thing that people do for a local server is `openssl req -x509`, and the second is `ca_file`.
#[test]
fn a_server_with_a_certificate_of_its_own_is_reached_and_no_other_is() {
    for (presented, ca_file, told) in [
        ("self-signed.pem", "self-signed.pem", None),
        (
            "self-signed.pem",
            "server.pem",
            Some("put exactly it into that file"),
        ),
        (
            "self-signed-expired.pem",
            "self-signed-expired.pem",
            Some("if this machine's clock is right (it says 2"),
        ),
        (
            "self-signed-future.pem",
            "self-signed-future.pem",
            Some("is this machine's clock right (it says 2"),
        ),
        (
            "server.pem",
            "self-signed.pem",
            Some("put it, or its authority's, into the file of `ca_file`"),
        ),
    ] {
        let url = provider(presented);
        let gateway = Config::new()
            .with(&format!("ca_file: {}", fixture(ca_file).display()))
            .provider("a", url.as_str())
            .route("r", [("a", "model-a")])
            .start();
        let response = gateway.ask("r", false);
        let body = response.text();
        match told {
            None => assert_eq!(openai::content(&response.json()), "over TLS"),
            Some(told) => assert!(
                response.status == 502 && body.contains(told),
                "{presented}: {response}"
            ),
        }
    }
}

/// A proxy that notes what it is asked for, and lets nothing through.
fn proxy() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (asked, seen) = mpsc::channel();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut head = vec![0; 4096];
            let length = socket.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let _ = socket.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            );
            if asked.send(head).is_err() {
                return;
            }
        }
    });
    (address, seen)
}

/// A company's proxy, a model server on the same machine, and a provider that the proxy is there for.
#[test]
fn a_proxy_is_for_what_lies_beyond_it_and_its_password_is_nobodys() {
    let near = Upstream::saying("near");
    let (address, asked) = proxy();
    let far = "https://api.far.example/v1";
    let gateway = Config::new()
        .with(&format!("proxy: 'http://me:${{PROXY_PASSWORD}}@{address}'"))
        .environment("PROXY_PASSWORD", "s3cret@of/the#proxy")
        .environment("LOG_LEVEL", "debug")
        .provider("near", &near)
        .provider("far", far)
        .provider_with("direct", "http://direct.far.example/v1", &["proxy: none"])
        .route("near", [("near", "m")])
        .route("far", [("far", "m")])
        .route("direct", [("direct", "m")])
        .start();
    let response = gateway.ask("near", false);
    assert_eq!(response.status, 200, "{response}");
    // Nobody knows this name, and the proxy is not asked for it.
    let unknown = gateway.ask("direct", false);
    assert_eq!(unknown.status, 502, "{unknown}");
    let refused = gateway.ask("far", false);
    assert_eq!(refused.status, 502, "{refused}");
    let wish = asked.recv().unwrap();
    assert!(wish.starts_with("CONNECT api.far.example:443 "), "{wish}");
    // base64 of me:s3cret@of/the#proxy
    let credentials = "bWU6czNjcmV0QG9mL3RoZSNwcm94eQ==";
    assert!(wish.contains(&format!("Basic {credentials}")), "{wish}");
    assert!(asked.try_recv().is_err());
    let told = format!("{refused}{unknown}{}", gateway.output.text());
    for secret in ["s3cret@of", "s3cret%40of", credentials] {
        assert!(!told.contains(secret), "{told}");
    }
}

/// Whoever wants all calls to go through the proxy can have that.
#[test]
fn a_proxy_gets_private_addresses_where_it_is_told_to() {
    let near = Upstream::saying("near");
    let (address, asked) = proxy();
    let gateway = Config::new()
        .with(&format!("proxy: 'http://{address}'"))
        .with("proxy_private: true")
        .provider("near", &near)
        .route("r", [("near", "m")])
        .start();
    assert_eq!(gateway.ask("r", false).status, 502);
    assert!(asked.recv().unwrap().starts_with("CONNECT 127.0.0.1:"));
    assert_eq!(near.connections(), 0);
}

/// A company's machine reaches what tells people by the same way as providers.
#[test]
fn alerts_go_out_by_the_proxy_as_well() {
    let near = Upstream::saying("near");
    let (address, asked) = proxy();
    let gateway = Config::new()
        .with(&format!("proxy: 'http://{address}'"))
        .with("alerts: [{kind: ntfy, url: 'https://ntfy.far.example/topic', events: [started]}]")
        .provider("near", &near)
        .route("r", [("near", "m")])
        .start();
    let wish = asked.recv_timeout(PATIENCE).unwrap();
    let expected = "CONNECT ntfy.far.example:443 ";
    assert!(wish.starts_with(expected), "{wish}");
    assert_eq!(gateway.ask("r", false).status, 200);
}

/// The C library's look-up of names would come back with the first `TcpStream::connect("host:80")`: 130 KB, and modules of
/// the machine's own C library in the process.
#[test]
#[cfg(all(target_env = "gnu", debug_assertions))]
fn the_c_librarys_lookup_is_not_in_the_program() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_ai-gateway")).unwrap();
    let holds = |symbol: &str| memchr::memmem::find(&program, symbol.as_bytes()).is_some();
    // The program has its symbols, which end with a NUL, and none of the look-up's own.
    assert!(holds("__libc_start_main"));
    for symbol in ["\0_nss_dns_", "\0__res_context_", "\0getaddrinfo\0"] {
        assert!(!holds(symbol), "{symbol}");
    }
}
