//! Looking names up: once, in time, and not at all when DNS is down.

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use super::*;
use crate::upstream::Phase;

const HERE: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

fn client_asking(
    lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
) -> Client {
    Client::with_lookup(Settings::default(), Box::new(lookup)).unwrap()
}

fn url_of(provider: &Provider) -> String {
    format!("http://api.example.com:{}/", provider.address.port())
}

/// A lookup for each request would double the latency of short ones.
#[test]
fn a_name_is_looked_up_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let client = client_asking(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(HERE.to_vec())
    });
    let provider = Provider::saying(ok("found"));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                client
                    .call(get(&url_of(&provider), soon()))
                    .and_then(text)
                    .unwrap()
            });
        }
    });
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_lookup_that_hangs_is_out_of_time_with_the_connection() {
    let (_never, hang) = channel::<()>();
    let hang = Mutex::new(hang);
    let lookup = move |_: &str| {
        let _ = hang.lock().unwrap().recv();
        Err(io::ErrorKind::TimedOut.into())
    };
    let settings = Settings {
        connect_timeout: Duration::from_millis(100),
        ..Settings::default()
    };
    let client = Client::with_lookup(settings, Box::new(lookup)).unwrap();
    let started = Instant::now();
    let error = client
        .call(get("http://api.example.com/", soon()))
        .unwrap_err();
    assert_eq!(error, CallError::Timeout(Phase::Resolve));
    assert!(
        started.elapsed() < Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_name_without_addresses_is_unreachable_and_says_which() {
    for lookup in [
        |_: &str| Ok(Vec::new()),
        |_: &str| Err(io::Error::other("no such host")),
    ] {
        let client = client_asking(lookup);
        let error = client.call(get("http://API.example.com./", soon()));
        assert_eq!(client.stats().dns_failures, 1);
        let error = error.unwrap_err();
        assert!(
            matches!(&error, CallError::Unreachable(why) if why.contains("api.example.com")),
            "{error}"
        );
    }
}

/// Half of the world's IPv6 does not work.
#[test]
fn an_address_that_refuses_gives_way_to_the_next() {
    let provider = Provider::saying(ok("second"));
    let client = client_asking(|_| {
        Ok(vec![
            "::1".parse().unwrap(),
            "127.0.0.2".parse().unwrap(),
            HERE[0],
        ])
    });
    let response = client.call(get(&url_of(&provider), soon())).unwrap();
    assert_eq!(text(response).unwrap(), "second");
}

/// A black-holed address would otherwise take the whole connect budget.
#[test]
fn an_address_that_says_nothing_does_not_hold_up_the_next() {
    // The same port has to be free at another address, where tests beside this one may have all ports for a moment.
    let deadline = Instant::now() + Duration::from_secs(20);
    let (provider, _full) = loop {
        let provider = Provider::saying(ok("second"));
        match black_hole(&format!("127.0.0.2:{}", provider.address.port())) {
            Ok((_, full)) => break (provider, full),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        drop(provider);
        std::thread::sleep(Duration::from_millis(20));
    };
    let client = client_asking(|_| Ok(vec!["127.0.0.2".parse().unwrap(), HERE[0]]));
    let started = Instant::now();
    let response = client.call(get(&url_of(&provider), soon())).unwrap();
    assert_eq!(text(response).unwrap(), "second");
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}
