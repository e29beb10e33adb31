//! Whatever a provider says when it refuses: nothing panics, and no lesson is about what may not be touched.
//!
//! The first byte chooses the status, the rest is the body.

#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ai_gateway::adapt::lessons_of;
use ai_gateway::config::{self, Config};
use ai_gateway::dialect::request::Payload;
use ai_gateway::json::Object;
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 6] = [400, 404, 413, 422, 500, 501];

const SENT: &str = r#"{"model":"m","stream":false,"messages":[{"role":"developer","content":"x"},{"role":"user","name":"n","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:x"}}]},{"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}],"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{}}}],"tool_choice":"required","response_format":{"type":"json_schema"},"max_tokens":9000,"temperature":0.2,"top_p":1,"n":2,"store":true,"user":"u","stop":["x"]}"#;

static CONFIG: OnceLock<Config> = OnceLock::new();

fn config() -> Config {
    let text = "api_key: k\nproviders: [{name: p, base_url: http://p/v1}]\nroutes: [{name: r, steps: [{provider: p, model: m}]}]\n";
    config::parse(text, &BTreeMap::<String, String>::new()).expect("a configuration")
}

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let Ok(body) = std::str::from_utf8(body) else {
        return;
    };
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    let step = &CONFIG.get_or_init(config).routes[0].steps[0];
    let sent = Payload::Json(Object::parse(SENT).expect("an object"));
    for lesson in lessons_of(status, body, &sent, step) {
        let untouchable = ["model", "messages", "stream"];
        assert!(!untouchable.contains(&lesson.label()), "{lesson:?}");
        assert!(!lesson.words().is_empty());
        let _ = lesson.line();
    }
});
