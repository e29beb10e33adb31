use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const BOUND: usize = 4 * 1024 * 1024;

/// All events that a stream gives when it arrives in these pieces.
fn decode<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    bound: usize,
) -> (Vec<Item<'static>>, bool) {
    let mut decoder = Decoder::new(bound);
    let mut items = Vec::new();
    let mut failed = false;
    for piece in pieces {
        decoder.push(piece);
        while let Some(item) = decoder.next_item() {
            match item {
                Ok(item) => items.push(owned(item)),
                Err(TooLarge { .. }) => failed = true,
            }
        }
    }
    items.extend(decoder.finish().map(Item::Event));
    (items, failed)
}

fn owned(item: Item<'_>) -> Item<'static> {
    match item {
        Item::Event(event) => Item::Event(event.into_owned()),
        Item::Comment(text) => Item::Comment(text.into_owned().into()),
    }
}

fn event(name: Option<&str>, data: &str) -> Item<'static> {
    Item::Event(Event {
        name: name.map(str::to_owned),
        data: data.to_owned().into(),
        ..Event::default()
    })
}

/// An event with lines that the standard does not know.
fn stray(lines: &str, data: &str) -> Item<'static> {
    Item::Event(Event {
        data: data.to_owned().into(),
        stray: Some(lines.into()),
        ..Event::default()
    })
}

fn comment(text: &str) -> Item<'static> {
    Item::Comment(text.to_owned().into())
}

#[test]
fn every_spelling_of_the_standard_is_understood() {
    for (input, expected) in [
        (
            "data: a\n\ndata: b\n\n",
            vec![event(None, "a"), event(None, "b")],
        ),
        (
            "data: a\r\n\r\ndata: b\r\n\r\n",
            vec![event(None, "a"), event(None, "b")],
        ),
        (
            "data: a\r\rdata: b\r\r",
            vec![event(None, "a"), event(None, "b")],
        ),
        ("data:a\n\n", vec![event(None, "a")]),
        ("data:  a\n\n", vec![event(None, " a")]),
        ("data: a\ndata:\ndata: b\n\n", vec![event(None, "a\n\nb")]),
        // One CRLF ends one line, not a line and the event.
        (
            "event: x\r\ndata: a\r\ndata: b\r\n\r\n",
            vec![event(Some("x"), "a\nb")],
        ),
        ("data\n\n", vec![event(None, "")]),
        ("data:\n\n", vec![event(None, "")]),
        ("data: a: b\n\n", vec![event(None, "a: b")]),
        (
            "\u{feff}data: a\n\n\u{feff}data: b\n\n",
            vec![event(None, "a"), stray("\u{feff}data: b", "")],
        ),
        (
            ": hello\n:\n\ndata: a\n\n",
            vec![comment(" hello"), comment(""), event(None, "a")],
        ),
        (
            "event: x\ndata: a\n\ndata: b\n\n",
            vec![event(Some("x"), "a"), event(None, "b")],
        ),
        ("event: x\n\ndata: b\n\n", vec![event(None, "b")]),
        ("event: x\nevent:\ndata: b\n\n", vec![event(None, "b")]),
        // Lines that the standard ignores are kept apart: a provider may tell of a failure there.
        (
            "id: 1\nretry: 5\nfoo: bar\nDATA: z\ndata: a\n\n",
            vec![stray("foo: bar\nDATA: z", "a")],
        ),
        (" data: z\ndata: a\n\n", vec![stray(" data: z", "a")]),
        (
            "error: {\"a\":1}\n\ndata: b\n\n",
            vec![stray("error: {\"a\":1}", ""), event(None, "b")],
        ),
        ("it broke\n\n", vec![stray("it broke", "")]),
        (
            "event: error\n\nevent: Error\nid: 1\n\n",
            vec![event(Some("error"), ""), event(Some("Error"), "")],
        ),
        ("\n\n\n", vec![]),
        ("retry: 1\n\nid\n\n", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(decode([input.as_bytes()], BOUND).0, expected, "{input:?}");
    }
}

#[test]
fn a_server_that_omits_the_last_blank_line_loses_nothing() {
    for (input, expected) in [
        (
            "data: a\n\ndata: [DONE]\n",
            vec![event(None, "a"), event(None, "[DONE]")],
        ),
        (
            "data: a\n\ndata: [DONE]",
            vec![event(None, "a"), event(None, "[DONE]")],
        ),
        ("event: e\ndata: a\r", vec![event(Some("e"), "a")]),
        ("\u{feff}data: a", vec![event(None, "a")]),
        ("data: a\n\n: bye", vec![event(None, "a")]),
        ("data: a\n\nevent: x\n", vec![event(None, "a")]),
    ] {
        assert_eq!(decode([input.as_bytes()], BOUND).0, expected, "{input:?}");
    }
}

#[test]
fn an_event_is_there_as_soon_as_its_blank_line_is() {
    let mut decoder = Decoder::new(BOUND);
    decoder.push(b"data: a\r\n\r");
    assert_eq!(decoder.next_item(), Some(Ok(event(None, "a"))));
    decoder.push(b"\ndata: b\r\n\r\n");
    assert_eq!(decoder.next_item(), Some(Ok(event(None, "b"))));
    assert_eq!(decoder.next_item(), None);
}

#[test]
fn broken_utf8_is_replaced_in_its_event_only() {
    let input = b"data: \xff!\n\ndata: \xc3\xa4\n\n";
    let mended = Item::Event(Event {
        data: "\u{fffd}!".into(),
        was_mended: true,
        ..Event::default()
    });
    let expected = vec![mended, event(None, "ä")];
    assert_eq!(decode([&input[..]], BOUND).0, expected);
}

#[test]
fn an_endless_event_is_refused_whatever_it_is_made_of() {
    for input in ["data: ", "data: x\n", "x", ":", "event: "] {
        let endless = match input {
            "data: x\n" => input.repeat(1000),
            _ => input.to_owned() + &"y".repeat(1000),
        };
        for size in [1, 7, 5000] {
            let (items, failed) = decode(endless.as_bytes().chunks(size), 100);
            assert!(failed && items.is_empty(), "{input:?} by {size}");
        }
    }
    let just_right = format!("data: {}\n\n", "y".repeat(94));
    assert!(!decode([just_right.as_bytes()], 100).1);
    assert!(decode([just_right.as_bytes()], 99).1);
    // Many small events are no large one.
    assert!(!decode(["data: x\n\n".repeat(1000).as_bytes()], 100).1);
    assert!(!decode(["id: x\n".repeat(1000).as_bytes()], 100).1);
}

#[test]
fn an_event_in_one_piece_is_not_copied() {
    let mut decoder = Decoder::new(BOUND);
    decoder.push(b"event: x\ndata: whole\n\ndata: cut\n");
    assert!(matches!(
        decoder.next_item(),
        Some(Ok(Item::Event(Event {
            data: Cow::Borrowed("whole"),
            ..
        })))
    ));
    assert_eq!(decoder.next_item(), None);
    decoder.push(b"\n");
    assert_eq!(decoder.next_item(), Some(Ok(event(None, "cut"))));
}

#[test]
fn data_of_one_line_are_told_apart() {
    for (input, lines) in [
        ("data: a\n\n", Lines::One),
        ("data: a\ndata: b\n\n", Lines::Any),
        ("data: a\rdata:\r\r", Lines::Any),
    ] {
        let mut decoder = Decoder::new(BOUND);
        decoder.push(input.as_bytes());
        let Some(Ok(Item::Event(event))) = decoder.next_item() else {
            panic!("{input:?}");
        };
        assert_eq!(event.lines(), lines, "{input:?}");
        assert_eq!(is_one_line(&event.data), lines == Lines::One);
    }
}

#[test]
fn a_line_end_is_found_at_every_place() {
    for length in 0..20 {
        let plain = vec![0x8a_u8; length];
        assert_eq!(line_end(&plain), None);
        for at in 0..length {
            for byte in 0..=0xff {
                let mut line = plain.clone();
                line[at] = byte;
                let found = matches!(byte, b'\r' | b'\n').then_some(at);
                assert_eq!(line_end(&line), found, "{byte:#x} at {at} of {length}");
            }
        }
    }
}

/// Found by fuzzing: at the start, the bytes of a byte order mark that came one by one counted as text.
#[test]
fn a_byte_order_mark_in_pieces_is_none_of_the_text() {
    let stream = "\u{feff}data:a\n\n".as_bytes();
    let bound = "data:a".len();
    let whole = decode([stream], bound);
    assert_eq!(whole, (vec![event(None, "a")], false));
    assert_eq!(decode(stream.chunks(1), bound), whole);
    assert_eq!(decode(["\u{feff}".as_bytes()], 1), (vec![], false));
    assert_eq!(decode("\u{feff}".as_bytes().chunks(1), 1), (vec![], false));
    assert_eq!(decode(b"\xef\xbbx".chunks(1), 2), (vec![], true));
}

#[test]
fn a_large_event_in_tiny_pieces_takes_linear_time() {
    let large = format!("data: {}\n\n", "é".repeat(1024 * 1024));
    let started = Instant::now();
    let (items, failed) = decode(large.as_bytes().chunks(64), BOUND);
    assert!(!failed && items.len() == 1);
    // 32,768 pieces; searching all anew for each would read 34 GB.
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_large_event_does_not_cost_memory_for_the_rest_of_the_stream() {
    let mut decoder = Decoder::new(BOUND);
    decoder.push(format!("data: {}\n\n", "x".repeat(1024 * 1024)).as_bytes());
    assert!(decoder.next_item().is_some() && decoder.next_item().is_none());
    decoder.push(b"data: y\n\n");
    assert!(decoder.buffer.capacity() <= KEPT_CAPACITY);
}

/// A thousand streams that wait would keep the most that ever came at once, each.
#[test]
fn a_decoder_at_rest_holds_no_more_than_what_is_half() {
    let mut decoder = Decoder::new(BOUND);
    let many = "data: {\"x\":1}\n\n".repeat(1000);
    decoder.push(many.as_bytes());
    decoder.push(b"data: ha");
    while decoder.next_item().is_some() {}
    decoder.rest();
    decoder.push(b"lf\n\n");
    assert!(matches!(decoder.next_item(), Some(Ok(Item::Event(event))) if event.data == "half"));
    assert!(decoder.next_item().is_none());
    decoder.rest();
    assert!(decoder.capacity() <= KEPT_CAPACITY);
}

#[test]
fn encoding_keeps_line_ends_out_of_the_framing() {
    for (data, expected) in [
        ("{\"a\":1}", "data: {\"a\":1}\n\n"),
        ("", "data: \n\n"),
        ("a\nb", "data: a\ndata: b\n\n"),
        ("a\r\n\rb\n", "data: a\ndata: \ndata: b\ndata: \n\n"),
    ] {
        let mut out = String::from("x");
        encode(&mut out, data);
        encode_with(&mut out, Lines::Any, |out| out.push_str(data));
        assert_eq!(out, format!("x{expected}{expected}"), "{data:?}");
    }
}

proptest! {
    /// Networks split where they like; an event must not depend on it.
    #[test]
    fn every_split_gives_the_same_items(
        lines in prop::collection::vec("(data|event|id|:|\u{feff}data|)(: ?|)[a-zé😀:]{0,6}(\r|\n|\r\n)", 0..12),
        tail in "(data: x)?",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        bound in 1_usize..40,
    ) {
        let input = lines.concat() + &tail;
        let input = input.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(input.len());
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&input[from..cut]);
            from = cut;
        }
        for bound in [bound, BOUND] {
            let whole = decode([input], bound);
            prop_assert_eq!(&decode(pieces.clone(), bound), &whole);
            prop_assert_eq!(&decode(input.chunks(1), bound), &whole);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded(data in "[a-z: é\n]{0,20}") {
        let mut out = String::new();
        encode(&mut out, &data);
        prop_assert_eq!(decode([out.as_bytes()], BOUND), (vec![event(None, &data)], false));
    }
}
