use super::*;
use proptest::prelude::*;

const ID: u16 = 0x1234;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn a_question_is_what_the_rfc_says() {
    let message = question(ID, &name("Api.example"), Family::V6);
    assert_eq!(
        message,
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03api\x07example\0\0\x1c\0\x01"
    );
}

/// A whole reply from a resolver, with compressed names, an alias, a signature and an OPT record behind it.
const REAL: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x03\0\0\0\x01\x03api\x07example\0\0\x01\0\x01\
    \xc0\x0c\0\x05\0\x01\0\0\x01\x2c\0\x06\x03cdn\xc0\x10\
    \xc0\x29\0\x2e\0\x01\0\0\0\x3c\0\x02ab\
    \xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01\
    \0\0\x29\x04\xd0\0\0\0\0\0\0";

fn read(message: &[u8]) -> Option<Reply> {
    reply(message, ID, &name("api.example"), Family::V4)
}

#[test]
fn a_reply_is_read_through_its_aliases_and_pointers() {
    let expected = Reply {
        answer: Ok(Answer::Addresses(vec!["10.0.0.1".parse().unwrap()])),
        is_truncated: false,
    };
    assert_eq!(read(REAL), Some(expected));
    // The same name in other letters.
    let mut shouted = REAL.to_vec();
    shouted[13..16].copy_from_slice(b"API");
    assert_eq!(read(&shouted), read(REAL));
    assert_eq!(reply(REAL, ID, &name("api.exampl"), Family::V4), None);
    assert_eq!(reply(REAL, ID, &name("api.example"), Family::V6), None);
    assert_eq!(reply(REAL, ID + 1, &name("api.example"), Family::V4), None);
}

/// Each place where a reply may be cut: it is no reply, malformed, or whole but for what is not read.
#[test]
fn a_cut_reply_is_never_another_answer() {
    let whole = read(REAL).unwrap();
    let additional = 11;
    for end in 0..REAL.len() {
        match read(&REAL[..end]) {
            None => assert!(end < 29, "{end}"),
            Some(reply) if end + additional < REAL.len() => {
                assert_eq!(reply.answer, Err(Unusable::Malformed), "{end}");
            }
            Some(reply) => assert_eq!(reply, whole, "{end}"),
        }
    }
}

/// The number of records is the sender's word alone.
#[test]
fn a_reply_may_promise_more_than_it_has() {
    let mut promising = REAL.to_vec();
    promising[6..8].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(read(&promising).unwrap().answer, Err(Unusable::Malformed));
    promising[2] |= 0x02;
    let cut = read(&promising).unwrap();
    assert!(cut.is_truncated && matches!(cut.answer, Ok(Answer::Addresses(_))));
}

#[test]
fn a_long_chain_of_aliases_and_a_flood_of_records_end() {
    let question = question(ID, &name("n0.example"), Family::V4);
    let alias = |message: &mut Vec<u8>, of: usize| {
        message.extend(name(&format!("n{of}.example")).wire());
        message.extend([0, 5, 0, 1, 0, 0, 0, 0, 0]);
        let target = name(&format!("n{}.example", of + 1));
        message.push(u8::try_from(target.wire().len()).unwrap());
        message.extend(target.wire());
    };
    for (length, expected) in [
        (
            MAX_ALIASES,
            Ok(Answer::Addresses(vec!["1.2.3.4".parse().unwrap()])),
        ),
        (MAX_ALIASES + 1, Err(Unusable::Malformed)),
    ] {
        let mut message = question.clone();
        message[2] = 0x81;
        message[7] = u8::try_from(length + 1).unwrap();
        (0..length).for_each(|of| alias(&mut message, of));
        message.extend(name(&format!("n{length}.example")).wire());
        message.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
        let reply = reply(&message, ID, &name("n0.example"), Family::V4);
        assert_eq!(reply.unwrap().answer, expected, "{length}");
    }
    let mut flood = question.clone();
    flood[2] = 0x81;
    flood[6..8].copy_from_slice(&3000_u16.to_be_bytes());
    for _ in 0..3000 {
        flood.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
    }
    let reply = reply(&flood, ID, &name("n0.example"), Family::V4);
    match reply.unwrap().answer {
        Ok(Answer::Addresses(all)) => assert_eq!(all.len(), MAX_RECORDS),
        other => panic!("{other:?}"),
    }
}

/// The header of a reply to our question, and then anything.
fn almost_ours() -> impl Strategy<Value = Vec<u8>> {
    let (flags, counts) = (any::<[u8; 2]>(), any::<[u8; 2]>());
    let rest = prop::collection::vec(
        prop_oneof![Just(0xc0), Just(0), Just(1), Just(12), any::<u8>()],
        0..300,
    );
    (flags, counts, rest).prop_map(|(flags, counts, rest)| {
        let mut message = question(ID, &name("api.example"), Family::V4);
        message[2..4].copy_from_slice(&[flags[0] | 0x80, flags[1]]);
        message[6..8].copy_from_slice(&counts);
        message.extend(rest);
        message
    })
}

proptest! {
    /// Anybody can send anything to an open port.
    #[test]
    fn any_bytes_are_read_to_an_end(message in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..600),
        almost_ours(),
    ]) {
        if let Some(Reply { answer: Ok(Answer::Addresses(all)), .. }) = read(&message) {
            prop_assert!((1..=MAX_RECORDS).contains(&all.len()));
            prop_assert!(all.iter().all(IpAddr::is_ipv4));
        }
    }
}
