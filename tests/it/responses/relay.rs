//! What a provider says reaches the client byte for byte, but for the names and the summary.

use super::*;

#[test]
fn a_whole_answer_is_the_providers_but_for_the_model_and_the_summary() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let response = ask(&gateway, false);
    assert_eq!(response.status, 200, "{response}");
    let text = response.text();
    let (answer, summary) = text
        .split_once(r#","routing_summary":"#)
        .expect("a summary");
    let expected = responses::answer("hello").replace(responses::UPSTREAM_MODEL, "r");
    assert_eq!(format!("{answer}}}"), expected);
    assert!(summary.starts_with(r#"{"route_name":"r""#));
    assert_eq!(response.header("x-routed-via"), Some("a/model-a"));
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["prompt_tokens"], &line["completion_tokens"]),
        (&json!(3), &json!(5))
    );
}

#[test]
fn a_request_reaches_its_provider_byte_for_byte() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let body = r#"{ "input":[ {"role":"developer","content":"x"},{"type":"reasoning","id":"rs_1","summary":[]} ], "model":"r",
        "store":false,"include":["reasoning.encrypted_content"],"tools":[],"tool_choice":"auto","parallel_tool_calls":true,"temperature":1.0e0,"client_metadata":{"a":1}}"#;
    assert_eq!(post(&gateway, body).status, 200);
    assert_eq!(
        a.request().text(),
        body.replace(r#""model":"r""#, r#""model":"model-a""#)
    );
}

/// OpenAI answers 400 to reasoning that it did not say.
#[test]
fn reasoning_of_the_gateways_own_is_cut_out_of_a_request() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let body = r#"{"model":"r","input":[{"type":"reasoning","id":"rs_agw0123abcdc_0","summary":[]},{"role":"user","content":"hi"},{"type":"item_reference","id":"rs_agw1"}]}"#;
    assert_eq!(post(&gateway, body).status, 200);
    assert_eq!(
        a.request().json()["input"],
        json!([{"role": "user", "content": "hi"}])
    );
}

#[test]
fn a_stream_is_the_providers_event_by_event() {
    let a = saying("hello");
    let gateway = route(&a, &a);
    let response = ask(&gateway, true);
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    let mut events = events(&response);
    let summary = events[0].as_object_mut().unwrap().remove("routing_summary");
    assert_eq!(summary.expect("a summary")["route_name"], "r");
    let mut expected = responses::events(&["hello"]);
    for event in &mut expected {
        if let Some(response) = event.get_mut("response") {
            response["model"] = json!("r");
        }
    }
    assert_eq!(events, expected);
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        (&line["prompt_tokens"], &line["completion_tokens"]),
        (&json!(3), &json!(5))
    );
}

/// Some providers end their events with the mark of chat, and some name no events at all.
#[test]
fn marks_and_names_do_not_matter() {
    let unnamed = responses::events(&["hello"])
        .iter()
        .fold(Script::stream(), |script, event| {
            script.event(&event.to_string())
        });
    let a = Upstream::always(unnamed.done());
    let gateway = route(&a, &a);
    let response = ask(&gateway, true);
    assert_eq!(
        kinds(&events(&response)).last(),
        Some(&"response.completed"),
        "{response}"
    );
    assert!(response.text().ends_with("data: [DONE]\n\n"), "{response}");
}

#[test]
fn the_providers_word_for_its_model_can_stay() {
    let a = saying("hello");
    let gateway = Config::new()
        .with("response_model: upstream")
        .provider_with("a", &a, &["responses: true"])
        .route("r", [("a", "model-a")])
        .start();
    let response = ask(&gateway, false).json();
    assert_eq!(response["model"], responses::UPSTREAM_MODEL);
    let events = events(&ask(&gateway, true));
    assert_eq!(events[0]["response"]["model"], responses::UPSTREAM_MODEL);
}

#[test]
fn an_answer_in_the_other_form_is_turned_into_the_one_asked_for() {
    let a = Upstream::answering(|request| {
        if request.asks_for_a_stream() {
            Script::json(200, &responses::answer("hello"))
        } else {
            responses::stream(&responses::events(&["hel", "lo"]))
        }
    });
    let gateway = route(&a, &a);
    let whole = ask(&gateway, false).json();
    assert_eq!(whole["output"], json!([responses::message("hello")]));
    assert_eq!(
        (&whole["model"], &whole["status"]),
        (&json!("r"), &json!("completed"))
    );
    let events = events(&ask(&gateway, true));
    assert_eq!(
        kinds(&events).join(" ").replace("response.", ""),
        "created in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done \
         output_item.done completed"
    );
    assert_eq!(events[4]["delta"], "hello");
    assert_eq!(events[8]["response"]["model"], "r");
}

#[test]
fn adapters_edit_the_members_that_mean_the_same_here() {
    let a = saying("{}");
    let gateway = Config::new()
        .provider_with("a", &a, &["responses: true", "strict_json_schema: true"])
        .route(
            "tools",
            [Step::new("a", "m")
                .with("conflict_resolution: tools")
                .with("thinking: true")],
        )
        .route(
            "format",
            [Step::new("a", "m").with("conflict_resolution: format")],
        )
        .start();
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let format = json!({"type": "json_schema", "name": "x", "schema": schema});
    let tools = json!([{"type": "function", "name": "f", "parameters": {}}]);
    let body = |route: &str, tools: Option<&Value>| {
        let mut body = json!({"model": route, "input": "hi", "text": {"format": format, "verbosity": "low"}, "tool_choice": {"type": "function", "name": "f"}});
        if let Some(tools) = tools {
            body["tools"] = tools.clone();
        }
        body.to_string()
    };
    let sent = |route: &str, tools: Option<&Value>| {
        assert_eq!(post(&gateway, &body(route, tools)).status, 200);
        a.requests().last().unwrap().json()
    };
    let request = sent("tools", Some(&tools));
    assert_eq!(request["text"], json!({"verbosity": "low"}));
    assert_eq!(request["tool_choice"], "auto");
    let request = sent("format", Some(&tools));
    assert_eq!(request.get("tools").or(request.get("tool_choice")), None);
    let request = sent("format", None);
    let format = &request["text"]["format"];
    assert_eq!(
        (&format["strict"], &format["schema"]["additionalProperties"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(format["schema"]["required"], json!(["a"]));
}

/// LiteLLM names its model beside the type of each event, too.
#[test]
fn a_model_at_the_top_of_an_event_is_the_routes() {
    let mut sent = responses::events(&["hello"]);
    for event in &mut sent {
        event["model"] = json!(responses::UPSTREAM_MODEL);
    }
    let a = Upstream::always(responses::stream(&sent));
    let response = ask(&route(&a, &a), true);
    for event in events(&response) {
        assert_eq!(event["model"], "r", "{event}");
    }
    assert!(
        !response.text().contains(responses::UPSTREAM_MODEL),
        "{response}"
    );
}
