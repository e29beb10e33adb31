//! Members that providers refuse, and that the answer does not need.

use serde_json::{Value, json};

use super::{answer, ask, one, provider, vector_of, vectors};
use crate::support::{Config, Script, Step, Upstream};

/// A provider that refuses a member in these words.
fn without(member: &'static str, status: u16, refusal: Value) -> Upstream {
    Upstream::answering(move |request| {
        if request.json().get(member).is_some() {
            Script::json(status, &refusal.to_string())
        } else {
            Script::json(200, &answer(request, |input| json!(vector_of(input))))
        }
    })
}

#[test]
fn comfort_is_left_out_and_remembered() {
    let extra = |member: &str| json!({"detail": [{"type": "extra_forbidden", "loc": ["body", member], "msg": "Extra inputs are not permitted"}]});
    let unknown = |member: &str| json!({"error": {"message": format!("Unknown parameter: '{member}'."), "param": member, "code": "unknown_parameter"}});
    for (member, value, status, refusal) in [
        (
            "encoding_format",
            json!("base64"),
            422,
            extra("encoding_format"),
        ),
        (
            "encoding_format",
            json!("float"),
            400,
            unknown("encoding_format"),
        ),
        ("user", json!("u"), 400, unknown("user")),
        ("user", json!("u"), 422, extra("user")),
    ] {
        let a = without(member, status, refusal.clone());
        let gateway = one(Step::new("a", "m"), &a);
        let mut body = json!({"model": "r", "input": "x"});
        body[member] = value.clone();
        let response = ask(&gateway, &body);
        let vector = &vectors(&response)[0];
        assert_eq!(vector.is_string(), value == "base64", "{response}");
        assert_eq!(response.steps()[0]["healed"], json!([member]), "{response}");
        assert_eq!(ask(&gateway, &body).status, 200);
        assert_eq!(a.requests().len(), 3, "it is remembered: {refusal}");
    }
}

const NO_LENGTHS: [&str; 2] = [
    "This model does not support specifying dimensions.",
    "Model \"m\" does not support matryoshka representation, changing output dimensions will lead to poor results.",
];

/// LiteLLM's users name the length that the model has anyway, and get a 400 for it.
#[test]
fn a_length_that_comes_anyway_need_not_be_said() {
    for message in NO_LENGTHS {
        let a = without("dimensions", 400, json!({"error": {"message": message}}));
        let gateway = one(Step::new("a", "m"), &a);
        let native = json!({"model": "r", "input": "x", "dimensions": 3});
        let response = ask(&gateway, &native);
        assert_eq!(vectors(&response).len(), 1);
        assert_eq!(response.steps()[0]["healed"], json!(["dimensions"]));
        assert_eq!(ask(&gateway, &native).status, 200);
        assert_eq!(a.requests().len(), 3, "it is remembered");
        // Another one is not to be had, and the words are the provider's.
        let other = ask(
            &gateway,
            &json!({"model": "r", "input": "x", "dimensions": 2}),
        );
        assert_eq!(other.status, 400, "{other}");
        let said = other.json()["error"]["message"].to_string();
        assert!(said.contains("does not support"), "{other}");
        assert_eq!(ask(&gateway, &native).status, 200, "still remembered");
        assert_eq!(a.requests().len(), 6);
    }
}

#[test]
fn a_length_that_is_not_to_be_had_goes_to_the_next_step() {
    let a = without(
        "dimensions",
        400,
        json!({"error": {"message": NO_LENGTHS[0]}}),
    );
    let b = provider();
    b.then(Script::json(200, r#"{"data":[{"embedding":[1,2]}]}"#));
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    let response = ask(
        &gateway,
        &json!({"model": "r", "input": "x", "dimensions": 2}),
    );
    assert_eq!(vectors(&response), [json!([1, 2])]);
    assert_eq!(response.header("x-routed-via"), Some("b/m"));
    assert_eq!(response.steps()[0]["class"], "rejected", "{response}");
}
