//! Each shape: what it makes of a conversation, and that it leaves what is right as it came.

use super::*;

fn shaped(shape: Shape, messages: &str) -> String {
    let text = format!(r#"{{"model":"m","messages":{messages}}}"#);
    let mut body = Object::parse(&text).unwrap();
    shape.apply(&mut body, FILLER);
    body.get("messages").unwrap().to_owned()
}

#[test]
fn shapes_change_what_they_are_for() {
    for (shape, before, after) in [
        (
            Shape::DeveloperToSystem,
            r#"[ {"content":"a","role":"developer"} , {"role":"user"}]"#,
            r#"[ {"content":"a","role":"system"} , {"role":"user"}]"#,
        ),
        (
            Shape::Bridge,
            r#"[{"role":"tool","content":"1"},{"role":"user","content":"x"}]"#,
            r#"[{"role":"tool","content":"1"},{"role":"assistant","content":"…"},{"role":"user","content":"x"}]"#,
        ),
        (
            Shape::ToolNames,
            r#"[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"c"},{"role":"tool","tool_call_id":"d"}]"#,
            r#"[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"c","name":"f"},{"role":"tool","tool_call_id":"d"}]"#,
        ),
        (
            Shape::NonEmpty,
            r#"[{"role":"assistant","content":""},{"role":"assistant","content":"","tool_calls":[{}]},{"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"x"}]}]"#,
            r#"[{"role":"assistant","content":null,"tool_calls":[{}]},{"role":"user","content":[{"type":"text","text":"x"}]}]"#,
        ),
        (
            Shape::ReasoningBack,
            r#"[{"role":"assistant","tool_calls":[{}],"reasoning":"r"},{"role":"assistant","tool_calls":[{}]},{"role":"assistant","content":"x"},{"role":"assistant","tool_calls":[{}],"reasoning_content":""}]"#,
            r#"[{"role":"assistant","tool_calls":[{}],"reasoning":"r","reasoning_content":"r"},{"role":"assistant","tool_calls":[{}],"reasoning_content":" "},{"role":"assistant","content":"x"},{"role":"assistant","tool_calls":[{}],"reasoning_content":" "}]"#,
        ),
        (
            Shape::Alternate,
            r#"[{"role":"user","content":"a\n"},{"role":"user","content":"b"},{"role":"user","content":[{"type":"image_url"}]},{"role":"assistant","content":"c"},{"role":"assistant","content":null,"tool_calls":[{}]},{"role":"tool","content":"1"},{"role":"tool","content":"2"}]"#,
            r#"[{"role":"user","content":[{"type":"text","text":"a\n"},{"type":"text","text":"b"},{"type":"image_url"}]},{"role":"assistant","content":"c","tool_calls":[{}]},{"role":"tool","content":"1"},{"role":"tool","content":"2"}]"#,
        ),
        (
            Shape::Alternate,
            r#"[{"role":"user","content":"\u00e9"},{"role":"user","content":"b"}]"#,
            r#"[{"role":"user","content":"\u00e9\n\nb"}]"#,
        ),
        (
            Shape::FirstSystem,
            r#"[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"system","content":"c"},{"role":"system","content":[{"type":"text","text":"d"}]}]"#,
            r#"[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"user","content":"<system-reminder>\nc\n</system-reminder>"},{"role":"user","content":[{"type":"text","text":"<system-reminder>"},{"type":"text","text":"d"},{"type":"text","text":"</system-reminder>"}]}]"#,
        ),
        (
            Shape::SystemReminders,
            r#"[{"role":"user","content":"hi"},{"role":"system","content":[{"type":"text","text":"be brief"},{"type":"text","text":"and kind"}]}]"#,
            r#"[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"<system-reminder>\nbe brief\n\nand kind\n</system-reminder>"}]}]"#,
        ),
        (
            Shape::SystemReminders,
            r#"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]},{"role":"system","content":"x"}]"#,
            r#"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]},{"role":"user","content":[{"type":"text","text":"<system-reminder>\nx\n</system-reminder>"}]}]"#,
        ),
        (
            Shape::SystemReminders,
            r#"[{"role":"assistant","content":"hi"},{"role":"system","content":"x"}]"#,
            r#"[{"role":"assistant","content":"hi"},{"role":"user","content":[{"type":"text","text":"<system-reminder>\nx\n</system-reminder>"}]}]"#,
        ),
        (
            Shape::SystemReminders,
            r#"[{"role":"user","content":[]},{"role":"system","content":"x"}]"#,
            r#"[{"role":"user","content":[{"type":"text","text":"<system-reminder>\nx\n</system-reminder>"}]}]"#,
        ),
        (
            Shape::CallContent,
            r#"[{"role":"assistant","content":null,"tool_calls":[{}]},{"role":"assistant","tool_calls":[{}]},{"role":"assistant","content":null}]"#,
            r#"[{"role":"assistant","content":"","tool_calls":[{}]},{"role":"assistant","tool_calls":[{}],"content":""},{"role":"assistant","content":null}]"#,
        ),
        (
            Shape::UserLast,
            r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]"#,
            r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"Continue."}]"#,
        ),
        (
            Shape::AssistantTexts,
            r#"[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"user","content":[{"type":"text","text":"c"}]}]"#,
            r#"[{"role":"assistant","content":"a\nb"},{"role":"user","content":[{"type":"text","text":"c"}]}]"#,
        ),
        (
            Shape::Texts,
            r#"[{"role":"user","content":[{"type":"text","text":"c"}]},{"role":"user","content":[{"type":"text","text":"c"},{"type":"image_url"}]}]"#,
            r#"[{"role":"user","content":"c"},{"role":"user","content":[{"type":"text","text":"c"},{"type":"image_url"}]}]"#,
        ),
        (
            Shape::NoNullContent,
            r#"[{"role":"assistant","content":null}]"#,
            r#"[{"role":"assistant","content":""}]"#,
        ),
    ] {
        assert_eq!(shaped(shape, before), after, "{shape:?}");
    }
}

/// Every shape but one that is about tools, on what it has nothing to do with. One shape is about any system message.
#[test]
fn what_is_right_stays_byte_for_byte() {
    let right = r#"[ {"role" : "system","content":"a\u00e9"},
        {"role":"user","content":"b","x":1e-7} , {"role":"assistant","content":"c"},{"role":"user","content":"d"} ]"#;
    for shape in Shape::ALL {
        if shape != Shape::SystemReminders {
            assert_eq!(shaped(shape, right), right, "{shape:?}");
        }
        for odd in ["[]", "null", "7", "[1,null,\"x\"]", r#"{"a":1}"#] {
            assert_eq!(shaped(shape, odd), odd, "{shape:?}");
        }
    }
}

#[test]
fn ids_are_short_and_fit_each_other() {
    let messages = r#"[{"role":"assistant","tool_calls":[{"id":"call_abc","type":"function"},{"id":"abcDEF123"}]},{"role":"tool","tool_call_id":"call_abc"},{"role":"tool","tool_call_id":"abcDEF123"}]"#;
    let after: serde_json::Value = serde_json::from_str(&shaped(Shape::Ids9, messages)).unwrap();
    let id = after[0]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 9);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(after[1]["tool_call_id"], id);
    assert_eq!(after[0]["tool_calls"][1]["id"], "abcDEF123");
    assert_eq!(after[2]["tool_call_id"], "abcDEF123");
    // SHA-256 of "call_abc" in base 62: the same in every release, or a conversation breaks in its middle.
    let again = shaped(Shape::Ids9, &messages.replace("abcDEF123", "ABCdef321"));
    assert!(again.contains(id), "{again}");
}

fn schema(schema: &str) -> String {
    let text = format!(
        r#"{{"model":"m","messages":[],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#
    );
    let mut body = Object::parse(&text).unwrap();
    Shape::Openapi.apply(&mut body, "");
    let tools = body.get("tools").unwrap();
    let from = tools.find("\"parameters\":").unwrap() + "\"parameters\":".len();
    tools[from..tools.len() - "}}]".len()].to_owned()
}

#[test]
fn schemas_become_those_of_openapi() {
    for (before, after) in [
        (r#"{"type":"string"}"#, r#"{"type":"string"}"#),
        (
            r#"{"$schema":"x","type":"object","additionalProperties":false,"properties":{"default":{"type":"integer","exclusiveMinimum":0,"default":7}}}"#,
            r#"{"type":"object","properties":{"default":{"type":"integer","minimum":1}}}"#,
        ),
        (
            r#"{"type":"number","exclusiveMinimum":0.5,"exclusiveMaximum":9}"#,
            r#"{"type":"number","minimum":0.5,"maximum":9}"#,
        ),
        (r#"{"const":"a"}"#, r#"{"enum":["a"]}"#),
        (
            r#"{"type":["string","null"]}"#,
            r#"{"type":"string","nullable":true}"#,
        ),
        (
            r##"{"$defs":{"A":{"type":"string","examples":[1]}},"properties":{"a":{"$ref":"#/$defs/A"}}}"##,
            r#"{"properties":{"a":{"type":"string"}}}"#,
        ),
        (
            r##"{"anyOf":[{"const":1},{"$ref":"#/nowhere"}]}"##,
            r##"{"anyOf":[{"enum":[1]},{"$ref":"#/nowhere"}]}"##,
        ),
        ("true", "true"),
    ] {
        assert_eq!(schema(before), after, "{before}");
    }
    let endless = r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##;
    let cut = schema(endless);
    assert_eq!(cut.matches("\"a\"").count(), 9, "{cut}");
}

/// References that double at every level come to a bound, not to an end of memory.
#[test]
fn references_do_not_explode() {
    let names: Vec<String> = (0..200)
        .map(|n| format!(r##""p{n}":{{"$ref":"#"}}"##))
        .collect();
    let wide = format!(r#"{{"properties":{{{}}}}}"#, names.join(","));
    assert_eq!(schema(&wide), wide);
}
