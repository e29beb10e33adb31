//! A stream gives the same events however the network splits it, those that the standard's grammar names, and holds no
//! more than its bound.

#![no_main]

use ai_gateway::sse::{Decoder, Event, Item, Lines, TooLarge, encode, encode_with};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [bound, step, stream @ ..] = input else {
        return;
    };
    let bound = usize::from(*bound).max(1);
    let step = usize::from(*step).max(1);
    for max_event_bytes in [bound, usize::MAX] {
        let whole = decode(stream, stream.len().max(1), max_event_bytes);
        assert_eq!(whole, decode(stream, step, max_event_bytes));
        assert_eq!(whole, decode(stream, 1, max_event_bytes));
        for event in events(&whole) {
            assert!(event.data.len() <= max_event_bytes.saturating_mul(3));
        }
    }
    let decoded = decode(stream, step, usize::MAX);
    let decoded: Vec<&Event<'_>> = events(&decoded).collect();
    let model = model(stream);
    assert!(decoded.iter().copied().eq(&model));
    decoded.iter().for_each(|event| survives_encoding(event));
});

type Decoded = Vec<Result<Item<'static>, TooLarge>>;

fn decode(stream: &[u8], step: usize, max_event_bytes: usize) -> Decoded {
    let mut decoder = Decoder::new(max_event_bytes);
    let mut items = Vec::new();
    for piece in stream.chunks(step) {
        decoder.push(piece);
        take_all(&mut decoder, &mut items);
    }
    items.extend(decoder.finish().map(|event| Ok(Item::Event(event))));
    items
}

fn take_all(decoder: &mut Decoder, items: &mut Decoded) {
    while let Some(item) = decoder.next_item() {
        items.push(item.map(|item| match item {
            Item::Event(event) => Item::Event(event.into_owned()),
            Item::Comment(text) => Item::Comment(text.into_owned().into()),
        }));
    }
}

fn events(items: &Decoded) -> impl Iterator<Item = &Event<'static>> {
    items.iter().filter_map(|item| match item {
        Ok(Item::Event(event)) => Some(event),
        _ => None,
    })
}

/// The events of a whole stream, by the WHATWG HTML standard section 9.2.6; one without its blank line counts, and so
/// does one that may tell of a failure.
fn model(stream: &[u8]) -> Vec<Event<'static>> {
    let stream = stream.strip_prefix("\u{feff}".as_bytes()).unwrap_or(stream);
    let mut bytes = stream.to_vec();
    // CRLF, CR and LF end a line alike.
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'\r' {
            bytes[at] = b'\n';
            if bytes.get(at + 1) == Some(&b'\n') {
                bytes.remove(at + 1);
            }
        }
        at += 1;
    }
    bytes.extend_from_slice(b"\n\n");
    let (mut events, mut data, mut name) = (Vec::new(), Vec::<Vec<u8>>::new(), String::new());
    let mut stray = Vec::<Vec<u8>>::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            if !data.is_empty() || !stray.is_empty() || name.eq_ignore_ascii_case("error") {
                let lossy =
                    |lines: &[Vec<u8>]| String::from_utf8_lossy(&lines.join(&b'\n')).into_owned();
                events.push(Event {
                    name: (!name.is_empty()).then(|| name.clone()),
                    data: lossy(&data).into(),
                    stray: (!stray.is_empty()).then(|| lossy(&stray).into()),
                    was_mended: std::str::from_utf8(&data.join(&b'\n')).is_err(),
                });
            }
            stray.clear();
            data.clear();
            name.clear();
            continue;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => data.push(value.to_vec()),
            b"event" => name = String::from_utf8_lossy(value).into_owned(),
            b"id" | b"retry" | b"" => {}
            _ => stray.push(line.to_vec()),
        }
    }
    events
}

/// What the gateway sends on is read by the client as what the provider sent.
fn survives_encoding(event: &Event<'_>) {
    let mut encoded = String::new();
    encode(&mut encoded, &event.data);
    let again = decode(encoded.as_bytes(), encoded.len(), usize::MAX);
    let data: Vec<&str> = events(&again).map(|event| &*event.data).collect();
    assert_eq!(data, [&*event.data]);
    let mut written = String::new();
    encode_with(&mut written, Lines::Any, |out| out.push_str(&event.data));
    assert_eq!(written, encoded);
}
