//! Replies of the server that replicas share are the same however the network splits them, and no bytes make more of them
//! than their bounds.

#![no_main]

use ai_gateway::valkey::{Decoder, Malformed, Reply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [step, stream @ ..] = input else {
        return;
    };
    let whole = decode(stream, stream.len().max(1));
    assert_eq!(whole, decode(stream, usize::from(*step).max(1)));
    assert_eq!(whole, decode(stream, 1));
    assert!(whole.0.iter().map(elements).sum::<usize>() <= stream.len());
});

/// The replies, and what ended them.
fn decode(stream: &[u8], step: usize) -> (Vec<Reply>, Option<Malformed>) {
    let (mut decoder, mut replies) = (Decoder::default(), Vec::new());
    for piece in stream.chunks(step) {
        decoder.feed(piece);
        loop {
            match decoder.next_reply() {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(malformed) => return (replies, Some(malformed)),
            }
        }
    }
    (replies, None)
}

fn elements(reply: &Reply) -> usize {
    match reply {
        Reply::Array(elements_of_it) => 1 + elements_of_it.iter().map(elements).sum::<usize>(),
        _ => 1,
    }
}
