//! Bodies in pieces, against a budget.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use super::*;

const MIB: usize = 1 << 20;

/// A connection of which nothing is read yet, and its client.
fn connection() -> (TcpStream, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, peer) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    (far, Connection::new(0, near, peer))
}

fn head(framing: &str) -> Head {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
    Head::parse(head.as_bytes(), &config::EdgeLimits::default()).unwrap()
}

fn length(length: usize) -> Head {
    head(&format!("Content-Length: {length}"))
}

fn collecting(head: Head, budget: &Budget) -> Collecting {
    let limits = config::EdgeLimits::default();
    Collecting::new(head, Instant::now(), budget.empty(), &limits)
}

fn budget(limit: usize) -> Budget {
    Budget::new(limit, || {})
}

/// Collects until the body is whole or more would have to be sent.
fn collect(collecting: &mut Collecting, connection: &mut Connection) -> Progress {
    loop {
        let progress = collecting.take(connection);
        if progress != Progress::Part {
            return progress;
        }
        match collecting.read(connection, Instant::now(), Connection::fill) {
            Fill::Bytes => {}
            Fill::Blocked => std::thread::yield_now(),
            Fill::End | Fill::Broken => return Progress::Part,
        }
    }
}

#[test]
fn a_large_body_is_read_into_its_place_and_what_follows_it_stays() {
    let budget = budget(64 * MIB);
    let body: Vec<u8> = (0..3_000_001u32).map(|index| (index % 253) as u8).collect();
    let (mut far, mut connection) = connection();
    let sent = [&body[..], b"GET / HTTP/1.1\r\n"].concat();
    let sending = std::thread::spawn(move || far.write_all(&sent).unwrap());
    let mut collecting = collecting(length(body.len()), &budget);
    assert_eq!(collect(&mut collecting, &mut connection), Progress::Whole);
    sending.join().unwrap();
    while connection.fill() == Fill::Bytes {}
    assert_eq!(connection.buffer, b"GET / HTTP/1.1\r\n");
    let (_, whole, charge) = collecting.into_whole();
    assert!(whole == Body::Whole(body.clone()));
    assert_eq!(charge.bytes(), body.len() - FREE);
    drop(charge);
    assert_eq!(budget.used(), 0);
}

#[test]
fn memory_follows_what_has_arrived_and_not_what_was_announced() {
    let budget = budget(64 * MIB);
    let (mut far, mut connection) = connection();
    far.write_all(&[b'x'; 100]).unwrap();
    drop(far);
    let mut collecting = collecting(length(30 * MIB), &budget);
    assert_eq!(collect(&mut collecting, &mut connection), Progress::Part);
    assert!(collecting.body.capacity() < 1000 && budget.used() == 0);
}

#[test]
fn a_body_beyond_the_budget_waits_and_goes_on_when_there_is_room() {
    let budget = budget(20_000);
    let other = budget.force(15_000);
    let (mut far, mut connection) = connection();
    far.write_all(&[b'x'; 20_000]).unwrap();
    let mut collecting = collecting(length(20_000), &budget);
    assert_eq!(
        collect(&mut collecting, &mut connection),
        Progress::NoMemory
    );
    assert_eq!(collecting.take(&mut connection), Progress::NoMemory);
    drop(other);
    assert_eq!(collect(&mut collecting, &mut connection), Progress::Whole);
    assert_eq!(budget.used(), 20_000 - FREE);
}

/// Of nine bodies of 30 MB at once each had a part of the memory, waited for the rest, and none was served; and a wait
/// began anew with each try.
#[test]
fn a_large_body_takes_no_part_of_the_memory_while_it_waits_for_all_of_it() {
    let budget = budget(4 * MIB);
    let other = budget.force(2 * MIB);
    let (mut far, mut connection) = connection();
    let sending = std::thread::spawn(move || far.write_all(&vec![b'x'; 3 * MIB]).unwrap());
    let mut collecting = collecting(length(3 * MIB), &budget);
    let progress = collect(&mut collecting, &mut connection);
    assert_eq!(progress, Progress::NoMemory);
    assert!(budget.used() <= 2 * MIB + LARGE, "{budget:?}");
    let since = Instant::now();
    collecting.waiting_since = Some(since);
    assert_eq!(collecting.take(&mut connection), Progress::NoMemory);
    assert_eq!(collecting.waiting_since, Some(since));
    drop(other);
    assert_eq!(collect(&mut collecting, &mut connection), Progress::Whole);
    sending.join().unwrap();
    assert_eq!(budget.used(), 3 * MIB - FREE);
}

#[test]
fn a_chunked_body_gives_its_spare_memory_back() {
    let budget = budget(64 * MIB);
    let (mut far, mut connection) = connection();
    let sending = std::thread::spawn(move || {
        let chunk = format!("11000\r\n{}\r\n", "x".repeat(0x11000));
        far.write_all(chunk.repeat(3).as_bytes()).unwrap();
        far.write_all(b"0\r\n\r\n").unwrap();
    });
    let mut collecting = collecting(head("Transfer-Encoding: chunked"), &budget);
    assert_eq!(collect(&mut collecting, &mut connection), Progress::Whole);
    sending.join().unwrap();
    let (_, _, charge) = collecting.into_whole();
    let body = 3 * 0x11000;
    assert!(charge.bytes() + FREE >= body && charge.bytes() < body + body / 8 + FREE);
}

#[test]
fn only_a_body_that_has_memory_and_does_not_go_on_is_slow() {
    let budget = budget(MIB);
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut slow = collecting(length(MIB), &budget);
    slow.pace.since = start;
    slow.body = vec![b'x'; FREE];
    assert!(!slow.is_slow(at(60)), "it holds nothing");
    assert!(slow.charge.grow_to(1000));
    assert!(!slow.is_slow(at(4)) && slow.is_slow(at(5)));
    slow.body = vec![b'x'; 200_000];
    assert!(!slow.is_slow(at(5)));
    slow.pace.look(at(5), 200_000);
    assert!(!slow.is_slow(at(9)) && slow.is_slow(at(10)));
}

/// Bodies that a worker lingers for, that the front waits for, and that neither reads.
#[test]
fn requests_arrive_ready_or_pending() {
    let limits = config::EdgeLimits {
        max_body: 30_000,
        ..config::EdgeLimits::default()
    };
    let small = budget(10_000);
    for (framing, arrived, ready) in [
        (
            "Content-Length: 5",
            "hello",
            Some(Body::Unread(Framing::Length(5))),
        ),
        ("Content-Length: 5", "hell", None),
        (
            "Content-Length: 30001",
            "",
            Some(Body::Unread(Framing::Length(30_001))),
        ),
        ("Content-Length: 20000", &*"x".repeat(20_000), None),
        (
            "Transfer-Encoding: chunked",
            "2\r\nok\r\n0\r\n\r\n",
            Some(Body::Whole(b"ok".into())),
        ),
        ("Transfer-Encoding: chunked", "2\r\nok", None),
        (
            "Transfer-Encoding: chunked",
            "2\r\nokay",
            Some(Body::Unread(Framing::Chunked)),
        ),
        (
            "Transfer-Encoding: chunked",
            "7531\r\n",
            Some(Body::Failed(BodyError::TooLarge(30_000))),
        ),
        ("X: y", "", Some(Body::Read)),
    ] {
        let (_far, mut connection) = connection();
        connection.buffer.extend_from_slice(arrived.as_bytes());
        let arrival = arrival(
            head(framing),
            Instant::now(),
            &mut connection,
            &limits,
            &small,
        );
        let body = match arrival {
            Arrival::Ready(_, body, _) => Some(body),
            Arrival::Pending(_) => None,
        };
        assert_eq!(body, ready, "{framing} {arrived:.20}");
    }
}
