use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

/// The yardstick for JSON: strings as they stand, lone surrogates and numbers of any size included.
fn serde_takes(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn takes(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.value().is_ok() && reader.end().is_ok()
}

/// Reads everything by going down, as far as `depth`.
fn descend(reader: &mut Reader<'_>, depth: usize) -> Result<(), Invalid> {
    let mut entries = EntryCursor::default();
    match reader.peek() {
        Some(b'{') if depth > 0 => {
            while reader.key(&mut entries)?.is_some() {
                descend(reader, depth - 1)?;
            }
        }
        Some(b'[') if depth > 0 => {
            while reader.item(&mut entries)? {
                descend(reader, depth - 1)?;
            }
        }
        _ => reader.skip()?,
    }
    Ok(())
}

fn agrees_with_serde_json(text: &str) {
    let expected = serde_takes(text);
    assert_eq!(takes(text), expected, "{text:?}");
    for depth in [1, 2, 8] {
        let mut reader = Reader::new(text);
        let read = descend(&mut reader, depth).and_then(|()| reader.end());
        assert_eq!(read.is_ok(), expected, "{text:?}, {depth} levels");
    }
}

const SAMPLES: [&str; 7] = [
    r#"{"model":"dynamic\/n8n","messages":[{"role":"user","content":"h\u00e9 \"\ud800\\"}],"x":[true,false,null]}"#,
    " { \"a\" : [ ] , \"b\" : { } ,\t\"c\":[[],[{}],{\"d\":[1]}]\r\n} ",
    r#"[0,-0,10,1.5,-1.25e10,1e-7,1E+9,0.0e0,123456789012345678901234567890,1e999]"#,
    r#""ein Satz mit Umlauten: äöüß, 漢字, 😀 und \t\b\f\n\r\/ am Ende""#,
    "\"\"",
    "[[[[\"12345678\",\"1234567\",\"123456789\"]]]]",
    r#"{"":{"":{"":0}}}"#,
];

#[test]
fn every_prefix_and_every_changed_byte_is_judged_as_serde_json_judges_it() {
    for sample in SAMPLES {
        assert!(takes(sample), "{sample}");
        for (at, character) in sample.char_indices() {
            let (before, from) = sample.split_at(at);
            let behind = &from[character.len_utf8()..];
            agrees_with_serde_json(before);
            agrees_with_serde_json(&format!("{before}{behind}"));
            for other in "{}[],:\"\\/ \n\u{1}\u{1f}\u{7f}tnfu0159-+.eEaAé\u{a0}".chars() {
                agrees_with_serde_json(&format!("{before}{other}{behind}"));
                agrees_with_serde_json(&format!("{before}{other}{from}"));
            }
        }
    }
}

#[test]
fn every_form_of_a_number_and_of_a_word() {
    let mut forms = vec![String::new()];
    for _ in 0..5 {
        let longer = forms.iter().flat_map(|form| {
            ["-", "+", ".", "e", "0", "7"].map(|character| format!("{form}{character}"))
        });
        forms = longer.collect();
        forms.iter().for_each(|form| agrees_with_serde_json(form));
    }
    for text in [
        "",
        " ",
        "true",
        "tru",
        "truee",
        "True",
        "nul",
        "nulll",
        "null ",
        "false",
        "NaN",
        "Infinity",
        "-Infinity",
        "'a'",
        "1 2",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "[}",
        "{]",
        "\u{feff}1",
        "1\u{0}",
        "\u{b}1",
        "/**/1",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\u123\"",
        "\"\\U0041\"",
    ] {
        agrees_with_serde_json(text);
    }
}

/// Long strings are looked at in another way than short ones.
#[test]
fn a_long_string_is_judged_as_serde_json_judges_it_wherever_it_is_odd() {
    for length in [31, 32, 33, 39, 40, 41, 100] {
        let plain = "é234567".repeat(15);
        let plain = &plain[..plain.floor_char_boundary(length)];
        agrees_with_serde_json(&format!("\"{plain}\""));
        agrees_with_serde_json(&format!("\"{plain}"));
        for (at, character) in plain.char_indices() {
            let (before, from) = plain.split_at(at);
            let behind = &from[character.len_utf8()..];
            for odd in [
                "\"", "\\", "\\n", "\\x", "\\u00e9", "\\u00g9", "\n", "\u{0}", "\u{1f}", " ",
                "\u{7f}", "\\n\n",
            ] {
                agrees_with_serde_json(&format!("\"{before}{odd}{behind}\""));
                agrees_with_serde_json(&format!("[\"{before}{odd}{behind}\", \"{plain}\"]"));
            }
        }
    }
}

#[test]
fn a_hundred_thousand_levels_take_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let deep = |closed: usize| format!("{}0{}", open.repeat(100_000), close.repeat(closed));
        assert!(takes(&deep(100_000)));
        assert!(!takes(&deep(99_999)));
        assert!(!takes(&deep(100_001)));
    }
    // The kind of every level is remembered, where 64 of them do not fit into a word any more.
    for depth in [1, 63, 64, 65, 127, 128, 129, 200] {
        for wrong in 0..depth {
            let mut text = "[".repeat(depth) + &"]".repeat(depth);
            assert!(takes(&text));
            text.replace_range(depth + wrong..=depth + wrong, "}");
            assert!(!takes(&text));
        }
    }
}

#[test]
fn values_come_without_the_white_space_around_them() {
    let mut reader = Reader::new(" { \"a\" : [ 1 ] , \"\\u0062\" : \"x\" } ");
    let mut object = EntryCursor::default();
    let key = reader.key(&mut object).unwrap().unwrap();
    assert_eq!((key.raw(), key.text().as_deref()), ("\"a\"", Some("a")));
    assert_eq!(reader.value(), Ok("[ 1 ]"));
    assert_eq!(reader.at(), 14);
    let key = reader.key(&mut object).unwrap().unwrap();
    assert_eq!(
        (key.raw(), key.text().as_deref()),
        ("\"\\u0062\"", Some("b"))
    );
    assert_eq!(reader.value(), Ok("\"x\""));
    assert!(reader.key(&mut object).unwrap().is_none());
    assert_eq!(reader.end(), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_judged_as_serde_json_judges_it(
        text in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\\", "\\u00", "41", "0", "-1", "1.", "e5", "true", "null",
                " ", "\n", "\u{1}", "é", "12345678",
            ]),
            0..24,
        ),
    ) {
        agrees_with_serde_json(&text.concat());
    }

    #[test]
    fn any_json_is_taken(value in json(), spaced: bool) {
        let text = if spaced {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        prop_assert!(takes(&text), "{}", text);
        agrees_with_serde_json(&text);
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
