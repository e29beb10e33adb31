//! Seeds of fuzzing, cut, joined and bent as a fuzzer does, a bounded number of times and always the same.

use std::fs;
use std::path::Path;
use std::time::Instant;

use super::*;
use crate::dialect::chat::Chat;
use crate::dialect::messages::Messages;
use crate::dialect::ollama;
use crate::dialect::request::Incoming;
use crate::dialect::responses::Responses;
use crate::dialect::step_traits::PLAIN;
use crate::dialect::translated_streams;
use crate::json::raw;

/// The rounds of a usual run; `MUTATIONS` in the environment has more.
const ROUNDS: usize = 1500;

/// Pieces of text that parsers stumble over.
const MORSELS: [&str; 24] = [
    r"\ud83d",
    r"\ude00",
    r"\\",
    r#"\""#,
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e400",
    "18446744073709551616",
    "{}",
    "[]",
    "\"\"",
    "\u{fffd}",
    "\n",
    "\n\ndata: ",
    "data: [DONE]\n\n",
    "\u{0}",
];

/// The members that all requests are bent with.
const MEMBERS: [&str; 16] = [
    "role",
    "type",
    "content",
    "text",
    "id",
    "call_id",
    "name",
    "arguments",
    "tool_calls",
    "tools",
    "input",
    "index",
    "tool_use_id",
    "function",
    "image_url",
    "output",
];

/// A generator of numbers (xorshift), the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % bound.max(1)
    }

    /// A text with some of its parts cut, doubled, exchanged or bent.
    fn bend(&mut self, text: &str, other: &str) -> String {
        let mut bent = text.to_owned();
        for _ in 0..=self.below(4) {
            let (from, to) = self.range(&bent);
            let part = bent[from..to].to_owned();
            match self.below(6) {
                0 => bent.replace_range(from..to, ""),
                1 => bent.insert_str(from, &part),
                2 => bent.insert_str(from, MORSELS[self.below(MORSELS.len())]),
                3 => bent.replace_range(from..to, MORSELS[self.below(MORSELS.len())]),
                4 => {
                    let (from_other, to_other) = self.range(other);
                    bent.replace_range(from..to, &other[from_other..to_other]);
                }
                _ => {
                    let [one, two] = [0; 2].map(|_| MEMBERS[self.below(MEMBERS.len())]);
                    bent = bent.replacen(&format!("\"{one}\""), &format!("\"{two}\""), 1);
                }
            }
        }
        bent
    }

    fn range(&mut self, text: &str) -> (usize, usize) {
        let from = text.floor_char_boundary(self.below(text.len() + 1));
        let length = self.below(40);
        (
            from,
            text.floor_char_boundary((from + length).min(text.len()))
                .max(from),
        )
    }
}

fn rounds() -> usize {
    let more = std::env::var("MUTATIONS").ok();
    more.and_then(|rounds| rounds.parse().ok())
        .unwrap_or(ROUNDS)
}

fn seeds() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/translation");
    let mut seeds: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned())
        .collect();
    seeds.sort();
    seeds
}

#[test]
fn bent_streams_leave_in_the_grammar_of_the_client() {
    let seeds = seeds();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..rounds() {
        let [seed, other] = [0; 2].map(|_| &seeds[numbers.below(seeds.len())]);
        let stream = numbers.bend(seed, other);
        translated_streams::check(stream.as_bytes(), Instant::now());
    }
}

/// Requests of all dialects with all that they can hold.
const REQUESTS: [&str; 4] = [
    r#"{"model":"r","stream":true,"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a\ud83d\ude00"},{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},{"type":"file","file":{"filename":"f","file_data":"data:application/pdf;base64,aGk="}}]},{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":true}}],"tool_choice":"required","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}},"max_completion_tokens":9,"temperature":1.5,"top_p":0.5,"stop":["x"],"seed":3,"reasoning_effort":"high","user":"u","logit_bias":{"1":2}}"#,
    r#"{"model":"r","stream":true,"instructions":"s","input":[{"type":"message","role":"developer","content":"d"},{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:image/png;base64,aGk="}]},{"type":"reasoning","id":"rs_agw1","summary":[{"type":"summary_text","text":"hm"}]},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}","namespace":"mcp"},{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"r"}]},{"type":"custom_tool_call","call_id":"c2","name":"p","input":"x"},{"type":"custom_tool_call_output","call_id":"c2","output":"r"}],"tools":[{"type":"function","name":"f","parameters":{"type":"object"}},{"type":"namespace","name":"mcp","tools":[{"type":"function","name":"f"}]},{"type":"custom","name":"p","format":{"type":"grammar","definition":"g"}},{"type":"web_search"}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},"text":{"format":{"type":"json_schema","name":"n","schema":{}},"verbosity":"low"},"reasoning":{"effort":"low"},"max_output_tokens":9,"store":false,"include":[]}"#,
    r#"{"model":"r","max_tokens":9,"stream":true,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"},"title":"t"}]},{"role":"system","content":"n"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"b"},{"type":"tool_use","id":"t1","name":"f","input":{"a":[1,{"b":"c"}]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[{"type":"text","text":"r"},{"type":"image","source":{"type":"url","url":"https://x"}}]}]}],"tools":[{"name":"f","description":"d","input_schema":{"$schema":"x","type":"object"}},{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"any","disable_parallel_tool_use":true},"thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh","format":{"type":"json_schema","schema":{}}},"stop_sequences":["x"],"metadata":{"user_id":"u"},"context_management":{}}"#,
    r#"{"model":"r","messages":[{"role":"system","content":"s"},{"role":"user","content":"a","images":["iVBORw0KGgo="]},{"role":"assistant","content":"b","thinking":"hm","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},{"id":"x","function":{"name":"g","arguments":"{}"}}]},{"role":"tool","content":"r"},{"role":"tool","tool_name":"g","content":"r"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"format":{"type":"object"},"think":"high","options":{"temperature":1,"num_predict":9,"top_k":5,"repeat_penalty":1.1,"stop":["x"]},"keep_alive":-1,"logprobs":true}"#,
];

/// Whatever a client sends, a provider gets one JSON object, or nothing.
#[test]
fn bent_requests_become_json_or_are_refused() {
    let clients: [&dyn Dialect; 4] = [&Chat, &Responses, &Messages, &ollama::Chat];
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut translated = 0;
    for _ in 0..rounds() * 4 {
        let place = numbers.below(REQUESTS.len());
        let other = REQUESTS[numbers.below(REQUESTS.len())];
        let body = numbers.bend(REQUESTS[place], other);
        let client = clients[place];
        let Ok(read) = client.read(Incoming::from(body.as_bytes())) else {
            continue;
        };
        for provider in [&Chat as &dyn Dialect, &Messages] {
            if provider.name() == client.name() {
                continue;
            }
            for replays_reasoning in [false, true] {
                let target = Target {
                    traits: &PLAIN,
                    replays_reasoning,
                    kept: &[],
                };
                let Ok(sent) = request(client, provider, &read, &target) else {
                    continue;
                };
                translated += 1;
                let mut keys = Vec::new();
                let object = raw::each_member(&sent.body, &mut |key, _| keys.push(key));
                assert!(object.is_ok(), "{}\n{body}\n{}", provider.name(), sent.body);
                let count = keys.len();
                keys.sort_unstable();
                keys.dedup();
                assert_eq!(
                    count,
                    keys.len(),
                    "{}\n{body}\n{}",
                    provider.name(),
                    sent.body
                );
            }
        }
    }
    assert!(translated > rounds() / 2, "{translated}");
}
