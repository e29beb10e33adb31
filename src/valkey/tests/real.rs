//! A real server: what is written is what another client reads.

use std::sync::Arc;

use redis::Commands;
use rustix::process::Signal;

use super::server::{Server, fixture};
use super::*;
use crate::config::SharedAddress;
use crate::secret::Secret;

fn replica(shared: &Shared) -> (Arc<Fake>, Link) {
    let fake = Arc::new(Fake::default());
    let of_link: Arc<dyn Replica> = Arc::<Fake>::clone(&fake);
    (fake, Link::start(shared, of_link).unwrap())
}

#[test]
fn what_is_told_is_what_another_client_sees() {
    let Some(server) = Server::start("") else {
        return;
    };
    let (fake, link) = replica(&server.shared());
    fake.wait("granted", |told| {
        matches!(told.sharing, Some(Sharing::Granted { replicas: 1 }))
    });
    let until = 4_000_000_000_000;
    fake.say(|says| {
        says.marks.insert("p|k|m".to_owned(), mark(until, 5));
        says.learned
            .insert("line".to_owned(), "39 2 60000 0".to_owned());
        says.draws = vec![
            draw("p|k|m|requests|60s", 5, 7),
            draw("p|k|m|requests|60s", 5, 7),
        ];
        says.usage = vec![Usage {
            window: "home:2026-11-26".to_owned(),
            told: Some(("one".to_owned(), "2 0 0 0 0 7".to_owned())),
            lifetime: 60_000,
        }];
    });
    fake.wait("draws", |told| told.drawn.len() == 2);
    assert_eq!(lock(&fake.told).drawn, [5, 10]);
    let usage = lock(&fake.told).usage.clone();
    assert_eq!(usage[0].get("one").unwrap(), "2 0 0 0 0 7");
    fake.say(|says| says.draws.push(draw("x", 1, 1)));
    fake.wait("the next exchange", |told| told.drawn.len() == 3);

    let mut other = server.other_client();
    let told: String = other.hget("aigw:m", "p|k|m").unwrap();
    assert_eq!(told, format!("{until} rate_limited 1 2 5"));
    assert_eq!(other.hget("aigw:n", "line"), Ok("39 2 60000 0".to_owned()));
    let counter = "aigw:l:p|k|m|requests|60s:1000";
    assert_eq!(other.get(counter), Ok(10));
    assert!(other.pttl::<_, i64>(counter).unwrap() > 60_000);
    let sum: String = other.hget("aigw:a:home:2026-11-26", "one").unwrap();
    assert_eq!(sum, "2 0 0 0 0 7");
    assert!(other.pttl::<_, i64>("aigw:a:home:2026-11-26").unwrap() > 30_000);
    assert_eq!(other.zcard("aigw:r"), Ok(1));
    let keys: Vec<String> = other.keys("*").unwrap();
    assert!(keys.iter().all(|key| key.starts_with("aigw:")), "{keys:?}");

    // A success refutes the mark; a replica that goes puts back what it holds.
    fake.say(|says| {
        says.marks.clear();
        says.returns = vec![draw("p|k|m|requests|60s", 3, 0)];
    });
    let deadline = Instant::now() + PATIENCE;
    while other.hexists("aigw:m", "p|k|m").unwrap() {
        assert!(Instant::now() < deadline);
    }
    drop(link);
    assert_eq!(other.get(counter), Ok(7));
    assert_eq!(other.zcard("aigw:r"), Ok(0));
}

#[test]
fn replicas_tell_each_other() {
    let Some(server) = Server::start("") else {
        return;
    };
    let (one, _link) = replica(&server.shared());
    let (two, _other_link) = replica(&server.shared());
    one.wait("the other", |told| told.members == 2);
    let held = mark(4_000_000_000_000, 5);
    one.say(|says| says.marks.extend([("p||".to_owned(), held)]));
    two.wait("the mark", |told| told.marks.get("p||") == Some(&held));
    two.say(|says| says.marks.extend([("p||".to_owned(), held)]));
    one.say(|says| drop(says.learned.insert("l".to_owned(), "1".to_owned())));
    two.wait("the lesson", |told| told.learned.contains_key("l"));
    two.say(|says| says.marks.clear());
    one.wait("that it is refuted", |told| {
        told.refuted.contains_key("p||")
    });
    // What a gateway of another prefix tells is not heard.
    let mut elsewhere = server.shared();
    elsewhere.prefix = "other".to_owned();
    let (three, _third_link) = replica(&elsewhere);
    three.wait("anything", |told| told.exchanges > 2);
    assert!(lock(&three.told).learned.is_empty());
}

/// FLUSHALL, and a restart without persistence.
#[test]
fn lost_data_are_noticed() {
    let Some(server) = Server::start("") else {
        return;
    };
    let (fake, _link) = replica(&server.shared());
    fake.wait("granted", |told| {
        matches!(told.sharing, Some(Sharing::Granted { .. }))
    });
    let _: () = redis::cmd("FLUSHALL")
        .query(&mut server.other_client())
        .unwrap();
    fake.wait("forgotten", |told| told.forgotten > 0);
    fake.wait("granted again", |told| {
        matches!(told.sharing, Some(Sharing::Granted { .. }))
    });
}

/// A server that hangs is as good as none, and back when it is back.
#[test]
fn a_server_that_stops_is_away_until_it_goes_on() {
    let Some(server) = Server::start("") else {
        return;
    };
    let shared = Shared {
        timeout: Duration::from_secs(1),
        replicas: Some(2),
        ..server.shared()
    };
    let (fake, link) = replica(&shared);
    fake.wait("an exchange", |told| told.exchanges > 0);
    server.signal(Signal::STOP);
    fake.wait("split", |told| {
        told.interrupted > 0 && told.sharing == Some(Sharing::Split { replicas: 2 })
    });
    assert!(!link.stats().up);
    let began = Instant::now();
    assert!(
        !link.wait_for_answer(PATIENCE),
        "nobody waits for a server that is away"
    );
    assert!(began.elapsed() < PATIENCE / 2);
    let before = lock(&fake.told).exchanges;
    server.signal(Signal::CONT);
    fake.wait("exchanges again", |told| told.exchanges > before);
    assert!(link.stats().up && link.wait_for_answer(PATIENCE));
    // It hangs again, and the end does not wait for it.
    server.signal(Signal::STOP);
    let began = Instant::now();
    drop(link);
    let took = began.elapsed();
    server.signal(Signal::CONT);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn passwords_users_and_databases_are_sent() {
    // The least that a user needs, as docs/replicas.md has it.
    let acl = "user default on >secret ~* +@all\n\
               user gateway on >p@ss ~aigw:* +@read +@write -@dangerous +@connection +time +info";
    let Some(server) = Server::start(acl) else {
        return;
    };
    let login = |user: Option<&str>, password: Option<&str>, database| {
        let mut shared = server.shared();
        shared.server.user = user.map(str::to_owned);
        shared.server.password = password.map(Secret::new);
        shared.server.database = database;
        shared
    };
    for good in [
        login(None, Some("secret"), 0),
        login(None, Some("secret"), 3),
        login(Some("gateway"), Some("p@ss"), 0),
    ] {
        let (fake, link) = replica(&good);
        fake.say(|says| {
            says.marks
                .insert("p||".to_owned(), mark(4_000_000_000_000, 5));
            says.draws.push(draw("l", 1, 5));
        });
        fake.wait("an exchange", |told| told.exchanges > 2);
        assert!(link.stats().version.contains(' '));
    }
    for (bad, hint) in [
        (login(None, None, 0), "has no password"),
        (login(None, Some("wrong"), 0), "password in the url"),
        (login(None, Some("secret"), 99), "out of range"),
    ] {
        let (fake, link) = replica(&bad);
        fake.wait("a refusal", |told| told.interrupted > 0);
        let fault = link.stats().fault.unwrap_or_default();
        assert!(fault.contains(hint) && !fault.contains("wrong"), "{fault}");
    }
}

#[test]
fn tls_trusts_the_named_authority_alone() {
    let pem = |name| fixture(name).display().to_string();
    let settings = format!(
        "tls-port {{port}}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no",
        pem("server.pem"),
        pem("server.key"),
        pem("ca.pem")
    );
    let Some(server) = Server::start(&settings) else {
        return;
    };
    let secure = |ca_file| {
        let mut shared = server.shared();
        shared.server.address = SharedAddress::Tcp {
            host: "localhost".to_owned(),
            port: server.port,
            tls: true,
        };
        shared.ca_file = ca_file;
        shared
    };
    let (fake, _link) = replica(&secure(Some(fixture("ca.pem"))));
    fake.wait("an exchange", |told| told.exchanges > 1);
    let (stranger, link) = replica(&secure(None));
    stranger.wait("a refusal", |told| told.interrupted > 0);
    let stats = link.stats();
    assert!(stats.fault.unwrap_or_default().contains("ca_file"));
    assert!(stats.errors.contains(&("tls", 1)), "{:?}", stats.errors);
}
