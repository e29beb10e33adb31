//! `/api/embed` and `/api/embeddings`.

use serde_json::json;

use super::post;
use crate::support::{Script, Upstream};

fn provider() -> Upstream {
    Upstream::answering(|request| {
        let inputs = request.json()["input"].as_array().unwrap().len();
        let data: Vec<_> = (0..inputs)
            .rev()
            .map(|index| json!({"object": "embedding", "index": index, "embedding": [index, 0.5]}))
            .collect();
        let body = json!({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 4}});
        Script::json(200, &body.to_string())
    })
}

#[test]
fn each_text_has_its_vector() {
    let upstream = provider();
    let gateway = super::config(&upstream, "").start();
    let several = post(
        &gateway,
        "/api/embed",
        &json!({"model": "home:latest", "input": ["a", "b"], "truncate": true}),
    );
    assert_eq!(several.status, 200, "{several}");
    let answer = several.json();
    assert_eq!(answer["model"], "home:latest");
    assert_eq!(answer["embeddings"], json!([[0, 0.5], [1, 0.5]]));
    assert_eq!(answer["prompt_eval_count"], 4);
    assert!(answer["total_duration"].as_u64().unwrap() > 0);
    let sent = upstream.request().json();
    assert_eq!(
        sent,
        json!({"model": "model-a", "input": ["a", "b"], "encoding_format": "float"})
    );
}

#[test]
fn the_older_endpoint_has_one() {
    let upstream = provider();
    let gateway = super::config(&upstream, "").start();
    let one = post(
        &gateway,
        "/api/embeddings",
        &json!({"model": "home", "prompt": "a"}),
    );
    assert_eq!(one.json(), json!({"embedding": [0, 0.5]}));
}

#[test]
fn nothing_is_asked_for_nothing() {
    let upstream = provider();
    let gateway = super::config(&upstream, "").start();
    for (path, body, answer) in [
        (
            "/api/embed",
            json!({"model": "home", "input": []}),
            json!({"model": "home", "embeddings": []}),
        ),
        (
            "/api/embed",
            json!({"model": "home"}),
            json!({"model": "home", "embeddings": []}),
        ),
        (
            "/api/embeddings",
            json!({"model": "home", "prompt": ""}),
            json!({"embedding": []}),
        ),
    ] {
        assert_eq!(post(&gateway, path, &body).json(), answer, "{path}");
    }
    let wrong = post(
        &gateway,
        "/api/embed",
        &json!({"model": "home", "input": [7]}),
    );
    assert_eq!(
        (wrong.status, wrong.json()["error"].as_str()),
        (400, Some("invalid input type"))
    );
    let unknown = post(&gateway, "/api/embed", &json!({"model": "x", "input": []}));
    assert_eq!(
        (unknown.status, unknown.json()["error"].as_str()),
        (404, Some("model 'x' not found"))
    );
    assert!(upstream.requests().is_empty());
}
