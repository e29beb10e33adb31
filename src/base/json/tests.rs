use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn an_untouched_object_keeps_every_byte() {
    for source in [
        "{}",
        " \r\n\t{ } \n",
        r#"{"n":9007199254740993,"e":1e-7,"z":-0,"big":1e999}"#,
        r#"{ "s" : "\u0000\/\ud800 ü" , "k\u0065y":[ 1 , {"a": null} ] }"#,
    ] {
        let object = Object::parse(source).unwrap();
        assert!(!object.is_edited());
        assert_eq!(object.to_json(), source);
    }
}

#[test]
fn an_edit_changes_its_member_and_nothing_else() {
    // (source, key, new value or removal, result)
    for (source, key, value, expected) in [
        (r#"{"a":1,"b":2}"#, "a", Some("9"), r#"{"a":9,"b":2}"#),
        (
            r#"{ "a" : 1 , "b":2 }"#,
            "b",
            Some("\"x\""),
            r#"{ "a" : 1 , "b":"x" }"#,
        ),
        (r#"{"a":1 }"#, "c", Some("3"), r#"{"a":1,"c":3 }"#),
        ("{}", "c", Some("3"), r#"{"c":3}"#),
        ("{ }\n", "c", Some("3"), "{\"c\":3 }\n"),
        (r#"{"\u0061":1}"#, "a", Some("2"), r#"{"\u0061":2}"#),
        (r#"{"b":1}"#, "a\"", Some("2"), r#"{"b":1,"a\"":2}"#),
        ("{ \"a\":1, \"b\":2 }", "a", None, "{ \"b\":2 }"),
        ("{\n  \"a\":1,\n  \"b\":2\n}", "a", None, "{\n  \"b\":2\n}"),
        ("{ \"a\":1 , \"b\":2 }", "b", None, "{ \"a\":1 }"),
        (r#"{"a":1,"b":2,"c":3}"#, "b", None, r#"{"a":1,"c":3}"#),
        (r#"{"a":1}"#, "a", None, "{}"),
        (r#"{"a":1}"#, "b", None, r#"{"a":1}"#),
    ] {
        let mut object = Object::parse(source).unwrap();
        match value {
            Some(value) => {
                object.set(key, value.to_owned());
                assert_eq!(object.get(key), Some(value));
            }
            None => {
                let was_there = object.get(key).is_some();
                assert_eq!(object.remove(key), was_there);
                assert_eq!(object.get(key), None);
            }
        }
        assert_eq!(object.to_json(), expected, "{source} {key}");
    }
}

#[test]
fn edits_add_up() {
    let mut object = Object::parse(r#"{"a":1,"b":2,"c":3}"#).unwrap();
    assert!(object.remove("a"));
    assert!(object.remove("b"));
    assert!(!object.remove("b"));
    object.set("d", "4".to_owned());
    object.set("d", "5".to_owned());
    assert_eq!(object.to_json(), r#"{"c":3,"d":5}"#);
    object.set("b", "6".to_owned());
    assert_eq!(object.to_json(), r#"{"b":6,"c":3,"d":5}"#);
    assert!(object.remove("b") && object.remove("c"));
    assert_eq!(object.to_json(), r#"{"d":5}"#);
    assert!(object.remove("d"));
    assert_eq!(object.to_json(), "{}");
}

#[test]
fn a_key_is_not_read_twice_with_different_values() {
    for (source, key) in [
        (r#"{"model":"a","model":"b"}"#, "model"),
        (r#"{"model":"a","x":1,"mod\u0065l":"b"}"#, "model"),
        (r#"{"":1,"":2}"#, ""),
        (r#"{"\n":1,"\u000a":2}"#, "\n"),
    ] {
        let expected = ObjectError::DuplicateKey(key.to_owned());
        assert_eq!(Object::parse(source).unwrap_err(), expected, "{source}");
    }
    Object::parse(r#"{"a":{"b":1,"b":2},"A":1}"#).unwrap();

    let long = "é".repeat(1000);
    let error = Object::parse(&format!("{{\"{long}\":1,\"{long}\":1}}")).unwrap_err();
    assert_eq!(error, ObjectError::DuplicateKey("é".repeat(64)));
}

#[test]
fn a_providers_repeated_key_leaves_one_member_when_it_is_edited() {
    let source = r#"{"model":"a","x":1,"mod\u0065l":"b"}"#;
    let mut object = Object::parse_lenient(source).unwrap();
    assert_eq!(object.get("model"), Some("\"b\""));
    object.set("model", "\"c\"".to_owned());
    assert_eq!(object.to_json(), r#"{"x":1,"mod\u0065l":"c"}"#);
    assert!(object.remove("model"));
    assert_eq!(object.to_json(), r#"{"x":1}"#);
}

#[test]
fn what_is_no_object_says_where_and_why() {
    for source in ["[]", "1", " null", "\"{}\""] {
        assert_eq!(Object::parse(source).unwrap_err(), ObjectError::NotAnObject);
    }
    for source in [
        "",
        " ",
        "{",
        "{]",
        "[",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{}x",
        "{} {}",
        "nul",
        "{\"a\":01}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "\u{feff}{}",
        "{\"\\ud800\":1}",
        "{\"a\":NaN}",
        "\u{a0}{}",
    ] {
        let error = Object::parse(source).unwrap_err();
        assert!(
            matches!(error, ObjectError::NotJson { .. }),
            "{source:?}: {error:?}"
        );
    }
    assert_eq!(
        Object::parse("{\n \"a\": x}").unwrap_err(),
        ObjectError::NotJson {
            line: 2,
            column: 7,
            message: "expected value".to_owned()
        }
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let depth = 100_000;
    let source = format!(
        "{{\"model\":\"m\",\"x\":{}{}}}",
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let mut object = Object::parse(&source).unwrap();
    assert_eq!(object.text("model").as_deref(), Some("m"));
    object.set("model", "1".to_owned());
    assert_eq!(object.to_json().len(), source.len() - 2);
    let not_an_object = "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(
        Object::parse(&not_an_object).unwrap_err(),
        ObjectError::NotAnObject
    );
}

#[test]
fn many_keys_are_read_in_moments_and_more_are_refused() {
    let mut source = String::from("{");
    for n in 0..MAX_MEMBERS - 1 {
        write!(source, "\"{n}\":0,").unwrap();
    }
    let started = Instant::now();
    Object::parse(&format!("{source}\"x\":1}}")).unwrap();
    // Pairwise comparing takes a second of a fast machine, and minutes of a slow one without optimization.
    assert!(started.elapsed() < Duration::from_secs(5));
    let repeated = Object::parse(&format!("{source}\"77\":1}}")).unwrap_err();
    assert_eq!(repeated, ObjectError::DuplicateKey("77".to_owned()));
    let too_many = format!("{{{}\"x\":0}}", "\"\":0,".repeat(MAX_MEMBERS));
    assert_eq!(Object::parse(&too_many).unwrap_err(), ObjectError::TooLarge);
}

#[test]
fn an_object_is_edited_beside_the_one_that_it_borrows_from() {
    let mut object = Object::parse(r#"{"a":1,"b":2}"#).unwrap();
    object.set("c", "3".to_owned());
    let mut edited = object.borrowed();
    edited.set("a", "4".to_owned());
    assert!(edited.remove("b") && edited.remove("c"));
    edited.set("d", "5".to_owned());
    assert_eq!(edited.to_json(), r#"{"a":4,"d":5}"#);
    assert_eq!(object.to_json(), r#"{"a":1,"b":2,"c":3}"#);
    assert_eq!(object.get("d"), None);
}

proptest! {
    #[test]
    fn any_name_is_found_and_repeated_ones_are_told(
        names in prop::collection::vec("[a-c]{0,2}|\\\\u006[a-c]|é?model|[a-z_]{4,20}", 0..30),
    ) {
        let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":{}", name.len())).collect();
        let source = format!("{{{}}}", members.join(","));
        let expected: serde_json::Value = serde_json::from_str(&source).unwrap();
        let expected = expected.as_object().unwrap();
        let object = Object::parse_lenient(&source).unwrap();
        for (name, value) in expected {
            prop_assert_eq!(object.get(name), Some(&*value.to_string()));
        }
        for absent in ["A", "aaa", "modem", "é", "tools"] {
            prop_assert_eq!(object.get(absent).is_some(), expected.contains_key(absent));
        }
        prop_assert_eq!(Object::parse(&source).is_ok(), expected.len() == names.len());
    }

    /// A splice that loses a comma or a brace would break every answer of some provider's formatting.
    #[test]
    fn any_edit_of_any_formatting_is_valid_json(
        members in prop::collection::vec(("[ \n]{0,2}", "[abc]", "[ \n]{0,2}", "[0-9]|\"[xyz,}]*\"|\\[\\]"), 0..6),
        edits in prop::collection::vec(("[abcd]", prop::option::of("[0-9]")), 0..6),
    ) {
        let parts: Vec<String> = members
            .iter()
            .map(|(before, key, after, value)| format!("{before}\"{key}\"{after}:{value}{after}"))
            .collect();
        let source = format!(" {{{}}} ", parts.join(","));
        let mut object = Object::parse_lenient(&source).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(&source).unwrap();
        for (key, value) in edits {
            let map = expected.as_object_mut().unwrap();
            match value {
                Some(value) => {
                    map.insert(key.clone(), serde_json::from_str(&value).unwrap());
                    object.set(&key, value);
                }
                None => {
                    prop_assert_eq!(object.remove(&key), map.remove(&key).is_some());
                }
            }
        }
        let written: serde_json::Value = serde_json::from_str(&object.to_json()).unwrap();
        prop_assert_eq!(written, expected);
    }
}
