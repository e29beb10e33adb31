//! What vectors cost: the tokens that were asked, in whichever dialect and encoding, and none for the numbers that come back.

use serde_json::json;

use super::*;

/// A provider whose answers tell this usage, if any.
fn provider(usage: Option<Value>) -> Upstream {
    Upstream::answering(move |request| {
        let inputs = request.json()["input"].as_array().map_or(1, Vec::len);
        let vector: Vec<f64> = (0..200).map(|n| f64::from(n) / 7.0).collect();
        let data: Vec<Value> = (0..inputs)
            .map(|index| json!({"object": "embedding", "index": index, "embedding": vector}))
            .collect();
        let mut body = json!({"object": "list", "data": data, "model": "m"});
        if let Some(usage) = &usage {
            body["usage"] = usage.clone();
        }
        Script::json(200, &body.to_string())
    })
}

fn post(gateway: &Gateway, path: &str, body: &Value) -> Response {
    let fields = [("X-Api-Key", HOME), ("Content-Type", "application/json")];
    gateway.exchange(anonymous("POST", path, &fields, &body.to_string()))
}

#[test]
fn vectors_are_charged_by_what_was_asked() {
    let told = json!({"prompt_tokens": 40, "total_tokens": 40});
    let text = "a text of some forty letters, ten tokens..";
    for (usage, estimated) in [(Some(told), 0), (None, 1)] {
        for (path, body) in [
            ("/v1/embeddings", json!({"model": "r", "input": text})),
            (
                "/v1/embeddings",
                json!({"model": "r", "input": [text], "encoding_format": "base64"}),
            ),
            ("/api/embed", json!({"model": "r", "input": [text]})),
            ("/api/embeddings", json!({"model": "r", "prompt": text})),
        ] {
            let upstream = provider(usage.clone());
            let terms = "limits: {tokens: 100000/day}";
            let ollama = "ollama: {enabled: true}";
            let gateway = gateway(&upstream, terms, &[ollama]).start();
            let answer = post(&gateway, path, &body);
            assert_eq!(answer.status, 200, "{path}: {answer}");
            let report = settled(&gateway, HOME, |report| {
                report["months"][0]["requests"] == 1 && report["limits"][0]["reserved"] == 0
            });
            let month = &report["months"][0];
            let input = month["input_tokens"].as_u64().unwrap();
            match estimated {
                0 => assert_eq!(input, 40, "{path}: {report}"),
                _ => assert!((8..=30).contains(&input), "{path}: {report}"),
            }
            assert_eq!(month["output_tokens"], 0, "{path}: {report}");
            assert_eq!(month["estimated"], estimated, "{path}: {report}");
        }
    }
}
