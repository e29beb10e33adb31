//! The encoding that the client asked for, whatever the provider answers with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{answer, ask, one, vectors};
use crate::support::{Config, Gateway, Script, Step, Upstream};

const FLOATS: [f32; 4] = [0.1, -1e-7, 3.0, f32::MAX];

fn base64() -> String {
    STANDARD.encode(FLOATS.map(f32::to_le_bytes).concat())
}

/// A gateway in front of a provider that has one encoding only.
fn with_vectors(vector: Value) -> (Gateway, Upstream) {
    let a =
        Upstream::answering(move |request| Script::json(200, &answer(request, |_| vector.clone())));
    (one(Step::new("a", "m"), &a), a)
}

/// openai-node decodes an array of floats as bytes, and returns a quarter of the length, all wrong, without an error.
#[test]
fn floats_become_base64_and_back() {
    // As a provider writes them: longer than need be.
    let long: Vec<f64> = FLOATS.iter().map(|float| f64::from(*float)).collect();
    for (came, format, gets) in [
        (json!(long), Some("base64"), json!(base64())),
        (json!(base64()), Some("float"), json!(FLOATS)),
        (json!(base64()), None, json!(FLOATS)),
        (json!(base64()), Some("base64"), json!(base64())),
    ] {
        let (gateway, a) = with_vectors(came);
        let mut body = json!({"model": "r", "input": ["x", "y"]});
        if let Some(format) = format {
            body["encoding_format"] = json!(format);
        }
        let response = ask(&gateway, &body);
        let vectors = vectors(&response);
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            match (&vector, &gets) {
                (Value::Array(_), Value::Array(_)) => {
                    let floats: Vec<f32> = serde_json::from_value(vector).unwrap();
                    assert_eq!(floats, FLOATS, "{response}");
                }
                _ => assert_eq!(vector, gets, "{response}"),
            }
        }
        // It goes up as the client sent it.
        let sent = a.requests()[0].json();
        assert_eq!(sent.get("encoding_format"), body.get("encoding_format"));
        assert_eq!(response.json()["model"], "r");
        assert_eq!(response.steps()[0]["success"], true);
    }
}

/// The shortest decimals that are the same float: no `0.10000000149011612`.
#[test]
fn numbers_are_as_short_as_can_be() {
    let (gateway, _a) = with_vectors(json!(base64()));
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    assert!(
        response.text().contains("[0.1,-1e-7,3.0,3.4028235e38]"),
        "{response}"
    );
}

/// What is right is relayed as it came, spaces and number spellings included.
#[test]
fn an_answer_in_the_right_encoding_is_not_touched() {
    let body = r#"{ "object":"list", "data":[ {"object":"embedding","index":0,"embedding":[ 1E-3, -0, 0.100 ],"x":{}} ],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1} }"#;
    let a = Upstream::always(Script::json(200, body));
    let gateway = one(Step::new("a", "m"), &a);
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    let text = response.text();
    let (before, _) = text.split_once(r#","routing_summary""#).expect("a summary");
    let expected = body.replace(r#""model":"m""#, r#""model":"r""#);
    assert_eq!(format!("{before} }}"), expected);
}

/// Vectors of 1024 texts, 17 MB of base64.
fn large() -> (Value, Vec<f32>, Value) {
    const COUNT: usize = 1024;
    let floats: Vec<f32> = (0..3072_u16).map(|n| f32::from(n) / 7.0).collect();
    let bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
    let inputs = vec!["x"; COUNT];
    let body = json!({"model": "r", "input": inputs, "encoding_format": "float"});
    (json!(STANDARD.encode(bytes)), floats, body)
}

/// 17 MB of base64 become 27 MB of numbers in one pass, without a tree.
#[test]
fn large_answers_are_converted_within_bounds() {
    let (vector, floats, body) = large();
    let (gateway, _a) = with_vectors(vector);
    let response = ask(&gateway, &body);
    let vectors = vectors(&response);
    assert_eq!(vectors.len(), body["input"].as_array().unwrap().len());
    let last: Vec<f32> = serde_json::from_value(vectors[vectors.len() - 1].clone()).unwrap();
    assert_eq!(last, floats);
    // Both forms, and room for growth. A tree of them has 3 million values of 32 bytes and more.
    let peak = gateway.peak_memory();
    assert!(peak < 80 << 20, "{peak}");
}

/// Both forms of an answer lie in memory for a while, and count.
#[test]
fn an_answer_that_has_no_room_for_its_conversion_is_none() {
    let (vector, _, body) = large();
    let a =
        Upstream::answering(move |request| Script::json(200, &answer(request, |_| vector.clone())));
    let gateway = Config::new()
        .server("body_memory: 40MiB")
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let response = ask(&gateway, &body);
    assert_eq!(response.status, 502, "{response}");
    assert_eq!(
        response.json()["error"]["details"]["steps"][0]["class"],
        "bad_response"
    );
    let peak = gateway.peak_memory();
    assert!(peak < 40 << 20, "{peak}");
    // What is to stay as it came needs no room.
    let mut body = body;
    body["encoding_format"] = json!("base64");
    assert_eq!(ask(&gateway, &body).status, 200);
}

/// ai-gateway adds what readers expect: openai's types and LangChain look at these members.
#[test]
fn members_that_are_absent_are_added() {
    let a = Upstream::always(Script::json(200, r#"{"data":[{"embedding":[1.5]}]}"#));
    let gateway = one(Step::new("a", "m"), &a);
    let response = ask(&gateway, &json!({"model": "r", "input": "x"}));
    let mut answer = response.json();
    answer.as_object_mut().unwrap().remove("routing_summary");
    assert_eq!(
        answer,
        json!({
            "object": "list",
            "data": [{"embedding": [1.5], "index": 0}],
            "model": "r",
            "usage": {"prompt_tokens": 0, "total_tokens": 0},
        })
    );
}

/// `max_answer` bounds what a client gets, too: 17 MB of base64 fit, and 27 MB of numbers do not.
#[test]
fn an_answer_that_is_too_long_after_its_conversion_is_none() {
    let (vector, _, body) = large();
    let a =
        Upstream::answering(move |request| Script::json(200, &answer(request, |_| vector.clone())));
    let gateway = Config::new()
        .server("max_answer: 20MiB")
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    let response = ask(&gateway, &body);
    assert_eq!(response.status, 502, "{response}");
    let step = &response.json()["error"]["details"]["steps"][0];
    assert_eq!(step["class"], "bad_response");
    let words = step["error"].as_str().unwrap();
    assert!(words.contains("more than 20971520 bytes"), "{words}");
}
