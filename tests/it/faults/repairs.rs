//! What no client can use is mended and counted, unless the provider's settings say otherwise.

use super::*;
use crate::support::exposition::Exposition;

fn gateway(a: &Upstream, settings: &[&str]) -> Gateway {
    Config::new()
        .provider_with("a", a, settings)
        .route("r", [("a", "m")])
        .start()
}

fn counted(gateway: &Gateway, kind: &str) -> Option<f64> {
    let series = format!("ai_gateway_repairs_total{{provider=\"a\",kind=\"{kind}\"}}");
    let is_idle = |seen: &Exposition| seen.value("ai_gateway_requests_in_flight") == 0.0;
    Exposition::once(gateway, is_idle).get(&series)
}

fn chunks(response: &Response) -> Vec<Value> {
    let events = response.events();
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(last, "[DONE]", "{response}");
    let json = |event: &String| serde_json::from_str(event).expect("JSON");
    chunks.iter().map(json).collect()
}

/// The calls of a stream, put together as a client does that goes by the index alone.
fn calls(response: &Response) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for chunk in chunks(response) {
        let deltas = chunk["choices"][0]["delta"]["tool_calls"].clone();
        for delta in deltas.as_array().into_iter().flatten() {
            let index = delta["index"].as_u64().expect("an index") as usize;
            calls.resize(calls.len().max(index + 1), Default::default());
            let (id, name, arguments) = &mut calls[index];
            let text = |value: &Value| match value {
                Value::Null => String::new(),
                value => value.as_str().expect("a text").to_owned(),
            };
            id.push_str(&text(&delta["id"]));
            name.push_str(&text(&delta["function"]["name"]));
            arguments.push_str(&text(&delta["function"]["arguments"]));
        }
    }
    calls
}

fn tool_stream(deltas: &[Value]) -> Upstream {
    let first = openai::chunk(json!({"role": "assistant", "content": null}));
    let script = deltas
        .iter()
        .fold(Script::stream().event(&first), |script, delta| {
            script.event(&openai::chunk(json!({ "tool_calls": delta })))
        });
    let end = openai::chunk_of(json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]));
    Upstream::always(script.event(&end).done())
}

fn function(name: &str, arguments: Value) -> Value {
    json!({"name": name, "arguments": arguments})
}

#[test]
fn every_call_of_a_stream_has_its_own_index_and_id() {
    let f = || function("f", json!("{\"a\":1}"));
    let g = || function("g", json!("{}"));
    for deltas in [
        // Without an index, whole, in one chunk and in two.
        vec![json!([{"id": "1", "function": f()}, {"id": "2", "function": g()}])],
        vec![
            json!([{"id": "1", "function": f()}]),
            json!([{"id": "2", "index": null, "function": g()}]),
        ],
        // In pieces.
        vec![
            json!([{"id": "1", "function": function("f", json!("{\"a\""))}]),
            json!([{"function": {"arguments": ":1}"}}]),
            json!([{"id": "2", "function": g()}]),
        ],
        // The same index for both, and pieces behind it.
        vec![
            json!([{"index": 0, "id": "1", "function": f()}, {"index": 0, "id": "2", "function": function("g", json!("{"))}]),
            json!([{"index": 0, "function": {"arguments": "}"}}]),
        ],
        // An index that is a text.
        vec![
            json!([{"index": "0", "id": "1", "function": f()}]),
            json!([{"index": "1", "id": "2", "function": g()}]),
        ],
        // Arguments that are a value.
        vec![json!([
            {"index": 0, "id": "1", "function": function("f", json!({"a": 1}))},
            {"index": 1, "id": "2", "function": function("g", json!({}))}
        ])],
    ] {
        let a = tool_stream(&deltas);
        let gateway = gateway(&a, &[]);
        let response = gateway.ask("r", true);
        let told = |id: &str, name: &str, arguments: &str| {
            (id.to_owned(), name.to_owned(), arguments.to_owned())
        };
        let expected = [told("1", "f", "{\"a\":1}"), told("2", "g", "{}")];
        assert_eq!(calls(&response), expected, "{deltas:?}");
        let kinds = ["tool_call_index", "tool_call_arguments"];
        let sum: f64 = kinds
            .iter()
            .filter_map(|kind| counted(&gateway, kind))
            .sum();
        assert_eq!(sum, 1.0, "{deltas:?}");
        // A client that asked for a plain answer gets the same calls.
        let plain = gateway.ask("r", false).json();
        let found = &plain["choices"][0]["message"]["tool_calls"];
        assert_eq!(found[0]["function"], f(), "{plain}");
        assert_eq!(found[1]["function"], g(), "{plain}");
    }
}

#[test]
fn calls_without_ids_get_some_of_their_own() {
    let whole = |name: &str| json!([{"function": function(name, json!("{}"))}]);
    let a = tool_stream(&[whole("f"), whole("g"), whole("g")]);
    let gateway = gateway(&a, &[]);
    let found = calls(&gateway.ask("r", true));
    let names: Vec<&str> = found.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["f", "g", "g"]);
    for (place, (id, _, arguments)) in found.iter().enumerate() {
        assert!(id.starts_with("call_") && !id.contains("chatcmpl"), "{id}");
        assert!(found[..place].iter().all(|(other, ..)| other != id), "{id}");
        assert_eq!(arguments, "{}");
    }
    assert_ne!(calls(&gateway.ask("r", true))[0].0, found[0].0);
    assert_eq!(counted(&gateway, "tool_call_id"), Some(2.0));

    let message = json!({"content": null, "tool_calls": [
        {"type": "function", "function": function("f", json!({"a": [1]}))},
        {"id": "", "type": "function", "function": function("g", Value::Null)}
    ]});
    let answer =
        json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let a = Upstream::always(Script::json(200, &answer.to_string()));
    let gateway = super::repairs::gateway(&a, &[]);
    let plain = gateway.ask("r", false).json();
    let message = &plain["choices"][0]["message"];
    assert_eq!(message["role"], "assistant");
    let calls = &message["tool_calls"];
    assert_eq!(calls[0]["function"]["arguments"], r#"{"a":[1]}"#);
    assert_eq!(calls[1]["function"]["arguments"], "{}");
    assert!(calls[0]["id"].as_str().unwrap().starts_with("call_"));
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    for kind in ["tool_call_id", "tool_call_arguments", "role"] {
        assert_eq!(counted(&gateway, kind), Some(1.0), "{kind}");
    }
}

#[test]
fn what_is_right_is_not_touched() {
    let a = tool_stream(&[
        json!([{"index": 0, "id": "1", "type": "function", "function": function("f", json!(""))}]),
        json!([{"index": 1, "id": "2", "type": "function", "function": function("g", json!("{}"))}]),
        json!([{"index": 0, "function": {"arguments": "{}"}}, {"index": 1, "id": "", "function": {"arguments": null}}]),
        json!([{"index": 0, "id": "1", "function": {"arguments": ""}}]),
    ]);
    let gateway = gateway(&a, &[]);
    let response = gateway.ask("r", true);
    assert_eq!(calls(&response).len(), 2);
    assert_eq!(
        chunks(&response)[3]["choices"][0]["delta"]["tool_calls"][1]["id"],
        ""
    );
    assert!(
        !Exposition::of(&gateway)
            .names()
            .any(|name| name.contains("repairs_total{"))
    );
    for kind in [
        "tool_call_index",
        "tool_call_id",
        "tool_call_arguments",
        "role",
    ] {
        assert_eq!(counted(&gateway, kind), None, "{kind}");
    }
}

#[test]
fn a_role_is_there_once() {
    let script = Script::stream()
        .event(&openai::text("hel"))
        .event(&openai::chunk(
            json!({"role": "assistant", "content": "lo"}),
        ));
    let a = Upstream::always(script.event(&openai::stop()).done());
    let response = gateway(&a, &[]).ask("r", true);
    let roles: Vec<Value> = chunks(&response)
        .iter()
        .map(|chunk| chunk["choices"][0]["delta"]["role"].clone())
        .filter(|role| !role.is_null())
        .collect();
    assert_eq!(roles, ["assistant"]);
}

#[test]
fn a_byte_that_is_no_letter_costs_that_letter_only() {
    let broken = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        let at = text.find("hello").unwrap();
        bytes[at + 1] = 0xff;
        bytes
    };
    let plain = Script::body(
        200,
        &[("Content-Type", "application/json")],
        broken(&openai::answer("hello")),
    );
    let event = format!("data: {}\n\n", openai::text("hello"));
    let streamed = Script::stream()
        .event(&openai::role())
        .chunk(broken(&event));
    let a = either(plain, streamed.event(&openai::stop()).done());
    let gateway = gateway(&a, &[]);
    let response = gateway.ask("r", false).json();
    assert_eq!(response["choices"][0]["message"]["content"], "h\u{fffd}llo");
    let said: String = chunks(&gateway.ask("r", true))
        .iter()
        .map(openai::content)
        .collect();
    assert_eq!(said, "h\u{fffd}llo");
    assert_eq!(counted(&gateway, "utf8"), Some(2.0));
    // Without repairs a plain answer is refused, as ever.
    let gateway = super::repairs::gateway(&a, &["repair: false"]);
    assert_eq!(gateway.ask("r", false).status, 502);
}

#[test]
fn without_repairs_all_is_passed_on_as_it_came() {
    let a = tool_stream(&[json!([{"id": "1", "function": function("f", json!({"a": 1}))}])]);
    let gateway = gateway(&a, &["repair: false"]);
    let response = gateway.ask("r", true);
    let call = chunks(&response)[1]["choices"][0]["delta"]["tool_calls"][0].clone();
    assert_eq!(
        call,
        json!({"id": "1", "function": function("f", json!({"a": 1}))})
    );
    assert_eq!(counted(&gateway, "tool_call_index"), None);
}

#[test]
fn a_fence_around_json_that_was_asked_for_is_taken_off() {
    let ask = |gateway: &Gateway, stream: bool, format: bool| {
        let mut body: Value = serde_json::from_str(&openai::request("r", stream)).unwrap();
        if format {
            body["response_format"] = json!({"type": "json_object"});
        }
        gateway.post(&body.to_string())
    };
    let fenced = "```json\n{\"a\":\"```\"}\n```\n";
    let pieces = ["`", "``js", "on", "\n{\"a\":\"``", "`\"}", "\n``", "`\n"];
    let streamed = Script::events(openai::events(&pieces));
    let a = either(Script::json(200, &openai::answer(fenced)), streamed);
    let gateway = gateway(&a, &[]);
    let said =
        |response: &Response| -> String { chunks(response).iter().map(openai::content).collect() };
    let plain = ask(&gateway, false, true).json();
    assert_eq!(plain["choices"][0]["message"]["content"], "{\"a\":\"```\"}");
    assert_eq!(said(&ask(&gateway, true, true)), "{\"a\":\"```\"}");
    assert_eq!(counted(&gateway, "code_fence"), Some(2.0));
    // Nobody asked for JSON here.
    let plain = ask(&gateway, false, false).json();
    assert_eq!(plain["choices"][0]["message"]["content"], fenced);
    assert_eq!(said(&ask(&gateway, true, false)), fenced);
}
