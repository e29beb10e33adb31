//! Embeddings, as clients ask for them and providers get them wrong.

mod encoding;
mod faults;
mod guards;
mod healing;
mod parts;

use serde_json::{Value, json};

use crate::support::gateway::request;
use crate::support::upstream::Request;
use crate::support::{Config, Gateway, Response, Script, Step, Upstream};

/// The vector that [`provider`] makes of an input.
fn vector_of(input: &Value) -> [f64; 3] {
    let text = input.to_string();
    let sum: u32 = text.bytes().map(u32::from).sum();
    [f64::from(sum), 0.5, 1.0]
}

/// The inputs of a request.
fn inputs(request: &Request) -> Vec<Value> {
    match &request.json()["input"] {
        Value::Array(items) if !items.first().is_some_and(Value::is_number) => items.clone(),
        one => vec![one.clone()],
    }
}

/// What a provider without fault answers to a request, with its vectors in this form.
fn answer(request: &Request, vector: impl Fn(&Value) -> Value) -> String {
    let inputs = inputs(request);
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            json!({"object": "embedding", "index": index, "embedding": vector(input)})
        })
        .collect();
    let tokens = inputs.len();
    json!({
        "object": "list",
        "data": data,
        "model": "upstream-model",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
    .to_string()
}

/// A provider that answers well, with arrays of floats.
fn provider() -> Upstream {
    Upstream::answering(|request| {
        Script::json(200, &answer(request, |input| json!(vector_of(input))))
    })
}

/// A provider that answers every request with these vectors.
fn saying(vectors: Value) -> Upstream {
    let vectors = vectors.as_array().unwrap().clone();
    let data: Vec<Value> = vectors
        .into_iter()
        .enumerate()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}))
        .collect();
    let body = json!({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}});
    Upstream::always(Script::json(200, &body.to_string()))
}

/// A route `r` over two providers of the same model.
fn two(a: &Upstream, b: &Upstream) -> Gateway {
    two_with(&[], a, b)
}

fn two_with(lines: &[&str], a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route_with("r", lines, [("a", "maker/bge-m3"), ("b", "bge-m3:latest")])
        .start()
}

fn one(step: Step, a: &Upstream) -> Gateway {
    Config::new().provider("a", a).route("r", [step]).start()
}

fn ask(gateway: &Gateway, body: &Value) -> Response {
    let fields = [("Content-Type", "application/json")];
    gateway.exchange(request(
        "POST",
        "/v1/embeddings",
        &fields,
        &body.to_string(),
    ))
}

fn vectors(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{response}");
    let data = response.json()["data"].as_array().expect("data").clone();
    data.into_iter()
        .map(|mut item| item["embedding"].take())
        .collect()
}

/// An application that knows chat finds the same headers, summary and name here, below any spelling of the path.
#[test]
fn a_vector_for_each_text_and_the_usual_signs() {
    let a = provider();
    let gateway = one(Step::new("a", "bge-m3"), &a);
    for path in ["/v1/embeddings", "/embeddings", "/v1/embeddings/"] {
        let body = json!({"model": "r", "input": ["x", "y"], "user": "u"}).to_string();
        let response = gateway.exchange(request("POST", path, &[], &body));
        assert_eq!(
            vectors(&response),
            [json!(vector_of(&json!("x"))), json!(vector_of(&json!("y")))]
        );
        let answer = response.json();
        assert_eq!(answer["model"], "r");
        assert_eq!(answer["usage"]["prompt_tokens"], 2);
        assert_eq!(response.steps().len(), 1);
        assert_eq!(response.header("x-routed-via"), Some("a/bge-m3"));
        assert_eq!(response.header("x-fallback-count"), Some("0"));
        assert!(response.header("x-request-id").is_some());
    }
    let sent = &a.requests()[0];
    assert!(
        sent.head.first_line.starts_with("POST /v1/embeddings "),
        "{}",
        sent.head.first_line
    );
    assert_eq!(
        sent.text(),
        r#"{"input":["x","y"],"model":"bge-m3","user":"u"}"#
    );
    assert_eq!(sent.head.get("accept"), Some("application/json"));
}
