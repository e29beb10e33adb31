//! More inputs than a step takes at once: several calls, one answer.

use serde_json::{Value, json};

use super::{answer, ask, inputs, one, provider, vector_of, vectors};
use crate::support::{Config, Script, Step, Upstream};

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("text {n}")).collect()
}

/// TEI takes 32 texts; LangChain sends a hundred.
#[test]
fn a_hundred_texts_go_in_four_calls_and_keep_their_order() {
    let a = provider();
    let gateway = one(Step::new("a", "m").with("max_inputs: 32"), &a);
    let texts = texts(100);
    let response = ask(
        &gateway,
        &json!({"model": "r", "input": texts, "user": "u"}),
    );
    let expected: Vec<Value> = texts
        .iter()
        .map(|text| json!(vector_of(&json!(text))))
        .collect();
    assert_eq!(vectors(&response), expected);
    let answer = response.json();
    let indexes: Vec<u64> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, (0..100).collect::<Vec<u64>>());
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 100, "total_tokens": 100})
    );
    assert_eq!(answer["model"], "r");
    assert_eq!(response.steps().len(), 1, "one attempt: {response}");
    let calls: Vec<usize> = a
        .requests()
        .iter()
        .map(|request| inputs(request).len())
        .collect();
    assert_eq!(calls, [32, 32, 32, 4]);
    for request in a.requests() {
        let body = request.json();
        assert_eq!((&body["user"], &body["model"]), (&json!("u"), &json!("m")));
    }
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(line["prompt_tokens"], 100, "{line}");
    // As many as it takes go at once.
    assert_eq!(
        ask(&gateway, &json!({"model": "r", "input": self::texts(32)})).status,
        200
    );
    assert_eq!(a.requests().len(), 5);
}

/// A vector of another model in the middle of an index would never be found.
#[test]
fn one_failure_fails_the_attempt_and_the_next_step_gets_all() {
    let a = provider();
    let b = provider();
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route(
            "r",
            [
                Step::new("a", "m").with("max_inputs: 2"),
                Step::new("b", "m"),
            ],
        )
        .start();
    a.then(Script::json(
        200,
        &json!({"data": [{"embedding": [1.0, 2.0, 3.0]}, {"embedding": [1.0, 2.0, 3.0]}]})
            .to_string(),
    ));
    a.then(Script::json(503, "{}"));
    let response = ask(&gateway, &json!({"model": "r", "input": texts(5)}));
    let expected: Vec<Value> = texts(5)
        .iter()
        .map(|text| json!(vector_of(&json!(text))))
        .collect();
    assert_eq!(vectors(&response), expected);
    assert_eq!(response.header("x-routed-via"), Some("b/m"));
    assert_eq!((a.requests().len(), b.requests().len()), (2, 1));
}

/// All calls of a request go with one key: a limit on the second one is that key's.
#[test]
fn all_parts_go_with_the_same_key() {
    let a = provider();
    let gateway = Config::new()
        .provider_with(
            "a",
            &a,
            &["api_keys: [provider-key-one-1234, provider-key-two-1234]"],
        )
        .route("r", [Step::new("a", "m").with("max_inputs: 1")])
        .start();
    let response = ask(&gateway, &json!({"model": "r", "input": texts(3)}));
    assert_eq!(response.status, 200, "{response}");
    let keys: Vec<Option<String>> = a
        .requests()
        .iter()
        .map(|request| request.head.get("authorization").map(str::to_owned))
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

/// What the first call was refused for is not asked again by the next ones.
#[test]
fn a_member_that_is_refused_is_left_out_of_all_parts() {
    let a = Upstream::answering(|request| {
        if request.json().get("user").is_some() {
            let said =
                json!({"error": {"message": "Unrecognized request argument supplied: user"}});
            Script::json(400, &said.to_string())
        } else {
            Script::json(200, &answer(request, |input| json!(vector_of(input))))
        }
    });
    let gateway = one(Step::new("a", "m").with("max_inputs: 1"), &a);
    let response = ask(
        &gateway,
        &json!({"model": "r", "input": texts(3), "user": "u"}),
    );
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(a.requests().len(), 4);
}
