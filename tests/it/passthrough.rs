//! The gateway owns few fields. Everything else arrives byte for byte, in both directions.

use crate::support::config::provider_key;
use crate::support::gateway::{chat, request};
use crate::support::{Config, Gateway, Script, Upstream, openai};

fn start(upstream: &Upstream) -> Gateway {
    Config::new()
        .provider("a", upstream)
        .route("r", [("a", "model-a")])
        .start()
}

/// A body every part of which some JSON library would change: number spellings, escapes, order, spaces, unknown members.
const CURIOUS: &str = concat!(
    "{ \"seed\": 9007199254740993 ,\r\n\t\"temperature\":1e-7, \"zero\" : -0, \"small\":0.10, \"big\":1E400,\n",
    r#" "metadata":{"z":1,"a":"\u00e9 \ud83d\ude00 é 😀 \/ \u0000","lone":"\ud800"},"model":"r" , "#,
    r#""messages":[{"role":"developer","content":"be kind"},"#,
    r#"{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}}],"name":"ann"},"#,
    r#"{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}}]},"#,
    r#"{"role":"assistant","tool_calls":[]},{"role":"tool","tool_call_id":"call_1","content":""},{"role":"someone_new","content":"?","extra":{"b":1,"a":2}}],"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"integer"}}}}}],"tool_choice":"auto","#,
    r#""unknown_field":[1,2.50,{"deep":[null,true]}],"user":"","stop":["\u0041"] } "#,
    "\n"
);

#[test]
fn a_request_changes_in_its_model_only() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream);
    let response = gateway.post(CURIOUS);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(
        upstream.request().text(),
        CURIOUS.replace(r#""model":"r""#, r#""model":"model-a""#)
    );
}

/// Each of these is a field some client depends on; one by one they name what broke.
#[test]
fn every_member_passes_alone() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream);
    for (number, member) in [
        r#""seed":9007199254740993"#,
        r#""temperature":1e-7"#,
        r#""top_p":-0"#,
        r#""user":"\u0041\/\b""#,
        r#""logit_bias":{"50256":-100,"1":1}"#,
        r#""response_format":{"type":"json_object"}"#,
        r#""stream":true,"stream_options":{"include_usage":true}"#,
        r#""stop":"x""#,
        r#""reasoning_effort":"low""#,
        r#""":"an empty name""#,
        r#""stream":null"#,
    ]
    .iter()
    .enumerate()
    {
        let body =
            format!(r#"{{{member},"model":"r","messages":[{{"role":"user","content":"hi"}}]}}"#);
        let response = gateway.post(&body);
        assert_eq!(response.status, 200, "{member}: {response}");
        let seen = upstream.requests()[number].text();
        assert_eq!(
            seen,
            body.replace(r#""model":"r""#, r#""model":"model-a""#),
            "{member}"
        );
    }
}

/// Members that say nothing are refused by some providers for it, and go: the answer is the same without them.
#[test]
fn what_says_nothing_does_not_pass() {
    let upstream = Upstream::saying("fine");
    let gateway = start(&upstream);
    for (number, member) in [
        r#""stop":null"#,
        r#""stream_options":{"include_usage":true}"#,
        r#""tools":[],"tool_choice":"auto""#,
        r#""logit_bias":{}"#,
    ]
    .iter()
    .enumerate()
    {
        let rest = r#""model":"r","messages":[{"role":"user","content":"hi"}]}"#;
        let response = gateway.post(&format!("{{{member},{rest}"));
        assert_eq!(response.status, 200, "{member}: {response}");
        let seen = upstream.requests()[number].text();
        let expected = format!("{{{rest}").replace(r#""model":"r""#, r#""model":"model-a""#);
        assert_eq!(seen, expected, "{member}");
    }
}

/// The model's name may need escaping in JSON.
#[test]
fn a_model_name_with_quotes_stays_valid_json() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", r#"'odd "name" \ é'"#)])
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(upstream.request().json()["model"], r#"odd "name" \ é"#);
}

/// The answer, with the summary before its closing brace and the route's name for the model.
#[test]
fn an_answer_changes_in_its_model_and_gains_the_summary() {
    let answer = CURIOUS_ANSWER;
    let upstream = Upstream::always(Script::json(200, answer));
    let gateway = start(&upstream);
    let response = gateway.ask("r", false);
    assert_eq!(response.status, 200, "{response}");
    let text = response.text();
    let (before, summary) = text.split_once(r#""routing_summary":"#).expect("a summary");
    let kept = answer.trim_end().strip_suffix('}').unwrap().trim_end();
    let expected = kept.replace(r#""model":"upstream-model""#, r#""model":"r""#);
    let before = before.trim_end().strip_suffix(',').expect("a comma");
    assert_eq!(before.trim_end(), expected);
    let summary = summary
        .trim_end()
        .strip_suffix('}')
        .expect("the closing brace");
    let summary: serde_json::Value = serde_json::from_str(summary).expect("a summary alone");
    assert_eq!(summary["route_name"], "r");
}

const CURIOUS_ANSWER: &str = concat!(
    r#"{"id":"x","zeta":9007199254740993,"model":"upstream-model","alpha":1e-7,"created":-0,"#,
    r#""choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning_content":"so \u00e9","refusal":null,"#,
    r#""tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls","logprobs":null}],"#,
    r#""usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"x":1.0},"x_provider":{"b":[],"a":{}} }"#,
    "\n"
);

#[test]
fn the_providers_name_for_the_model_is_kept_when_asked_for() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .with("response_model: upstream")
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .start();
    let response = gateway.ask("r", false);
    assert_eq!(
        response.json()["model"],
        openai::UPSTREAM_MODEL,
        "{response}"
    );
    for event in &gateway.ask("r", true).events()[..3] {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert_eq!(event["model"], openai::UPSTREAM_MODEL);
    }
}

/// Events after the first change in their model only.
#[test]
fn events_are_relayed_byte_for_byte() {
    let curious = [
        r#"{"id":"1","model":"upstream-model","choices":[{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{ "z":1e-7, "choices":[{"index":0,"delta":{"content":"\u00e9 é","reasoning_content":null},"logprobs":null}],"model":"upstream-model","n":9007199254740993}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":"}}]}}],"model":"upstream-model"}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop","native_finish_reason":"STOP"}],"model":"upstream-model"}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"cost":0.10},"model":"upstream-model"}"#,
    ];
    let upstream = Upstream::always(Script::events(curious));
    let gateway = start(&upstream);
    let events = gateway.ask("r", true).events();
    assert_eq!(events.len(), curious.len() + 1, "{events:#?}");
    for (event, sent) in events.iter().zip(curious).skip(1) {
        assert_eq!(event, &sent.replace("upstream-model", "r"));
    }
    let first: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(
        (openai::content(&first).as_str(), &first["model"]),
        ("a", &"r".into())
    );
    assert!(first["routing_summary"].is_object(), "{first}");
}

/// Providers see their own key and model, and nothing that was meant for the gateway.
#[test]
fn what_is_the_gateways_stays_with_it() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider_with(
            "a",
            &upstream,
            &[
                &format!("api_key: {}", provider_key("a")),
                "headers: {X-Title: home}",
            ],
        )
        .route("r", [("a", "model-a")])
        .start();
    let fields = [
        ("Cookie", "session=1"),
        ("X-Forwarded-For", "10.1.2.3"),
        ("Accept-Encoding", "gzip, br"),
        ("OpenAI-Organization", "org-1"),
    ];
    let body = openai::request("r", false);
    let response = gateway.exchange(request("POST", "/v1/chat/completions", &fields, &body));
    assert_eq!(response.status, 200, "{response}");
    let head = upstream.request().head;
    assert_eq!(head.first_line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(
        head.get("authorization"),
        Some(format!("Bearer {}", provider_key("a")).as_str())
    );
    assert_eq!(
        head.get("host"),
        Some(upstream.address.to_string().as_str())
    );
    assert_eq!(head.get("content-type"), Some("application/json"));
    assert_eq!(head.get("x-title"), Some("home"));
    assert!(
        head.get("accept-encoding")
            .is_none_or(|coding| coding == "identity"),
        "{head:?}"
    );
    for absent in ["cookie", "x-api-key", "x-forwarded-for"] {
        assert_eq!(head.get(absent), None, "{absent}");
    }
    assert_eq!(head.all("content-length").len(), 1, "{head:?}");
}

/// A local server has no key, and an empty bearer token makes some of them refuse.
#[test]
fn a_provider_without_a_key_gets_none() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider_with("a", &upstream, &[])
        .route("r", [("a", "model-a")])
        .start();
    assert_eq!(
        gateway.exchange(chat(&openai::request("r", false))).status,
        200
    );
    assert_eq!(upstream.request().head.get("authorization"), None);
}
