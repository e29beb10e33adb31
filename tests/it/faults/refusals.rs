//! What is told of a refusal: to the client in words that a person can use, and to the operator once.

use super::*;

/// The answer of a route with this provider only, which refuses.
fn refused(a: &Upstream) -> Response {
    let gateway = Config::new()
        .provider("a", a)
        .route("r", [("a", "m")])
        .start();
    let plain = gateway.ask("r", false);
    let streamed = gateway.ask("r", true);
    assert_eq!(plain.status, streamed.status, "{plain} {streamed}");
    plain
}

fn message(response: &Response) -> String {
    let message = response.json()["error"]["message"].clone();
    message.as_str().expect("a message").to_owned()
}

/// A base URL without its `/v1` is the most frequent mistake of all, and "404 page not found" tells nobody of what.
#[test]
fn a_404_that_is_no_word_of_an_api_names_the_url() {
    for body in [
        "404 page not found",
        "<html><head><title>404 Not Found</title></head></html>",
        r#"{"detail":"Not Found"}"#,
        r#"{"error":{"message":"File Not Found","type":"not_found_error","code":404}}"#,
        "",
    ] {
        let a = Upstream::always(Script::body(404, &[], body));
        let response = refused(&a);
        assert_eq!(response.status, 404, "{response}");
        let message = message(&response);
        let url = format!("{}/chat/completions", a.base_url());
        assert!(message.contains(&url), "{body}: {message}");
        assert!(message.contains("is base_url right?"), "{body}: {message}");
    }
    let a = Upstream::always(Script::json(
        404,
        &openai::error("no model m", "model_not_found"),
    ));
    assert_eq!(message(&refused(&a)), "a/m: no model m");
}

#[test]
fn no_refusal_is_without_words() {
    for (script, words) in [
        (
            Script::body(302, &[("Location", "http://elsewhere.test/v1")], ""),
            "the provider answered 302, a redirect that is not followed: http://elsewhere.test/v1",
        ),
        (
            Script::body(503, &[], " "),
            "the provider answered 503 without a word",
        ),
        (
            Script::body(403, &[], ""),
            "the provider answered 403 without a word",
        ),
    ] {
        let response = refused(&Upstream::always(script));
        assert_eq!(response.steps()[0]["error"], words, "{response}");
        assert!(message(&response).ends_with(words), "{response}");
    }
}

#[test]
fn no_message_holds_html_or_is_longer_than_500_characters() {
    let page = format!(
        "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>{}</body></html>",
        "<div></div>".repeat(500)
    );
    let inside =
        json!({"error": {"message": format!("upstream: {page}"), "code": 502}}).to_string();
    let long = json!({"error": {"message": "words ".repeat(400)}}).to_string();
    for body in [&page, &inside, &long] {
        let response = refused(&Upstream::always(Script::body(503, &[], body)));
        assert!(response.body.len() < 3_000, "{response}");
        assert!(!response.text().contains("<div"), "{response}");
        for text in [message(&response), response.steps()[0]["error"].to_string()] {
            assert!(text.chars().count() <= 502, "{text}");
        }
    }
}

/// A refused key is for its operator to mend, and no client sees it while other steps answer. Once is enough.
#[test]
fn a_refused_key_is_one_error_line_that_names_its_provider() {
    let a = Upstream::always(Script::json(
        401,
        &openai::error("bad key", "invalid_api_key"),
    ));
    let b = Upstream::saying("from b");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "m"), ("b", "m")])
        .start();
    for _ in 0..3 {
        assert_eq!(gateway.ask("r", false).status, 200);
    }
    let line = gateway.wait_for_log(|line| line["msg"] == "the provider refuses the key");
    assert_eq!(
        (&line["level"], &line["provider"]),
        (&json!("error"), &json!("a")),
        "{line}"
    );
    let errors = |line: &Value| line["level"] == "error";
    assert!(errors(&line));
    let attempt = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    assert_eq!(attempt["level"], "info", "{attempt}");
}

/// One model is ill: the next step with another model of the same provider answers, at once and later on.
#[test]
fn one_dead_model_costs_its_neighbours_nothing() {
    for status in [503, 529, 403] {
        let a = Upstream::answering(move |request| {
            if request.json()["model"] == "ill" {
                Script::json(status, &openai::error("no", "x"))
            } else {
                request.answer("from a")
            }
        });
        let b = Upstream::saying("from b");
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route("r", [("a", "ill"), ("a", "well"), ("b", "m")])
            .start();
        for stream in [false, true, false] {
            let response = gateway.ask("r", stream);
            assert_eq!(
                response.header("x-routed-via"),
                Some("a/well"),
                "{response}"
            );
        }
    }
}

/// Everything of the provider is down: the second model is the proof, the third is not asked.
#[test]
fn a_provider_that_is_down_is_asked_twice_and_not_for_each_model() {
    let a = Upstream::always(Script::json(503, "{}"));
    let b = Upstream::saying("from b");
    let gateway = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route(
            "r",
            [
                ("a", "one"),
                ("a", "two"),
                ("a", "three"),
                ("a", "four"),
                ("b", "m"),
            ],
        )
        .start();
    for _ in 0..3 {
        assert_eq!(gateway.ask("r", false).header("x-routed-via"), Some("b/m"));
    }
    assert_eq!(a.requests().len(), 2);
}

/// The client waits a second more and gets an answer instead of a 429.
#[test]
fn a_route_may_wait_for_the_soonest_step() {
    for stream in [false, true] {
        let a = Upstream::saying("from a");
        a.then(Script::body(
            429,
            &[("Retry-After", "1")],
            openai::error("slow down", "rate_limit_exceeded"),
        ));
        let gateway = Config::new()
            .provider("a", &a)
            .route_with("r", &["wait_when_cooling: 5s"], [("a", "m")])
            .start();
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 200, "{response}");
        assert!(response.took >= Duration::from_millis(900), "{response}");
        assert_eq!(a.requests().len(), 2);
        // Too long a wait is told at once.
        a.then(Script::body(
            429,
            &[("Retry-After", "60")],
            openai::error("slow down", "x"),
        ));
        let response = gateway.ask("r", stream);
        assert_eq!(response.status, 429, "{response}");
        assert!(response.spent < Duration::from_millis(800), "{response}");
    }
}
