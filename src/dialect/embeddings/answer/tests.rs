use super::super::request::read;
use super::*;
use crate::dialect::reading::Reading;
use crate::dialect::step_traits::{StepTraits, VectorTraits};

fn judged(request: &str, body: &str) -> Result<JudgedWhole, Flaw> {
    let body_of_request = format!(r#"{{"model":"r",{request}}}"#);
    let request = read(body_of_request.as_bytes()).unwrap();
    let step = StepTraits::default();
    judge(
        body,
        &Asked {
            request: Some(&request),
            step: &step,
            reading: Reading::default(),
        },
    )
}

fn of(data: &str) -> String {
    format!(
        r#"{{"object":"list","data":{data},"model":"m","usage":{{"prompt_tokens":3,"total_tokens":3}}}}"#
    )
}

fn item(index: usize, embedding: &str) -> String {
    format!(r#"{{"object":"embedding","index":{index},"embedding":{embedding}}}"#)
}

#[test]
fn a_right_answer_stays_as_it_came() {
    for (request, data) in [
        (r#""input":"a""#, format!("[{}]", item(0, "[0.1, 2e-3]"))),
        (
            r#""input":["a","b"]"#,
            format!("[ {} , {} ]", item(1, "[1,0]"), item(0, "[0,1]")),
        ),
        (
            r#""input":"a","encoding_format":"base64""#,
            format!("[{}]", item(0, r#""AACAPw==""#)),
        ),
        (
            r#""input":"a","encoding_format":"ubinary""#,
            format!("[{}]", item(0, "[0,1,255]")),
        ),
        (r#""input":[1,2,3]"#, format!("[{}]", item(0, "[1]"))),
    ] {
        let judged = judged(request, &of(&data)).unwrap();
        assert_eq!(judged.mended, None, "{request}");
        assert_eq!(judged.usage.unwrap().prompt_tokens, Some(3));
    }
}

#[test]
fn a_client_gets_the_encoding_that_it_asked_for() {
    let base64 = item(0, r#""AACAPwAAAD8=""#);
    let floats = item(0, "[1.0,0.5]");
    for (format, came, gets) in [("float", &base64, &floats), ("base64", &floats, &base64)] {
        let request = format!(r#""input":"a","encoding_format":"{format}""#);
        let judged = judged(&request, &of(&format!("[{came}]"))).unwrap();
        assert_eq!(judged.mended.unwrap(), of(&format!("[{gets}]")), "{format}");
    }
}

#[test]
fn members_that_readers_expect_are_added() {
    let judged = judged(
        r#""input":["a","b"]"#,
        r#"{"data":[{"embedding":[1] },{"embedding":[2]}] }"#,
    )
    .unwrap();
    let text = judged.mended.unwrap();
    assert_eq!(
        text,
        r#"{"data":[{"embedding":[1],"index":0 },{"embedding":[2],"index":1}],"object":"list","model":"r","usage":{"prompt_tokens":0,"total_tokens":0} }"#
    );
    let mut annotated = String::new();
    judged
        .annotation
        .write(&mut annotated, &text, Some("route"), Some("1"));
    assert!(annotated.contains(r#""model":"route""#), "{annotated}");
    assert!(
        annotated.ends_with(r#""routing_summary":1 }"#),
        "{annotated}"
    );
    assert_eq!(judged.usage, None);
}

#[test]
fn vectors_that_do_not_fit_their_inputs_are_no_answer() {
    let two = r#""input":["a","b"]"#;
    for (request, data, words) in [
        (two, format!("[{}]", item(0, "[1]")), "1 vectors to 2"),
        (
            r#""input":"a""#,
            format!("[{},{}]", item(0, "[1]"), item(1, "[1]")),
            "more vectors",
        ),
        (
            two,
            format!("[{},{}]", item(0, "[1]"), item(0, "[1]")),
            "twice",
        ),
        (
            two,
            format!("[{},{}]", item(0, "[1]"), item(2, "[1]")),
            "index 2",
        ),
        (
            two,
            format!("[{},{}]", item(0, "[1]"), item(1, "[1,2]")),
            "different lengths: 1 and 2",
        ),
        (
            r#""input":"a","dimensions":3"#,
            format!("[{}]", item(0, "[1,2]")),
            "length 2, not 3",
        ),
        (
            r#""input":"a""#,
            format!("[{}]", item(0, "[1,null]")),
            "null",
        ),
        (r#""input":"a""#, format!("[{}]", item(0, "[0,0]")), "zeros"),
        (r#""input":"a""#, "[{}]".to_owned(), "no embedding"),
        (r#""input":"a""#, "[1]".to_owned(), "no embedding"),
    ] {
        let flaw = judged(request, &of(&data)).unwrap_err();
        assert!(matches!(flaw, Flaw::NoAnswer(_)), "{data}");
        assert!(flaw.to_string().contains(words), "{data}: {flaw}");
    }
}

#[test]
fn the_length_that_a_route_declares_is_kept() {
    let request = read(br#"{"model":"r","input":"a"}"#).unwrap();
    let step = StepTraits {
        vectors: VectorTraits {
            dimensions: Some(2),
            ..VectorTraits::default()
        },
        ..StepTraits::default()
    };
    let asked = Asked {
        request: Some(&request),
        step: &step,
        reading: Reading::default(),
    };
    assert!(judge(&of(&format!("[{}]", item(0, "[1,2]"))), &asked).is_ok());
    assert!(judge(&of(&format!("[{}]", item(0, "[1]"))), &asked).is_err());
}

/// openai-python raises on data without an item.
#[test]
fn nothing_passes_for_an_answer() {
    for data in ["[]", "null", "7"] {
        let flaw = judged(r#""input":"a""#, &of(data)).unwrap_err();
        assert_eq!(flaw, Flaw::EmptyContent, "{data}");
    }
    assert!(judged(r#""input":[]"#, &of("[]")).is_ok());
    assert!(matches!(
        judged(r#""input":"a""#, "{}"),
        Err(Flaw::NoAnswer(_))
    ));
    for (body, message) in [
        (
            r#"{"error":{"message":"slow down","code":429}}"#,
            "slow down",
        ),
        (r#"{"data":[],"error":"busy"}"#, "busy"),
        (r#"{"detail":"no such model"}"#, "no such model"),
    ] {
        match judged(r#""input":"a""#, body) {
            Err(Flaw::ErrorObject(error)) => assert_eq!(error.message, message),
            other => panic!("{body}: {other:?}"),
        }
    }
    for body in ["", "<html>", r#"{"data":[{"embedding":[NaN]}]}"#] {
        let flaw = judged(r#""input":"a""#, body).unwrap_err();
        assert!(matches!(flaw, Flaw::NotJson(_)), "{body}: {flaw}");
    }
}

#[test]
fn the_first_encoding_is_told_without_the_rest() {
    for (body, expected) in [
        (of(&format!("[{}]", item(0, "[1]"))), Some(Encoding::Floats)),
        (
            r#"{"x":[{}],"data":[{"index":0,"embedding":"AA"#.to_owned(),
            Some(Encoding::Base64),
        ),
        (of("[]"), None),
        (of("[{}]"), None),
        ("[]".to_owned(), None),
        ("{".to_owned(), None),
    ] {
        assert_eq!(first_encoding(&body), expected, "{body}");
    }
}

#[test]
fn the_first_length_is_read_in_both_encodings() {
    for (embedding, length) in [("[1,2,3]", 3), (r#""AACAPwAAAD8=""#, 2)] {
        let body = of(&format!("[{}]", item(0, embedding)));
        assert_eq!(first_length(&body), Some(length));
    }
    assert_eq!(first_length(&of(&format!("[{}]", item(0, r#""x""#)))), None);
}
