//! `POST /v1/images/...`: pictures, each of which costs, and none of which is asked for twice.

use serde_json::{Value, json};

use crate::support::client::{End, Response};
use crate::support::gateway::request;
use crate::support::{Config, Form, Gateway, Script, Step, Upstream};

const GENERATIONS: &str = "/v1/images/generations";
const ANSWER: &str = r#"{"created":1700000000,"data":[{"b64_json":"iVBORw0KGgo="}],"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}"#;

fn two_steps(a: &Upstream, b: &Upstream) -> Gateway {
    Config::new()
        .provider("a", a)
        .provider("b", b)
        .route(
            "r",
            [
                Step::new("a", "model-a")
                    .with("timeout: 400ms")
                    .with("retries: 3"),
                Step::new("b", "model-b"),
            ],
        )
        .start()
}

fn wish(stream: bool) -> Vec<u8> {
    let body = json!({"model": "r", "prompt": "a cat", "stream": stream}).to_string();
    request(
        "POST",
        GENERATIONS,
        &[("Content-Type", "application/json")],
        &body,
    )
}

fn partial() -> &'static str {
    r#"{"type":"image_generation.partial_image","b64_json":"aGFsZg==","partial_image_index":0}"#
}

fn completed() -> &'static str {
    r#"{"type":"image_generation.completed","b64_json":"iVBORw0KGgo=","created_at":1}"#
}

fn events(response: &Response) -> Vec<Value> {
    response
        .events()
        .iter()
        .filter(|event| *event != "[DONE]")
        .map(|event| serde_json::from_str(event).unwrap())
        .collect()
}

#[test]
fn pictures_pass_with_the_summary_alone() {
    let a = Upstream::always(Script::json(200, ANSWER));
    let gateway = two_steps(&a, &a);
    let response = gateway.exchange(wish(false));
    let body = response.text();
    let (answer, _) = body.split_once(r#","routing_summary":"#).unwrap();
    assert_eq!(format!("{answer}}}"), ANSWER);
    assert_eq!(
        a.request().head.first_line,
        "POST /v1/images/generations HTTP/1.1"
    );
    assert_eq!(a.request().json()["model"], "model-a");
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["prompt_tokens"], &line["completion_tokens"]),
        (&json!(5), &json!(7))
    );
}

#[test]
fn a_fault_costs_a_step_and_no_second_call() {
    let policy = r#"{"error":{"message":"no","code":"content_policy_violation"}}"#;
    for (fault, class) in [
        (Script::json(500, "{}"), "server_error"),
        (Script::json(503, "{}"), "server_error"),
        (
            Script::json(429, r#"{"error":{"message":"slow down"}}"#),
            "rate_limited",
        ),
        (Script::json(400, policy), "rejected"),
        (
            Script::json(
                400,
                r#"{"error":{"message":"blocked","code":"moderation_blocked"}}"#,
            ),
            "rejected",
        ),
        (
            Script::json(200, r#"{"error":{"message":"down"}}"#),
            "server_error",
        ),
        (
            Script::body(200, &[("Content-Type", "text/html")], "<html>hi</html>"),
            "bad_response",
        ),
        (Script::json(200, r#"{"data":[]}"#), "empty_answer"),
        (
            Script::json(200, r#"{"data":[{"b64_json":""}]}"#),
            "empty_answer",
        ),
        (Script::json(200, r#"{"created":1}"#), "bad_response"),
        (Script::json(200, ANSWER).cut_after(150), "bad_response"),
        (Script::default().silence(), "timeout"),
    ] {
        let a = Upstream::always(fault);
        let b = Upstream::always(Script::json(200, ANSWER));
        let response = two_steps(&a, &b).exchange(wish(false));
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(response.steps()[0]["class"], class, "{response}");
        assert_eq!(
            (a.requests().len(), b.requests().len()),
            (1, 1),
            "{response}"
        );
    }
}

#[test]
fn pictures_are_streamed_as_they_become_clear() {
    let whole = Script::stream()
        .event(partial())
        .event(completed())
        .last_chunk();
    for (script, count) in [
        (whole.clone(), 2),
        (Script::events([partial(), completed()]), 2),
        (Script::json(200, ANSWER), 1),
    ] {
        let a = Upstream::always(script);
        let response = two_steps(&a, &a).exchange(wish(true));
        assert_eq!(response.end, End::Complete);
        let events = events(&response);
        assert_eq!(events.len(), count, "{response}");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "image_generation.completed");
        assert_eq!(last["b64_json"], "iVBORw0KGgo=");
    }
    for (fault, class) in [
        (Script::json(500, "{}"), "server_error"),
        (Script::stream().last_chunk(), "bad_response"),
        (
            Script::stream()
                .event(r#"{"type":"error","error":{"message":"m"}}"#)
                .last_chunk(),
            "server_error",
        ),
        // No event can hold an address.
        (
            Script::json(
                200,
                r#"{"created":1,"data":[{"url":"https://x.test/a.png"}]}"#,
            ),
            "bad_response",
        ),
    ] {
        let (a, b) = (Upstream::always(fault), Upstream::always(whole.clone()));
        let response = two_steps(&a, &b).exchange(wish(true));
        assert_eq!(events(&response).len(), 2, "{response}");
        assert_eq!(response.steps()[0]["class"], class, "{response}");
    }
    let a = Upstream::always(Script::stream().event(partial()).last_chunk());
    let b = Upstream::always(whole);
    let response = two_steps(&a, &b).exchange(wish(true));
    assert!(events(&response)[1]["error"].is_object(), "{response}");
    assert!(b.requests().is_empty());
}

#[test]
fn pictures_to_edit_reach_every_step() {
    let (cat, dog, mask) = (
        vec![1_u8; 9000],
        b"\x89PNG\r\n\x1a\n--".to_vec(),
        vec![0_u8; 50],
    );
    let form = Form::new()
        .file("image[]", "cat.png", &cat)
        .file("image[]", "dog.png", &dog)
        .text("prompt", "both")
        .file("mask", "mask.png", &mask)
        .text("model", "r");
    let a = Upstream::always(Script::json(500, "{}"));
    let b = Upstream::always(Script::json(200, ANSWER));
    let response = two_steps(&a, &b).exchange(form.to("/v1/images/edits"));
    assert_eq!(response.status, 200, "{response}");
    for (upstream, model) in [(&a, "model-a"), (&b, "model-b")] {
        let request = upstream.request();
        assert_eq!(request.head.first_line, "POST /v1/images/edits HTTP/1.1");
        let contents: Vec<Vec<u8>> = request
            .parts()
            .into_iter()
            .map(|part| part.content)
            .collect();
        let expected = [
            cat.clone(),
            dog.clone(),
            b"both".to_vec(),
            mask.clone(),
            model.as_bytes().to_vec(),
        ];
        assert_eq!(contents, expected);
    }
    let a = Upstream::always(Script::json(200, ANSWER));
    let form = Form::new()
        .file("image", "cat.png", &cat)
        .text("model", "r")
        .text("stream", "true");
    let response = two_steps(&a, &a).exchange(form.to("/v1/images/edits"));
    assert_eq!(
        events(&response)[0]["type"],
        "image_edit.completed",
        "{response}"
    );
    let form = Form::new()
        .file("image", "cat.png", &cat)
        .text("model", "r");
    let response = two_steps(&a, &a).exchange(form.to("/v1/images/variations"));
    assert_eq!(response.status, 200, "{response}");
    let lines: Vec<String> = a
        .requests()
        .into_iter()
        .map(|request| request.head.first_line)
        .collect();
    assert_eq!(lines[1], "POST /v1/images/variations HTTP/1.1");
}

#[test]
fn a_wish_that_is_none_is_told_so() {
    let a = Upstream::saying("not asked");
    let gateway = two_steps(&a, &a);
    let without = request("POST", GENERATIONS, &[], r#"{"prompt":"a cat"}"#);
    let no_image = Form::new().text("model", "r").to("/v1/images/edits");
    for (bytes, param) in [(without, "model"), (no_image, "image")] {
        let response = gateway.exchange(bytes);
        assert_eq!(response.status, 400, "{response}");
        let error = &response.json()["error"];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("VALIDATION_FAILED"), &json!(param))
        );
    }
}

/// The SDKs leave the model out, in JSON and in forms.
#[test]
fn a_wish_without_a_model_goes_to_the_default_route() {
    let a = Upstream::always(Script::json(200, ANSWER));
    let gateway = Config::new()
        .with("default_routes: {images: pics}")
        .provider("a", &a)
        .route("pics", [("a", "model-a")])
        .start();
    let response = gateway.exchange(request("POST", GENERATIONS, &[], r#"{"prompt":"a cat"}"#));
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        a.requests()[0].json(),
        json!({"prompt": "a cat", "model": "model-a"})
    );
    let form = Form::new().file("image", "cat.png", b"cat");
    for path in ["/v1/images/edits", "/images/variations"] {
        let response = gateway.exchange(form.to(path));
        assert_eq!(response.status, 200, "{path}: {response}");
        let sent = a.requests().pop().unwrap();
        assert_eq!(sent.part("model"), b"model-a", "{path}");
        assert_eq!(sent.part("image"), b"cat", "{path}");
    }
    // Newer clients name pictures by their addresses, in JSON.
    let edit = r#"{"prompt":"a hat","images":[{"image_url":"https://x.test/cat.png"}]}"#;
    let response = gateway.exchange(request("POST", "/v1/images/edits", &[], edit));
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(a.requests().pop().unwrap().json()["model"], "model-a");
}

#[test]
fn some_of_the_pictures_are_an_answer() {
    for (data, class) in [
        (json!([{"url": "https://x.test/a.png"}]), None),
        (
            json!([{"b64_json": "aGFsZg=="}, {"url": "https://x.test/a.png"}]),
            None,
        ),
        (
            json!([{"b64_json": "aGFsZg=="}, {"b64_json": ""}]),
            Some("empty_answer"),
        ),
        (json!([{"b64_json": "aGFsZg=="}, {}]), Some("empty_answer")),
        (json!("aGFsZg=="), Some("bad_response")),
    ] {
        let body = json!({"created": 1, "data": data}).to_string();
        let a = Upstream::always(Script::json(200, &body));
        let b = Upstream::always(Script::json(200, ANSWER));
        let wish = json!({"model": "r", "prompt": "a cat", "n": 4}).to_string();
        let response = two_steps(&a, &b).exchange(request("POST", GENERATIONS, &[], &wish));
        assert_eq!(response.status, 200, "{response}");
        let failed = &response.steps()[0]["class"];
        match class {
            None => assert_eq!(
                response.header("x-routed-via"),
                Some("a/model-a"),
                "{response}"
            ),
            Some(class) => assert_eq!(failed, class, "{data}: {response}"),
        }
    }
}

/// A filter of one provider is none of the next one's.
#[test]
fn a_filter_is_passed_by_the_next_step() {
    for error in [
        json!({"message": "no", "code": "safety"}),
        json!({"message": "Your request was rejected by the safety system.", "type": "image_generation_user_error", "code": "moderation_blocked"}),
        json!({"message": "no", "type": "content_policy_violation"}),
    ] {
        let a = Upstream::always(Script::json(400, &json!({"error": error}).to_string()));
        let b = Upstream::always(Script::json(200, ANSWER));
        let response = two_steps(&a, &b).exchange(wish(false));
        assert_eq!(
            response.header("x-routed-via"),
            Some("b/model-b"),
            "{response}"
        );
        assert_eq!(response.steps()[0]["class"], "rejected", "{response}");
        let alone = two_steps(&a, &a).exchange(wish(false));
        assert_eq!(alone.status, 400, "{alone}");
    }
}

#[test]
fn each_picture_of_a_whole_answer_is_an_event() {
    let body = json!({"created": 1, "data": [{"b64_json": "b25l"}, {"b64_json": "dHdv"}]});
    let a = Upstream::always(Script::json(200, &body.to_string()));
    let response = two_steps(&a, &a).exchange(wish(true));
    let pictures: Vec<Value> = events(&response)
        .into_iter()
        .map(|mut event| event["b64_json"].take())
        .collect();
    assert_eq!(pictures, [json!("b25l"), json!("dHdv")], "{response}");
}

/// A picture that is almost there is content: what breaks behind it is told, and no other step paints over it.
#[test]
fn the_first_half_of_a_picture_is_the_commit_point() {
    for end in [
        Script::stream().event(partial()).close(),
        Script::stream().event(partial()).silence(),
        Script::stream()
            .event(partial())
            .event(r#"{"type":"error","error":{"message":"m"}}"#)
            .last_chunk(),
    ] {
        let a = Upstream::always(end);
        let b = Upstream::always(Script::json(200, ANSWER));
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route(
                "r",
                [
                    Step::new("a", "m").with("stall_timeout: 300ms"),
                    Step::new("b", "m"),
                ],
            )
            .start();
        let response = gateway.exchange(wish(true));
        let events = events(&response);
        assert!(events.last().unwrap()["error"].is_object(), "{response}");
        assert!(b.requests().is_empty(), "{response}");
    }
}
