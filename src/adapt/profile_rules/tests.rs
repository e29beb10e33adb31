//! The built-in table: that its rows are found, what each makes of a request, and that each is backed by a refusal.

use std::collections::BTreeMap;
use std::path::Path;

use super::{profile_of, rules};
use crate::adapt::profile::ProfileRule;
use crate::adapt::profiles::TABLE;
use crate::adapt::{adapt, lessons_of, unfit, warnings};
use crate::config::{self, Config, PROFILES};
use crate::dialect::Dialect as _;
use crate::dialect::chat::Chat;
use crate::dialect::request::Payload;
use crate::dialect::vocabulary::Vocabulary;
use crate::json::path;

fn config(provider: &str, model: &str, step: &str) -> Config {
    let text = format!(
        "api_key: k\nproviders:\n  - {{name: p, {provider}}}\nroutes:\n  - {{name: r, steps: [{{provider: p, model: {model:?}{step}}}]}}\n"
    );
    let environment = BTreeMap::<String, String>::new();
    config::parse(&text, &environment).unwrap()
}

fn named(profile: &str, model: &str) -> Config {
    config(
        &format!("base_url: \"http://p/v1\", profile: {profile}"),
        model,
        "",
    )
}

fn adapted(config: &Config, body: &str) -> String {
    let request = Chat.read(body.as_bytes().into()).unwrap();
    let body = adapt(&Chat, &request, &config.routes[0].steps[0], &[]);
    String::from_utf8(body.slices().concat()).unwrap()
}

fn payload(body: &str) -> Payload<'_> {
    Chat.read(body.as_bytes().into()).unwrap().payload
}

fn with(members: &str) -> String {
    format!(r#"{{"model":"r","messages":[{{"role":"user","content":"hi"}}]{members}}}"#)
}

/// A model to which as many rules of the profile apply as possible.
fn model(profile: &str) -> &'static str {
    match profile {
        "openai" => "o4-mini",
        "github" => "openai/gpt-5-mini",
        "groq" => "openai/gpt-oss-120b",
        "moonshot" => "kimi-k2.5",
        "deepseek" => "deepseek-reasoner",
        _ => "some/model",
    }
}

#[test]
fn every_name_has_a_row_and_every_path_is_one() {
    let names: Vec<&str> = TABLE.iter().map(|profile| profile.name).collect();
    assert_eq!(names, PROFILES);
    for profile in TABLE {
        for part in profile.parts {
            for place in part.rules.iter().filter_map(|rule| rule.place()) {
                assert!(path::is_path(place) || place == "messages", "{place}");
                assert!(!["model", "stream"].contains(&place), "{place}");
            }
        }
    }
}

#[test]
fn hosts_find_their_row() {
    for (url, expected) in [
        ("https://api.openai.com/v1", "openai"),
        ("https://my.openai.azure.com/openai/v1", "openai"),
        ("https://api.mistral.ai/v1", "mistral"),
        ("https://api.groq.com/openai/v1", "groq"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "google",
        ),
        (
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "dashscope",
        ),
        ("https://eu.api.z.ai/api/paas/v4", "zhipu"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://localhost:8000/v1", "generic"),
        ("https://notapi.openai.com/v1", "generic"),
        ("https://api.openai.com.evil.example/v1", "generic"),
    ] {
        let config = config(&format!("base_url: \"{url}\""), "m", "");
        let found = profile_of(&config.providers[0]).unwrap();
        assert_eq!(found.name, expected, "{url}");
    }
    let off = config(
        "base_url: \"https://api.openai.com/v1\", profile: none",
        "m",
        "",
    );
    assert!(profile_of(&off.providers[0]).is_none());
}

/// Nothing to edit: the bytes are the client's but for the model, whatever the provider.
#[test]
fn an_untouched_request_stays_byte_for_byte_in_every_profile() {
    let body = " {\n\t\"model\" : \"r\", \"top_p\":1.0,\"x_unknown\":[1,2.50,{\"a\":-0}],\"messages\":[ {\"role\":\"system\",\"content\":\"\\u00e9 \\/\"} ,{\"role\":\"user\",\"content\":\"b\"},\r\n{\"content\":\"c\",\"role\":\"assistant\"},{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}],\"stream\":false}\n";
    for profile in PROFILES {
        // Kimi's later models refuse top_p, which is not for nothing then.
        let model = if profile == "moonshot" {
            "m"
        } else {
            model(profile)
        };
        let sent = adapted(&named(profile, model), body);
        assert_eq!(
            sent,
            body.replace("\"r\"", &format!("{model:?}")),
            "{profile}"
        );
    }
}

/// A request with all that any profile looks at, as each profile sends it. `RECORD_GOLDEN=1` writes the files anew; look
/// at each one that changes.
#[test]
fn a_rich_request_is_sent_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/adapt");
    let before = std::fs::read_to_string(folder.join("profiles.before.json")).unwrap();
    for profile in PROFILES.iter().chain(&["none"]) {
        let sent = adapted(&named(profile, model(profile)), &before);
        serde_json::from_str::<serde_json::Value>(&sent).unwrap();
        let file = folder.join(format!("profile_{profile}.after.json"));
        if std::env::var_os("RECORD_GOLDEN").is_some() {
            std::fs::write(&file, &sent).unwrap();
        }
        assert_eq!(sent, std::fs::read_to_string(&file).unwrap(), "{profile}");
    }
}

#[test]
fn what_says_nothing_goes_and_the_rest_stays() {
    let generic = named("generic", "r");
    for (before, after) in [
        (
            r#","tools":[],"tool_choice":"auto","parallel_tool_calls":true"#,
            "",
        ),
        (r#","tools": [ ] ,"x":1"#, r#" ,"x":1"#),
        (r#","tool_choice":"none""#, ""),
        (
            r#","tools":[{}],"tool_choice":"none""#,
            r#","tools":[{}],"tool_choice":"none""#,
        ),
        (r#","stream_options":{"include_usage":true}"#, ""),
        (
            r#","stream":true,"stream_options":{"include_usage":true}"#,
            r#","stream":true,"stream_options":{"include_usage":true}"#,
        ),
        (r#","functions":[],"stop":[],"logit_bias":{ }"#, ""),
        (r#","stop":null,"user":null"#, r#","user":null"#),
        (r#","t\u006fols":[]"#, ""),
        (
            r#","stop":"x","logit_bias":{"1":2}"#,
            r#","stop":"x","logit_bias":{"1":2}"#,
        ),
    ] {
        assert_eq!(adapted(&generic, &with(before)), with(after), "{before}");
        let off = named("none", "r");
        assert_eq!(adapted(&off, &with(before)), with(before), "{before}");
    }
}

#[test]
fn rules_are_those_of_the_model() {
    for (profile, model, before, after) in [
        (
            "openai",
            "gpt-4o",
            r#","temperature":0.2,"max_tokens":5"#,
            r#","temperature":0.2,"max_tokens":5"#,
        ),
        (
            "openai",
            "gpt-4",
            r#","max_completion_tokens":5"#,
            r#","max_tokens":5"#,
        ),
        (
            "openai",
            "o3",
            r#","temperature":0.2,"top_p":1.0,"parallel_tool_calls":true,"max_tokens":5"#,
            r#","top_p":1.0,"max_completion_tokens":5"#,
        ),
        (
            "openai",
            "gpt-5.1",
            r#","temperature":0.2"#,
            r#","temperature":0.2"#,
        ),
        (
            "openai",
            "gpt-5.1",
            r#","temperature":0.2,"reasoning_effort":"none""#,
            r#","temperature":0.2,"reasoning_effort":"none""#,
        ),
        (
            "openai",
            "gpt-5.1",
            r#","temperature":0.2,"reasoning_effort":"low""#,
            r#","reasoning_effort":"low""#,
        ),
        ("github", "openai/o4-mini", r#","temperature":0.2"#, ""),
        (
            "groq",
            "openai/gpt-oss-20b",
            r#","reasoning_effort":"minimal""#,
            r#","reasoning_effort":"low""#,
        ),
        (
            "groq",
            "qwen/qwen3-32b",
            r#","reasoning_effort":"high""#,
            r#","reasoning_effort":"default""#,
        ),
        ("groq", "llama-3.3-70b", r#","reasoning_effort":"high""#, ""),
        (
            "mistral",
            "m",
            r#","seed":1,"x":null,"tool_choice":"required","tools":[{}]"#,
            r#","tool_choice":"any","tools":[{}],"random_seed":1"#,
        ),
        (
            "moonshot",
            "moonshot-v1",
            r#","temperature":1.5"#,
            r#","temperature":1"#,
        ),
        ("moonshot", "kimi-k2.5", r#","temperature":0.5"#, ""),
        (
            "xai",
            "grok-3-mini",
            r#","reasoning_effort":"low","presence_penalty":0"#,
            r#","reasoning_effort":"low""#,
        ),
        ("xai", "grok-4", r#","reasoning_effort":"low""#, ""),
        (
            "google",
            "g",
            r#","reasoning_effort":"minimal","extra_body":{"google":{}}"#,
            r#","reasoning_effort":"low","extra_body":{"google":{}}"#,
        ),
        (
            "nvidia",
            "m",
            r#","frequency_penalty":0.0,"presence_penalty":0.5"#,
            r#","presence_penalty":0.5"#,
        ),
        (
            "cerebras",
            "m",
            r#","tools":[{"function":{"strict":true}},{"function":{}}],"response_format":{"type":"json_object"}"#,
            r#","tools":[{"function":{"strict":false}},{"function":{"strict":false}}]"#,
        ),
        (
            "cohere",
            "m",
            r#","tools":[{"function":{"strict":true}}],"n":1"#,
            r#","tools":[{"function":{}}]"#,
        ),
        (
            "deepseek",
            "deepseek-v4-pro",
            r#","tools":[{}],"tool_choice":"required""#,
            r#","tools":[{}],"tool_choice":"auto""#,
        ),
        (
            "deepseek",
            "deepseek-v4-pro",
            r#","tools":[{}],"tool_choice":"required","thinking":{"type":"disabled"}"#,
            r#","tools":[{}],"tool_choice":"required","thinking":{"type":"disabled"}"#,
        ),
        (
            "openrouter",
            "m",
            r#","store":true,"max_completion_tokens":5"#,
            r#","store":true,"max_completion_tokens":5"#,
        ),
    ] {
        let sent = adapted(&named(profile, model), &with(before));
        let expected = with(after).replace("\"model\":\"r\"", &format!("\"model\":\"{model}\""));
        assert_eq!(sent, expected, "{profile} {model}");
    }
}

/// `n: 2` and `logprobs: true` are what the client is there for.
#[test]
fn a_profile_drops_no_meaning() {
    let groq = named("groq", "m");
    let step = &groq.routes[0].steps[0];
    for (members, unfit_for) in [
        (r#","n":2"#, Some("groq does not take n")),
        (r#","n":1"#, None),
        (r#","logprobs":true"#, Some("groq does not take logprobs")),
        (r#","logprobs":false"#, None),
    ] {
        let body = with(members);
        let request = Chat.read(body.as_bytes().into()).unwrap();
        assert_eq!(
            unfit(Vocabulary::CHAT, &request, step, &[])
                .map(|unfit| unfit.reason)
                .as_deref(),
            unfit_for,
            "{members}"
        );
    }
    let kept = config(
        "base_url: \"http://p/v1\", profile: groq",
        "m",
        ", keep: [n]",
    );
    let body = with(r#","n":2"#);
    let request = Chat.read(body.as_bytes().into()).unwrap();
    assert_eq!(
        unfit(Vocabulary::CHAT, &request, &kept.routes[0].steps[0], &[]),
        None
    );
    assert!(adapted(&kept, &body).contains(r#""n":2"#));
}

#[test]
fn configured_edits_come_last_and_kept_members_are_kept() {
    let text = "base_url: \"http://p/v1\", profile: mistral, edits: {drop: [b], rename: {c: d}, default: {e: 1, f: 1}, override: {safe_prompt: true}}";
    let step =
        ", keep: [user], edits: {override: {safe_prompt: false, \"messages[role=user].x\": 1}}";
    let config = config(text, "m", step);
    let sent = adapted(
        &config,
        &with(r#","user":"u","b":1,"c":2,"e":7,"logit_bias":{"1":1}"#),
    );
    assert_eq!(
        sent,
        r#"{"model":"m","messages":[{"role":"user","content":"hi","x":1}],"user":"u","e":7,"d":2,"f":1,"safe_prompt":false}"#
    );
}

#[test]
fn an_override_of_what_the_profile_drops_is_worth_a_warning() {
    let text =
        "base_url: \"http://p/v1\", profile: mistral, edits: {override: {user: x, top_k: 1}}";
    let found = warnings(&config(text, "m", ""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("routes[0].steps[0]") && found[0].contains("user"),
        "{found:?}"
    );
    assert!(warnings(&named("mistral", "m")).is_empty());
}

/// The edits of a row would else be healed: a refusal of the page names a member that the profile has already left out, so
/// that nothing is left to learn.
#[test]
fn rows_are_backed_by_refusals() {
    let unknown =
        |member: &str| format!(r#"{{"error":{{"message":"Unknown parameter: '{member}'."}}}}"#);
    for profile in TABLE {
        let model = model(profile.name);
        let dropped: Vec<&str> = rules(profile, model, None)
            .filter_map(|rule| match rule {
                ProfileRule::Drop(place) => Some(place),
                _ => None,
            })
            .collect();
        for place in dropped.into_iter().filter(|place| !place.contains('[')) {
            let body = with(&format!(
                r#","{place}":{}"#,
                if place == "n" { "1" } else { "false" }
            ));
            let sent = adapted(&named(profile.name, model), &body);
            let step = &named(profile.name, model).routes[0].steps[0];
            assert!(
                lessons_of(400, &unknown(place), &payload(&sent), step).is_empty(),
                "{place}"
            );
            let off = &named("none", model);
            let sent = adapted(off, &body);
            let step = &off.routes[0].steps[0];
            assert_eq!(
                lessons_of(400, &unknown(place), &payload(&sent), step).len(),
                1,
                "{place}"
            );
        }
    }
}
