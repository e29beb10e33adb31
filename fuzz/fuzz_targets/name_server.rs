//! A name server's message gives addresses only as a reply to the question that was asked, of the kind that was asked for,
//! and within bounds; the rest of it may be anything.

#![no_main]

use ai_gateway::upstream::parsers::{addresses, question};
use libfuzzer_sys::fuzz_target;

const NAME: &str = "api.example";
const ID: u16 = 0x1234;

fuzz_target!(|input: &[u8]| {
    let [kind, input @ ..] = input else {
        return;
    };
    let wants_v6 = kind & 1 != 0;
    if let Some(found) = addresses(input, ID, NAME, wants_v6) {
        assert!((1..=64).contains(&found.len()));
        assert!(found.iter().all(|address| address.is_ipv6() == wants_v6));
        assert!(input[2] & 0x80 != 0 && input[..2] == ID.to_be_bytes());
        assert_eq!(addresses(input, ID ^ 1, NAME, wants_v6), None);
        assert_eq!(addresses(input, ID, "api.exampl", wants_v6), None);
        assert_eq!(addresses(input, ID, NAME, !wants_v6), None);
    }
    // The records alone, behind a header and a question that fit.
    let mut reply = question(ID, NAME, wants_v6).unwrap();
    reply[2] |= 0x80;
    reply[7] = kind >> 1;
    reply.extend(input);
    let whole = addresses(&reply, ID, NAME, wants_v6);
    // What has been cut off with the mark of a cut gives no other addresses, only fewer.
    reply[2] |= 0x02;
    if let (Some(whole), Some(part)) = (whole, addresses(&reply, ID, NAME, wants_v6)) {
        assert_eq!(whole, part);
    }
});
