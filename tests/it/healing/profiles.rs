//! Profiles on the wire: what well-known clients send, against providers that refuse what they are known to refuse.

use serde_json::{Value, json};

use super::{refusing, request, said, text};
use crate::support::upstream::Request;
use crate::support::{Config, Script, Step, Upstream};

/// An upstream that refuses every member but these.
fn strict(known: &'static [&'static str], model: &'static str) -> Upstream {
    Upstream::answering(move |request: &Request| {
        let body = request.json();
        let members = body.as_object().unwrap();
        let unknown: Vec<&String> = members
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .collect();
        let roles: Vec<&Value> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| &m["role"])
            .collect();
        let is_foreign_role = model != "openai" && roles.contains(&&json!("developer"));
        if unknown.is_empty() && !is_foreign_role {
            request.answer("fine")
        } else {
            Script::json(400, &said(&format!("no: {unknown:?} {roles:?}")))
        }
    })
}

/// openai (python) with everything that its users set.
const EVERYTHING: &str = r#","messages":[{"role":"developer","content":"be kind"},{"role":"user","content":"hi"}],"seed":7,"user":"ann","store":true,"metadata":{"a":"b"},"parallel_tool_calls":true,"max_completion_tokens":50,"temperature":0.2"#;

#[test]
fn what_the_openai_package_sends_is_answered_at_the_first_call() {
    let rows: [(&str, &str, &'static [&'static str]); 6] = [
        (
            "mistral",
            "mistral-small-latest",
            &[
                "model",
                "messages",
                "stream",
                "random_seed",
                "max_tokens",
                "temperature",
            ],
        ),
        (
            "groq",
            "llama-3.3-70b",
            &[
                "model",
                "messages",
                "stream",
                "seed",
                "user",
                "max_completion_tokens",
                "temperature",
            ],
        ),
        (
            "google",
            "gemini-2.5-flash",
            &[
                "model",
                "messages",
                "stream",
                "seed",
                "user",
                "max_completion_tokens",
                "temperature",
            ],
        ),
        (
            "deepseek",
            "deepseek-chat",
            &[
                "model",
                "messages",
                "stream",
                "seed",
                "user",
                "max_tokens",
                "temperature",
            ],
        ),
        (
            "openai",
            "o4-mini",
            &[
                "model",
                "messages",
                "stream",
                "seed",
                "user",
                "store",
                "metadata",
                "max_completion_tokens",
            ],
        ),
        (
            "azure-old",
            "gpt-4",
            &[
                "model",
                "messages",
                "stream",
                "seed",
                "user",
                "max_tokens",
                "temperature",
            ],
        ),
    ];
    for (profile, model, known) in rows {
        for stream in [false, true] {
            let upstream = strict(known, profile);
            let gateway = Config::new()
                .provider_with("a", &upstream, &[&format!("profile: {profile}")])
                .route("r", [Step::new("a", model)])
                .start();
            let response = gateway.post(&request("r", stream, EVERYTHING));
            assert_eq!(response.status, 200, "{profile}: {response}");
            assert_eq!(text(&response, stream), "fine", "{profile}");
            assert_eq!(upstream.requests().len(), 1, "{profile}");
        }
    }
}

/// LangChain's agents without tools send an empty list, which vLLM, OpenAI and others refuse.
#[test]
fn empty_tools_reach_no_provider() {
    let upstream = refusing(400, &said("[] is too short - 'tools'"), |body| {
        body.get("tools").is_some()
    });
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let members = r#","tools":[],"tool_choice":"auto","parallel_tool_calls":true"#;
    let response = gateway.post(&request("r", false, members));
    assert_eq!(response.status, 200, "{response}");
    let sent = upstream.request().json();
    assert!(
        sent.get("tool_choice").is_none() && sent.get("parallel_tool_calls").is_none(),
        "{sent}"
    );
}

/// n8n #14581: its agent sends penalties to xAI, whose reasoning models refuse them.
#[test]
fn n8ns_agent_is_answered_by_xai() {
    let refusal = r#"{"code":"Client specified an invalid argument","error":"Argument not supported on this model: presencePenalty"}"#;
    let members = r#","frequency_penalty":0,"presence_penalty":0,"temperature":0.7"#;
    for profile in ["xai", "generic"] {
        let upstream = refusing(400, refusal, |body| body.get("presence_penalty").is_some());
        let gateway = Config::new()
            .provider_with("a", &upstream, &[&format!("profile: {profile}")])
            .route("r", [("a", "grok-4")])
            .start();
        let response = gateway.post(&request("r", false, members));
        assert_eq!(response.status, 200, "{profile}: {response}");
    }
}

/// Headers are edited like members: set, unset, and one name taken off a list.
#[test]
fn headers_are_edited() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider_with(
            "a",
            &upstream,
            &[
                "headers: {X-Old: old, anthropic-beta: \"one,two,three\"}",
                "edits: {headers: {X-Title: home, X-Old: null}}",
            ],
        )
        .route(
            "r",
            [Step::new("a", "m")
                .with("edits: {headers: {X-Title: step, Anthropic-Beta: \"-two\"}}")],
        )
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let head = upstream.request().head;
    assert_eq!(head.all("x-title"), ["step"]);
    assert_eq!(head.get("x-old"), None);
    assert_eq!(head.all("anthropic-beta"), ["one,three"]);
}

/// Words bind less than a schema: what comes back is looked at, and the next step tried.
#[test]
fn an_answer_to_a_schema_in_words_has_to_be_json() {
    const SCHEMA: &str = r#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#;
    for (said, via) in [
        ("{\"a\":1}", "a/m"),
        ("```json\n{}\n```", "a/m"),
        ("Sure!", "b/m"),
    ] {
        let (first, second) = (Upstream::saying(said), Upstream::saying("{}"));
        let gateway = Config::new()
            .provider_with("a", &first, &["schema_fallback: prompt"])
            .provider("b", &second)
            .route_with("r", &["check_format: false"], [("a", "m"), ("b", "m")])
            .start();
        let response = gateway.post(&request("r", false, SCHEMA));
        assert_eq!(
            response.head.get("x-routed-via"),
            Some(via),
            "{said}: {response}"
        );
    }
}

/// The fallback for schemas: DeepSeek gets json_object and the schema in words.
#[test]
fn a_schema_is_put_into_words_where_it_is_unknown() {
    const SCHEMA: &str = r#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#;
    for (line, format) in [
        ("profile: deepseek", json!({"type": "json_object"})),
        ("schema_fallback: object", json!({"type": "json_object"})),
        ("schema_fallback: prompt", Value::Null),
    ] {
        let upstream = Upstream::saying("{}");
        let gateway = Config::new()
            .provider_with("a", &upstream, &[line])
            .route("r", [("a", "m")])
            .start();
        let response = gateway.post(&request("r", false, SCHEMA));
        assert_eq!(response.status, 200, "{line}: {response}");
        let sent = upstream.request().json();
        assert_eq!(sent["response_format"], format, "{line}: {sent}");
        let system = sent["messages"][0]["content"].as_str().unwrap();
        assert!(
            system.contains("JSON") && system.ends_with(r#"{"type":"object"}"#),
            "{sent}"
        );
    }
}
