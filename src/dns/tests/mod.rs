//! Name servers that lie, fail or say nothing, each on a port of its own.

mod server;

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

use self::server::{Asked, Record, Server, truncated};
use super::*;
use crate::sync::lock;

/// The file that names these servers. Their time is short, and the number of attempts large: a server that answers is
/// heard on a slow machine as well.
fn conf(servers: &[&Server]) -> ResolvConf {
    let mut conf = ResolvConf::parse("options attempts:5 ndots:1", "pi", |_| None);
    conf.servers = servers.iter().map(|server| server.address).collect();
    conf.names_none = false;
    conf.timeout = Duration::from_millis(400);
    conf
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// The addresses of a name in words, or the error.
fn ask(name: &str, conf: &ResolvConf) -> Result<String, String> {
    let found = ask_servers(name, conf, 0, soon())?;
    let words: Vec<String> = found.iter().map(IpAddr::to_string).collect();
    Ok(words.join(" "))
}

fn found(addresses: &str) -> Result<String, String> {
    Ok(addresses.to_owned())
}

/// A server that answers one question only once it has the other: a client that asks one after the other would wait.
#[test]
fn both_families_are_asked_at_once_from_one_port() {
    let first: Mutex<Option<Asked>> = Mutex::default();
    let server = Server::new(move |asked| {
        let mut first = lock(&first);
        match &*first {
            Some(other) if other.wants_v6 != asked.wants_v6 => {
                let all = ["192.0.2.1", "2001:db8::1"];
                vec![asked.addresses(&all), other.addresses(&all)]
            }
            _ => {
                *first = Some(asked.clone());
                Vec::new()
            }
        }
    });
    assert_eq!(
        ask("api.example.com", &conf(&[&server])),
        found("2001:db8::1 192.0.2.1")
    );
    let asked = server.asked();
    assert_eq!(asked[0].from, asked[1].from);
    // Each lookup has a port and ids of its own. One of many may have those of another by chance.
    let asked: Vec<Asked> = (0..8)
        .flat_map(|_| {
            let server = Server::knowing(&[("a", "192.0.2.1")]);
            ask("a", &conf(&[&server])).unwrap();
            server.asked()
        })
        .collect();
    let mut ports: Vec<u16> = asked.iter().map(|asked| asked.from.port()).collect();
    let mut ids: Vec<u16> = asked.iter().map(Asked::id).collect();
    for all in [&mut ports, &mut ids] {
        all.sort_unstable();
        all.dedup();
    }
    assert!(ports.len() > 4 && ids.len() > 8, "{ports:?} {ids:?}");
}

/// The kind of address that only some hosts have.
#[test]
fn one_family_is_enough() {
    for address in ["192.0.2.7", "2001:db8::7"] {
        let server = Server::saying(move |asked| asked.addresses(&[address]));
        assert_eq!(ask("host.example", &conf(&[&server])), found(address));
    }
}

#[test]
fn what_a_datagram_has_no_room_for_comes_over_tcp() {
    let many: Vec<String> = (1..=60).map(|n| format!("192.0.2.{n}")).collect();
    let all = many.clone();
    let server = Server::saying(move |asked| {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        match asked.over_tcp {
            true => asked.addresses(&all),
            // Cut in the middle of a record.
            false if !asked.wants_v6 => truncated(asked.addresses(&all)[..500].to_vec()),
            false => asked.addresses(&[]),
        }
    });
    assert_eq!(ask("many.example", &conf(&[&server])), Ok(many.join(" ")));
    assert!(server.asked().iter().any(|asked| asked.over_tcp));

    // A firewall that lets no TCP through to port 53.
    let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut udp_only = conf(&[&server]);
    udp_only.servers = vec![listener.local_addr().unwrap()];
    std::thread::spawn(move || {
        let mut bytes = [0; 1500];
        while let Ok((length, from)) = listener.recv_from(&mut bytes) {
            let message = &bytes[..length];
            let asked = Asked::read(message, false, from);
            let part = asked.addresses(&["192.0.2.1"]);
            let reply = if asked.wants_v6 {
                part
            } else {
                truncated(part)
            };
            let _ = listener.send_to(&reply, from);
        }
    });
    assert_eq!(ask("many.example", &udp_only), found("192.0.2.1"));
}

#[test]
fn tcp_alone_if_the_file_says_so() {
    let server = Server::saying(|asked| match asked.over_tcp {
        true => asked.addresses(&["192.0.2.1", "2001:db8::1"]),
        false => asked.addresses(&["192.0.2.66"]),
    });
    let mut conf = conf(&[&server]);
    conf.tcp_only = true;
    assert_eq!(ask("a.example", &conf), found("2001:db8::1 192.0.2.1"));
    assert!(server.asked().iter().all(|asked| asked.over_tcp));
}

/// Whoever guesses the port of a question could else say where a provider is, and get its keys.
#[test]
fn forged_answers_are_ignored() {
    let forger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let forged = Arc::new(Mutex::new(0));
    let count = Arc::clone(&forged);
    let server = Server::new(move |asked| {
        let lie = asked.addresses(&["192.0.2.66", "2001:db8::66"]);
        let mut other_id = lie.clone();
        other_id[0] ^= 1;
        let mut not_a_response = lie.clone();
        not_a_response[2] &= 0x7f;
        let other_name = Asked {
            message: lie
                .iter()
                .map(|byte| if *byte == b'x' { b'y' } else { *byte })
                .collect(),
            ..asked.clone()
        };
        let mut other_kind = lie.clone();
        let kind = asked.message.len() - 3;
        other_kind[kind] = 16;
        let mut no_question = lie.clone();
        no_question[5] = 0;
        let mut other_opcode = lie.clone();
        other_opcode[2] |= 0x28;
        // From another port, and else as it should be.
        *lock(&count) += forger.send_to(&lie, asked.from).unwrap();
        vec![
            other_id,
            not_a_response,
            other_name.message,
            other_kind,
            no_question,
            other_opcode,
            Vec::new(),
            lie[..7].to_vec(),
            asked.addresses(&["192.0.2.1", "2001:db8::1"]),
        ]
    });
    assert_eq!(
        ask("x.example", &conf(&[&server])),
        found("2001:db8::1 192.0.2.1")
    );
    assert!(*lock(&forged) > 0);
}

/// The file names a second server for this.
#[test]
fn a_server_in_trouble_gives_way_to_the_next() {
    type Trouble = fn(&Asked) -> Vec<Vec<u8>>;
    let troubles: [(Trouble, &str); 8] = [
        (|asked| vec![asked.reply(2, &[])], "SERVFAIL"),
        (|asked| vec![asked.reply(5, &[])], "REFUSED"),
        (|asked| vec![asked.reply(4, &[])], "response code 4"),
        (
            |asked| {
                // No recursion, and nothing of its own.
                let mut reply = asked.reply(0, &[]);
                reply[3] = 0;
                vec![reply]
            },
            "asks no other",
        ),
        (
            |asked| {
                let mut reply = asked.addresses(&["192.0.2.66", "2001:db8::66"]);
                reply.pop();
                vec![reply]
            },
            "cannot be read",
        ),
        (
            |asked| {
                // A name that points at itself.
                let mut reply = asked.reply(0, &[]);
                reply[7] = 1;
                let here = u8::try_from(reply.len()).unwrap();
                reply.extend([0xc0, here, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4]);
                vec![reply]
            },
            "cannot be read",
        ),
        (
            |asked| {
                let (a, b) = (asked.name.as_str(), "b.example");
                vec![asked.reply(0, &[Record::Alias(a, b), Record::Alias(b, a)])]
            },
            "cannot be read",
        ),
        (|_| Vec::new(), "did not answer in"),
    ];
    for (trouble, words) in troubles {
        let bad = Server::new(trouble);
        let good = Server::knowing(&[("a.example", "192.0.2.1")]);
        let both = conf(&[&bad, &good]);
        assert_eq!(ask("a.example", &both), found("192.0.2.1"), "{words}");
        assert!(!bad.asked().is_empty(), "{words}");
        let mut alone = conf(&[&bad]);
        alone.attempts = 2;
        let error = ask("a.example", &alone).unwrap_err();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&bad.address.to_string()), "{error}");
        // The two attempts, behind the one of before.
        assert_eq!(bad.names().len(), 3, "{words}");
    }
}

/// A port where nothing listens says so at once.
#[test]
fn a_server_that_does_not_run_is_passed_at_once() {
    let gone = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let good = Server::knowing(&[("a.example", "192.0.2.1")]);
    let mut both = conf(&[&good]);
    both.servers.insert(0, gone);
    both.timeout = Duration::from_secs(15);
    let started = Instant::now();
    assert_eq!(ask("a.example", &both), found("192.0.2.1"));
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    both.servers = vec![gone];
    both.names_none = true;
    let error = ask("a.example", &both).unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
    assert!(error.ends_with("as /etc/resolv.conf names none"), "{error}");
}

/// A slow server is not given up when the next one is asked: its answer may be the only one.
#[test]
fn a_late_answer_counts() {
    let slow = Server::new(|asked| {
        std::thread::sleep(Duration::from_millis(300));
        vec![asked.addresses(&["192.0.2.1", "2001:db8::1"])]
    });
    let mut conf = conf(&[&slow, &Server::silent()]);
    conf.timeout = Duration::from_millis(100);
    assert_eq!(ask("a.example", &conf), found("2001:db8::1 192.0.2.1"));
}

/// Home routers that drop what they do not know; without an end to the wait each lookup would take its whole time.
#[test]
fn a_question_that_is_never_answered_does_not_hold_up_the_other_family() {
    let half = Server::new(|asked| match asked.wants_v6 {
        true => Vec::new(),
        false => vec![asked.addresses(&["192.0.2.1"])],
    });
    let mut patient = conf(&[&half]);
    patient.timeout = Duration::from_secs(20);
    patient.attempts = 1;
    let started = Instant::now();
    assert_eq!(ask("a.example", &patient), found("192.0.2.1"));
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );

    // No IPv4 address, and no word about the other kind: that is no answer.
    let unknown = Server::new(|asked| match asked.wants_v6 {
        true => vec![asked.reply(2, &[])],
        false => vec![asked.addresses(&[])],
    });
    let error = ask("a.example", &conf(&[&unknown])).unwrap_err();
    assert!(error.contains("SERVFAIL"), "{error}");
}

#[test]
fn aliases_are_followed_within_an_answer() {
    let server = Server::saying(|asked| {
        asked.reply(
            0,
            &[
                Record::Address(
                    "d.example",
                    if asked.wants_v6 {
                        "2001:db8::4"
                    } else {
                        "192.0.2.4"
                    },
                ),
                Record::Address("other.example", "192.0.2.66"),
                Record::Alias("c.example", "D.example"),
                Record::Alias("a.example", "b.example"),
                Record::Alias("b.example", "c.example"),
            ],
        )
    });
    assert_eq!(
        ask("A.example", &conf(&[&server])),
        found("2001:db8::4 192.0.2.4")
    );
}

/// What does not exist at one server does not exist: the others are not asked, and the error is plain.
#[test]
fn names_that_do_not_exist_are_told_from_those_without_an_address() {
    let second = Server::knowing(&[]);
    for (code, words) in [(3, "no such name"), (0, "the name has no address")] {
        let first = Server::saying(move |asked| asked.reply(code, &[]));
        let error = ask("a.example", &conf(&[&first, &second])).unwrap_err();
        assert_eq!(error, words);
    }
    // An old load balancer: it denies the name when it is asked for IPv6 addresses.
    let odd = Server::saying(|asked| match asked.wants_v6 {
        true => asked.reply(3, &[]),
        false => asked.addresses(&["192.0.2.1"]),
    });
    assert_eq!(ask("a.example", &conf(&[&odd])), found("192.0.2.1"));
    assert!(second.asked().is_empty());
}

#[test]
fn short_names_are_found_in_the_search_list() {
    let server = Server::knowing(&[("llama_cpp.home.arpa", "192.0.2.1"), ("a.b", "192.0.2.2")]);
    let mut conf = conf(&[&server]);
    conf.search = vec!["lan".to_owned(), "home.arpa".to_owned()];
    assert_eq!(ask("llama_cpp", &conf), found("192.0.2.1"));
    assert_eq!(server.names(), ["llama_cpp.lan", "llama_cpp.home.arpa"]);
    assert_eq!(ask("llama_cpp.", &conf), Err("no such name".to_owned()));
    assert_eq!(ask("a.b", &conf), found("192.0.2.2"));
    assert_eq!(ask("none", &conf), Err("no such name".to_owned()));
    let last: Vec<String> = server.names().split_off(4);
    assert_eq!(last, ["none.lan", "none.home.arpa", "none"]);
    assert!(ask("a..b", &conf).is_err());

    // A domain of the list whose servers are broken does not hide the next.
    let broken = Server::saying(|asked| match asked.name.as_str() {
        "nas.home.arpa" => asked.addresses(&["192.0.2.3"]),
        "nas.lan" | "none.lan" => asked.reply(2, &[]),
        _ => asked.reply(3, &[]),
    });
    conf.servers = vec![broken.address];
    assert_eq!(ask("nas", &conf), found("192.0.2.3"));
    let error = ask("none", &conf).unwrap_err();
    assert!(error.contains("SERVFAIL"), "{error}");
}

#[test]
fn lookups_take_turns_with_the_servers_if_the_file_says_so() {
    let servers = [(); 2].map(|()| Server::knowing(&[("a.example", "192.0.2.1")]));
    let conf = conf(&[&servers[0], &servers[1]]);
    for turn in [0, 1, 2, usize::MAX] {
        ask_servers("a.example", &conf, turn, soon()).unwrap();
    }
    let asked = servers.map(|server| server.names().len());
    assert_eq!(asked, [2, 2]);
}

/// A call waits for its lookup; a server that drips bytes or says nonsense for ever must not make it longer.
#[test]
fn no_server_keeps_a_lookup_beyond_its_deadline() {
    let dripping = Server::new(|asked| match asked.over_tcp {
        false => vec![truncated(asked.reply(0, &[]))],
        true => {
            std::thread::sleep(Duration::from_secs(30));
            Vec::new()
        }
    });
    let talking = Server::new(|_| vec![vec![0; 40]; 50]);
    for server in [dripping, talking, Server::silent()] {
        let mut conf = conf(&[&server]);
        conf.timeout = Duration::from_secs(30);
        let started = Instant::now();
        let deadline = started + Duration::from_millis(300);
        let error = ask_servers("a.example", &conf, 0, deadline).unwrap_err();
        let took = started.elapsed();
        assert!(took < Duration::from_secs(10), "{error}: {took:?}");
    }
}
