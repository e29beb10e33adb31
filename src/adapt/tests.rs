use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::shapes::Shape;
use super::*;
use crate::config::{ConflictResolution, Provider};
use crate::dialect::chat::Chat;
use crate::json::elided::Elided;
use crate::json::raw;

fn step(model: &str) -> Step {
    Step {
        provider: provider(false),
        model: model.to_owned(),
        label: format!("p/{model}").into(),
        summary_names: Step::summary_names_of("p", model),
        quoted_model: raw::quoted(model).into(),
        timeout: Duration::from_secs(30),
        has_timeout: true,
        stall_timeout: Duration::from_secs(30),
        cooldown: None,
        retries: 0,
        weight: None,
        conflict_resolution: None,
        thinking: None,
        reasoning_only_fails: false,
        think_tags: None,
        pcm_rate: None,
        upstream_stream: false,
        fit: Default::default(),
        traits: crate::dialect::step_traits::StepTraits::default(),
        price: None,
    }
}

fn provider(strict_json_schema: bool) -> Arc<Provider> {
    Arc::new(Provider {
        index: 0,
        name: "p".to_owned(),
        keys: Vec::new(),
        base_url: "http://127.0.0.1:1".to_owned(),
        server: Default::default(),
        traits: Default::default(),
        auth: Default::default(),
        strict_json_schema,
        model_list: true,
        direct: false,
        repair: true,
        headers: Vec::new(),
        fit: Default::default(),
        quotas: Default::default(),
        models: Vec::new(),
        private: true,
    })
}

/// A step with every adapter on.
fn eager_step() -> Step {
    Step {
        provider: provider(true),
        conflict_resolution: Some(ConflictResolution::Format),
        thinking: Some(true),
        ..step("up")
    }
}

fn adapted(body: &str, step: &Step) -> String {
    let request = Chat.read(body.as_bytes().into()).unwrap();
    String::from_utf8(adapt(&Chat, &request, step, &[]).slices().concat()).unwrap()
}

/// A whole request whose members behind `messages` are these.
fn with(members: &str) -> String {
    format!(r#"{{"model":"route","messages":[{{"role":"user","content":"hi"}}]{members}}}"#)
}

fn sent(members: &str) -> String {
    with(members).replace("route", "up")
}

#[test]
fn whole_bodies_are_adapted_as_recorded() {
    let tools = Step {
        conflict_resolution: Some(ConflictResolution::Tools),
        ..step("llama-3.3-70b")
    };
    let format = Step {
        conflict_resolution: Some(ConflictResolution::Format),
        ..tools.clone()
    };
    let strict = Step {
        provider: provider(true),
        ..step("gpt-oss-120b")
    };
    for (name, step) in [
        ("passthrough", step("vendor/model:free")),
        ("conflict_tools", tools),
        ("conflict_format", format),
        ("thinking", step("deepseek/deepseek-r1:free")),
        ("strict_schema", strict),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/adapt");
        let read = |end: &str| std::fs::read_to_string(folder.join(format!("{name}.{end}.json")));
        assert_eq!(
            adapted(&read("before").unwrap(), &step),
            read("after").unwrap(),
            "{name}"
        );
    }
}

#[test]
fn tools_and_a_format_conflict_only_if_both_say_something() {
    let both = r#","tools":[{"type":"function"}],"response_format":{"type":"json_object"}"#;
    let resolved = |members: &str, resolution| {
        let step = Step {
            conflict_resolution: Some(resolution),
            ..step("up")
        };
        adapted(&with(members), &step)
    };
    assert_eq!(
        resolved(both, ConflictResolution::Tools),
        sent(r#","tools":[{"type":"function"}]"#)
    );
    assert_eq!(
        resolved(
            &format!(r#"{both},"tool_choice":"auto","x":1,"parallel_tool_calls":false"#),
            ConflictResolution::Format
        ),
        sent(r#","response_format":{"type":"json_object"},"x":1"#)
    );
    for members in [
        r#","tools":[{}]"#,
        r#","tools":[{}],"response_format":null"#,
        r#","tools":[{}],"response_format":{"type":"text"}"#,
        r#","tools":null,"response_format":{"type":"json_object"}"#,
    ] {
        for resolution in [ConflictResolution::Tools, ConflictResolution::Format] {
            assert_eq!(resolved(members, resolution), sent(members), "{members}");
        }
    }
    assert_eq!(adapted(&with(both), &step("up")), sent(both));
}

#[test]
fn a_forced_tool_choice_is_relaxed_where_the_model_thinks() {
    let relaxed = |choice: &str, model: &str, thinking| {
        let step = Step {
            thinking,
            ..step(model)
        };
        let body = adapted(
            &with(&format!(r#","tools":[{{}}],"tool_choice":{choice}"#)),
            &step,
        );
        raw::member(&body, "tool_choice").unwrap().to_owned()
    };
    let auto = r#""auto""#;
    let named = r#"{"type":"function","function":{"name":"f"}}"#;
    for choice in [r#""required""#, named, r#"{"function":{"name":"f"}}"#] {
        for model in [
            "deepseek-v4-flash",
            "deepseek/deepseek-v4-flash",
            "deepseek-reasoner",
            "deepseek/deepseek-r1",
            "deepseek/deepseek-r1:free",
        ] {
            assert_eq!(relaxed(choice, model, None), auto, "{model}");
            assert_eq!(relaxed(choice, model, Some(false)), choice, "{model}");
        }
        for model in [
            "other",
            "deepseek-r1",
            "deepseek/deepseek-r1-0528",
            "x:deepseek-reasoner",
        ] {
            assert_eq!(relaxed(choice, model, None), choice, "{model}");
            assert_eq!(relaxed(choice, model, Some(true)), auto, "{model}");
        }
    }
    for choice in [auto, r#""none""#, "null", r#"{"type":"x"}"#] {
        assert_eq!(relaxed(choice, "up", Some(true)), choice);
    }
    assert_eq!(adapted(&with(""), &eager_step()), sent(""));
}

/// The schema a strict provider gets for this one.
fn strict(schema: &str) -> String {
    let body = with(&format!(
        r#","response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}}"#
    ));
    let body = adapted(&body, &eager_step());
    let format = raw::member(&body, "response_format").unwrap();
    let json_schema = raw::member(format, "json_schema").unwrap();
    assert_eq!(raw::member(json_schema, "strict"), Some("true"));
    raw::member(json_schema, "schema").unwrap().to_owned()
}

#[test]
fn every_object_in_a_schema_is_closed() {
    for (schema, expected) in [
        (
            r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"minimum":1e-7}}}"#,
            r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"minimum":1e-7}},"required":["b","a"],"additionalProperties":false}"#,
        ),
        (
            r#"{"additionalProperties":true,"required":["x"],"properties":{"x":{},"é\n":{}},"type":["object","null"]}"#,
            r#"{"additionalProperties":false,"required":["x","é\n"],"properties":{"x":{},"é\n":{}},"type":["object","null"]}"#,
        ),
        (
            r#"{"properties":{}}"#,
            r#"{"properties":{},"required":[],"additionalProperties":false}"#,
        ),
        (
            r#"{"type":"object"}"#,
            r#"{"type":"object","additionalProperties":false}"#,
        ),
        (
            r#"{"type":"string","enum":["object"]}"#,
            r#"{"type":"string","enum":["object"]}"#,
        ),
        // A property may be called like a keyword.
        (
            r#"{"properties":{"properties":{"type":"string"},"items":true}}"#,
            r#"{"properties":{"properties":{"type":"string"},"items":true},"required":["properties","items"],"additionalProperties":false}"#,
        ),
        // Examples are no schemas.
        (
            r#"{"default":{"type":"object"}}"#,
            r#"{"default":{"type":"object"}}"#,
        ),
    ] {
        assert_eq!(strict(schema), expected);
    }
    for place in [
        r#"{"items":@}"#,
        r#"{"items":[{}, @]}"#,
        r#"{"prefixItems":[@ ,true]}"#,
        r#"{"$defs":{ "d" : @ }}"#,
        r#"{"definitions":{"d":@}}"#,
        r#"{"oneOf":[@]}"#,
        r#"{"anyOf":[null,@]}"#,
        r#"{"allOf":[@,@]}"#,
        r#"{"not":@}"#,
        r#"{"items":{"anyOf":[{"$defs":{"d":@}}]}}"#,
    ] {
        let expected = place.replace('@', r#"{"type":"object","additionalProperties":false}"#);
        assert_eq!(
            strict(&place.replace('@', r#"{"type":"object"}"#)),
            expected
        );
    }
}

#[test]
fn other_formats_and_what_is_no_schema_stay() {
    for members in [
        r#","response_format":{"type":"json_object"}"#,
        r#","response_format":null"#,
        r#","response_format":{"type":"json_schema"}"#,
        r#","response_format":{"type":"json_schema","json_schema":{"schema":true}}"#,
        r#","response_format":{"type":"json_schema","json_schema":7}"#,
        r#","tools":[{"function":{"parameters":{"type":"object"}}}]"#,
    ] {
        assert_eq!(adapted(&with(members), &eager_step()), sent(members));
    }
    let large = format!(
        r#","response_format":{{"type":"json_schema","json_schema":{{"schema":{{"title":"{}"}}}}}}"#,
        "x".repeat(1024 * 1024)
    );
    assert_eq!(adapted(&with(&large), &eager_step()), sent(&large));
}

#[test]
fn a_deep_schema_does_not_overflow_a_workers_stack() {
    let deep = r#"{"type":"object","items":"#.repeat(2_000) + "{}" + &"}".repeat(2_000);
    let worker = std::thread::Builder::new().stack_size(256 * 1024);
    let closed = worker.spawn(move || strict(&deep)).unwrap().join().unwrap();
    assert_eq!(closed.matches("additionalProperties").count(), 64);
}

#[test]
fn explain_names_the_adapters_that_act() {
    assert!(names(&step("up")).is_empty());
    assert_eq!(names(&step("deepseek-reasoner")), ["thinking: true"]);
    assert_eq!(
        names(&eager_step()),
        [
            "conflict_resolution: format",
            "thinking: true",
            "strict_json_schema: true"
        ]
    );
}

prop_compose! {
    /// A member that no adapter knows, in any formatting.
    fn unknown_member()(
        before in "[ \n]{0,2}",
        key in "(x[a-z]{1,3}|temperature|tool_choice_x|\\\\u0066oo)",
        colon in "( ?): ?",
        value in r#"(9007199254740993|1e-7|-0|1\.50|null|"\\u0000\\ud800/é"|\[ 1 ,2\]|\{"type":"object", "model":"x"\})"#,
        after in "[ \n]{0,2}",
    ) -> (String, String) {
        (key.clone(), format!(r#"{before}"{key}"{colon}{value}{after}"#))
    }
}

proptest! {
    /// A gateway that reformats what it does not know breaks the providers' new features.
    #[test]
    fn unknown_members_stay_byte_for_byte(
        members in prop::collection::vec(unknown_member(), 0..6),
        model_at in 0_usize..7,
        is_eager in any::<bool>(),
    ) {
        let mut parts: Vec<String> = Vec::new();
        let mut keys: Vec<String> = Vec::new();
        for (key, member) in members {
            if !keys.contains(&key) {
                keys.push(key);
                parts.push(member);
            }
        }
        parts.insert(model_at.min(parts.len()), r#" "model" : "route""#.to_owned());
        parts.push(r#""messages":[ {"role":"developer","content":null} ]"#.to_owned());
        let body = format!(" {{{}}}\n", parts.join(","));
        let step = if is_eager { eager_step() } else { step("up") };
        prop_assert_eq!(adapted(&body, &step), body.replace("route", "up"));
    }
}

/// A request of megabytes is edited without its long strings, which come back when it is sent.
#[test]
fn edits_come_to_the_same_without_the_long_strings() {
    let long = |seed: &str| format!("{seed}\\n{}\\\"é", "0123456789abcdef".repeat(2000));
    let (one, two, id) = (long("one"), long("two"), long("id"));
    let messages = [
        format!(r#"{{"role":"developer","content":"{one}"}}"#),
        format!(
            r#"{{"role":"user","name":"n","content":[{{"type":"text","text":"{one}"}},{{"type":"text","text":""}},{{"type":"image_url","image_url":{{"url":"{two}"}}}}]}}"#
        ),
        format!(r#"{{"role":"user","content":"{two}"}}"#),
        format!(
            r#"{{"role":"assistant","content":"","reasoning":"{one}","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{\"a\":1}}","note":"{two}"}}}}]}}"#
        ),
        format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"{two}"}}"#),
        r#"{"role":"user","content":null}"#.to_owned(),
        format!(r#"{{"role":"system","content":"{one}"}}"#),
        format!(r#"{{"role":"system","content":[{{"type":"text","text":"{two}"}}]}}"#),
        format!(
            r#"{{"role":"assistant","content":[{{"type":"text","text":"{one}"}},{{"type":"text","text":"x"}}]}}"#
        ),
    ];
    let body = format!(
        r#"{{"model":"r","messages":[{}],"response_format":{{"type":"json_schema","json_schema":{{"name":"x","schema":{{"type":"object","properties":{{}},"description":"{one}"}}}}}}}}"#,
        messages.join(",")
    );
    let request = Chat.read(body.as_bytes().into()).unwrap();
    let object = request.payload.object().unwrap();
    let elided = Elided::of(
        object.source(),
        object.get("messages").unwrap(),
        &mut |_| true,
    )
    .unwrap();
    let without = Chat.read(elided.text().as_bytes().into()).unwrap();
    let shapes = Shape::ALL.map(|shape| vec![Lesson::Shape { shape }]);
    let all = shapes.concat();
    let member = "messages[*].content".to_owned();
    let drop = vec![Lesson::Drop { member }];
    let whole = [vec![], all, drop, vec![Lesson::NoSchemas]];
    for lessons in whole.into_iter().chain(shapes) {
        for step in [step("up"), eager_step()] {
            let expected = adapt(&Chat, &request, &step, &lessons).slices().concat();
            let edited = adapt(&Chat, &without, &step, &lessons);
            let sent = elided.restored(&edited.slices()).concat();
            // Ids are made of what stands for the long one; nobody has ids of this length.
            if !lessons.contains(&Lesson::Shape { shape: Shape::Ids9 }) {
                assert!(sent == expected, "{lessons:?}");
            }
            assert!(Object::parse(std::str::from_utf8(&sent).unwrap()).is_ok());
        }
    }
}
