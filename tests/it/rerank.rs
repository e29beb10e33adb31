//! Reranking, as clients ask for it and providers get it wrong.

use serde_json::{Value, json};

use crate::support::gateway::request;
use crate::support::{Config, Gateway, Response, Script, Step, Upstream};

/// What a provider without fault answers: the last document is the best.
fn ranking(documents: usize) -> String {
    let results: Vec<Value> = (0..documents)
        .rev()
        .map(|index| json!({"index": index, "relevance_score": 0.1 * (index as f64 + 1.0)}))
        .collect();
    json!({"id": "rr-1", "model": "upstream-model", "results": results, "usage": {"total_tokens": 9}})
        .to_string()
}

fn provider() -> Upstream {
    Upstream::answering(|request| {
        let documents = request.json()["documents"].as_array().map_or(0, Vec::len);
        Script::json(200, &ranking(documents))
    })
}

fn saying(body: &Value) -> Upstream {
    Upstream::always(Script::json(200, &body.to_string()))
}

fn of(results: Value) -> Upstream {
    saying(&json!({"results": results}))
}

fn one(step: Step, a: &Upstream) -> Gateway {
    Config::new().provider("a", a).route("r", [step]).start()
}

fn ask_at(gateway: &Gateway, path: &str, more: &Value) -> Response {
    let mut body = json!({"model": "r", "query": "q", "documents": ["zero", {"text": "one"}]});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    gateway.exchange(request("POST", path, &[], &body.to_string()))
}

fn ask(gateway: &Gateway, more: &Value) -> Response {
    ask_at(gateway, "/v1/rerank", more)
}

fn order(response: &Response) -> Vec<u64> {
    assert_eq!(response.status, 200, "{response}");
    let answer = response.json();
    let results = answer["results"].as_array().expect("results");
    results
        .iter()
        .map(|result| result["index"].as_u64().unwrap())
        .collect()
}

#[test]
fn documents_are_ranked_below_every_path() {
    let a = provider();
    let gateway = one(Step::new("a", "m"), &a);
    for path in ["/v1/rerank", "/rerank", "/v2/rerank", "/v1/rerank/"] {
        let response = ask_at(&gateway, path, &json!({"top_n": 2}));
        assert_eq!(order(&response), [1, 0], "{path}");
        // A ranking has the model of its provider: the header tells whose scores these are.
        assert_eq!(response.json()["model"], "upstream-model");
        assert_eq!(response.json()["routing_summary"]["route_name"], "r");
        assert_eq!(response.header("x-routed-via"), Some("a/m"));
    }
    for request in a.requests() {
        assert!(
            request.head.first_line.starts_with("POST /v1/rerank "),
            "{}",
            request.head.first_line
        );
        assert_eq!(
            request.json(),
            json!({"model": "m", "query": "q", "documents": ["zero", {"text": "one"}], "top_n": 2})
        );
    }
}

#[test]
fn whatever_is_no_ranking_moves_on() {
    let error = json!({"error": {"message": "boom", "code": 500}});
    let html = Script::body(200, &[("Content-Type", "text/html")], "<html></html>");
    let score = |index: i64| json!({"index": index, "relevance_score": 0.5});
    for (name, a, class) in [
        ("500", Upstream::always(Script::json(500, &error.to_string())), "server_error"),
        ("429", Upstream::always(Script::json(429, &json!({"message": "slow down"}).to_string())), "rate_limited"),
        ("501", Upstream::always(Script::json(501, &json!({"error": {"message": "This server does not support reranking. Start it with `--reranking`"}}).to_string())), "unsupported"),
        ("error in a 200", saying(&error), "server_error"),
        ("HTML", Upstream::always(html), "bad_response"),
        ("an array", saying(&json!([score(0)])), "bad_response"),
        ("nothing", of(json!([])), "empty_answer"),
        ("an index out of range", of(json!([score(2)])), "bad_response"),
        ("a negative index", of(json!([score(-1)])), "bad_response"),
        ("an index twice", of(json!([score(0), score(0)])), "bad_response"),
        ("no index", of(json!([{"relevance_score": 1}])), "bad_response"),
        ("no score", of(json!([{"index": 0}])), "bad_response"),
        ("a score that is a text", of(json!([{"index": 0, "relevance_score": "high"}])), "bad_response"),
        ("more than top_n", of(json!([score(0), score(1)])), "bad_response"),
    ] {
        let b = provider();
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route("r", [("a", "m"), ("b", "n")])
            .start();
        b.then(Script::json(200, &json!({"results": [score(1)]}).to_string()));
        let response = ask(&gateway, &json!({"top_n": 1}));
        assert_eq!(order(&response), [1], "{name}");
        assert_eq!(response.header("x-routed-via"), Some("b/n"), "{name}");
        assert_eq!(response.steps()[0]["class"], class, "{name}: {response}");
    }
}

#[test]
fn a_wrong_request_is_told_by_its_member() {
    let a = provider();
    let gateway = one(Step::new("a", "m"), &a);
    for (body, param) in [
        (json!({"query": "q", "documents": []}), "model"),
        (json!({"model": "r", "query": "q"}), "documents"),
        (
            json!({"model": "r", "query": "q", "documents": "x"}),
            "documents",
        ),
    ] {
        let response = gateway.exchange(request("POST", "/v1/rerank", &[], &body.to_string()));
        assert_eq!(response.status, 400, "{response}");
        assert_eq!(response.json()["error"]["param"], param, "{response}");
    }
    assert!(a.requests().is_empty());
}

/// Applications take the first result for the best one, and the documents for what they asked for.
#[test]
fn results_are_sorted_and_have_their_documents() {
    let a = of(json!([
        {"index": 0, "relevance_score": 0.1},
        {"index": 1, "relevance_score": 0.7},
    ]));
    let gateway = one(Step::new("a", "m"), &a);
    let response = ask(&gateway, &json!({"return_documents": true}));
    assert_eq!(order(&response), [1, 0]);
    let answer = response.json();
    assert_eq!(answer["results"][0]["document"], json!({"text": "one"}));
    assert_eq!(answer["results"][1]["document"], json!({"text": "zero"}));
    let response = ask(&gateway, &json!({}));
    assert!(response.json()["results"][0].get("document").is_none());
}

#[test]
fn text_embeddings_inference_is_asked_in_its_form() {
    let a = saying(&json!([
        {"index": 0, "score": 0.1, "text": "zero"},
        {"index": 1, "score": 0.7, "text": "one"},
    ]));
    let gateway = one(Step::new("a", "m").with("rerank: tei"), &a);
    let response = ask(&gateway, &json!({"top_n": 1, "return_documents": true}));
    let answer = response.json();
    assert_eq!(
        answer["results"],
        json!([{"index": 1, "relevance_score": 0.7, "document": {"text": "one"}}])
    );
    assert_eq!(answer["routing_summary"]["route_name"], "r", "{response}");
    assert_eq!(
        a.request().json(),
        json!({"model": "m", "query": "q", "texts": ["zero", "one"], "return_text": true})
    );
}

#[test]
fn voyage_is_asked_in_its_form() {
    let a = saying(&json!({
        "object": "list",
        "data": [{"index": 1, "relevance_score": 0.7, "document": "one"}],
        "model": "rerank-2",
        "usage": {"total_tokens": 5},
    }));
    let gateway = one(Step::new("a", "m").with("rerank: voyage"), &a);
    let response = ask(&gateway, &json!({"top_n": 1, "return_documents": true}));
    let answer = response.json();
    assert_eq!(
        answer["results"],
        json!([{"index": 1, "relevance_score": 0.7, "document": {"text": "one"}}])
    );
    assert!(answer.get("data").is_none(), "{response}");
    assert_eq!(answer["usage"]["total_tokens"], 5);
    let sent = a.request().json();
    assert_eq!((&sent["top_k"], sent.get("top_n")), (&json!(1), None));
}

/// llama.cpp takes texts only, and its refusal is no reason to lose the step.
#[test]
fn documents_become_texts_where_objects_are_refused() {
    let a = Upstream::answering(|request| {
        let body = request.json();
        let documents = body["documents"].as_array().unwrap();
        if documents.iter().all(Value::is_string) {
            Script::json(200, &ranking(documents.len()))
        } else {
            let said = json!({"error": {"code": 400, "message": "\"documents\" must be a non-empty string array", "type": "invalid_request_error"}});
            Script::json(400, &said.to_string())
        }
    });
    let gateway = one(Step::new("a", "m"), &a);
    let response = ask(&gateway, &json!({"return_documents": true}));
    assert_eq!(order(&response), [1, 0]);
    assert_eq!(
        response.json()["results"][0]["document"],
        json!({"text": "one"})
    );
    assert_eq!(response.steps()[0]["healed"], json!(["document texts"]));
    assert_eq!(ask(&gateway, &json!({})).status, 200);
    assert_eq!(a.requests().len(), 3, "it is remembered");
    assert_eq!(a.requests()[2].json()["documents"], json!(["zero", "one"]));
}

#[test]
fn nothing_to_rank_has_no_results() {
    let a = of(json!([]));
    let gateway = one(Step::new("a", "m"), &a);
    let response = ask(&gateway, &json!({"documents": []}));
    assert_eq!(order(&response), [0; 0]);
}

/// Forms of their own do not free a provider from what a ranking is.
#[test]
fn faults_in_other_forms_move_on() {
    let error = json!({"error": "Model is overloaded", "error_type": "overloaded"});
    for (form, name, a) in [
        ("tei", "nothing", saying(&json!([]))),
        ("tei", "an error in a 200", saying(&error)),
        (
            "tei",
            "an index out of range",
            saying(&json!([{"index": 7, "score": 1}])),
        ),
        ("tei", "no score", saying(&json!([{"index": 0}]))),
        (
            "tei",
            "an index twice",
            saying(&json!([{"index": 0, "score": 1}, {"index": 0, "score": 1}])),
        ),
        (
            "tei",
            "424",
            Upstream::always(Script::json(424, &error.to_string())),
        ),
        ("voyage", "nothing", saying(&json!({"data": []}))),
        (
            "voyage",
            "an index out of range",
            saying(&json!({"data": [{"index": 7, "relevance_score": 1}]})),
        ),
        ("voyage", "a text for data", saying(&json!({"data": "x"}))),
        (
            "voyage",
            "429",
            Upstream::always(Script::json(
                429,
                &json!({"detail": "slow down"}).to_string(),
            )),
        ),
    ] {
        let b = provider();
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route(
                "r",
                [
                    Step::new("a", "m").with(&format!("rerank: {form}")),
                    Step::new("b", "n"),
                ],
            )
            .start();
        for path in ["/v1/rerank", "/v2/rerank"] {
            let response = ask_at(&gateway, path, &json!({}));
            assert_eq!(order(&response), [1, 0], "{form}, {name}");
            assert_eq!(
                response.header("x-routed-via"),
                Some("b/n"),
                "{form}, {name}"
            );
        }
    }
}

#[test]
fn a_ranking_that_does_not_come_or_not_whole_moves_on() {
    let whole = ranking(2);
    for (a, class) in [
        (Script::json(200, &whole).cut_after(120), "bad_response"),
        (Script::default().silence(), "timeout"),
        (Script::default().reset(), "unreachable"),
        (
            Script::body(302, &[("Location", "https://x.test/")], ""),
            "bad_response",
        ),
        (
            Script::body(
                200,
                &[
                    ("Content-Type", "application/json"),
                    ("Content-Encoding", "gzip"),
                ],
                "\u{1f}\u{8b}",
            ),
            "bad_response",
        ),
    ] {
        let (a, b) = (Upstream::always(a), provider());
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route(
                "r",
                [
                    Step::new("a", "m").with("timeout: 300ms"),
                    Step::new("b", "n"),
                ],
            )
            .start();
        let response = ask(&gateway, &json!({}));
        assert_eq!(order(&response), [1, 0], "{response}");
        assert_eq!(response.steps()[0]["class"], class, "{response}");
    }
}
