//! The answers of a scripted provider, in the dialect of the path that it was asked at.

use crate::dialect::step_traits::RerankForm;

/// The content of each good answer, in the pieces of a stream.
pub const PIECES: [&str; 3] = ["I am ", "there, ", "whole."];

/// The dialect of a provider's path, as far as its answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    Chat,
    Completions,
    Messages,
    Responses,
    Embeddings,
    Rerank,
    Moderations,
    Images,
    Speech,
    Transcript,
}

/// The ends of the paths that providers are asked at.
const PATHS: [(&str, Spoken); 12] = [
    ("/chat/completions", Spoken::Chat),
    ("/fim/completions", Spoken::Chat),
    ("/completions", Spoken::Completions),
    ("/messages", Spoken::Messages),
    ("/responses", Spoken::Responses),
    ("/embeddings", Spoken::Embeddings),
    ("/rerank", Spoken::Rerank),
    ("/moderations", Spoken::Moderations),
    ("/images/generations", Spoken::Images),
    ("/audio/speech", Spoken::Speech),
    ("/audio/transcriptions", Spoken::Transcript),
    ("/audio/translations", Spoken::Transcript),
];

/// The traits that an answer depends on besides its dialect.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    pub dimensions: usize,
    pub rerank: RerankForm,
}

impl Spoken {
    /// The dialect of a path; `None` for one that no provider has.
    pub fn at(path: &str) -> Option<Self> {
        let mut paths = PATHS.iter();
        let (_, spoken) = paths.find(|(end, _)| path.ends_with(end))?;
        Some(*spoken)
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Speech => "audio/mpeg",
            _ => "application/json",
        }
    }

    /// A whole answer with this content; an empty one says nothing.
    pub fn whole(self, content: &str, traits: Traits) -> Vec<u8> {
        let answer = match self {
            Self::Chat => format!(
                r#"{{"id":"chatcmpl-s","object":"chat.completion","created":1,"model":"s","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}}"#
            ),
            Self::Completions => format!(
                r#"{{"id":"cmpl-s","object":"text_completion","created":1,"model":"s","choices":[{{"index":0,"text":"{content}","logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}}"#
            ),
            Self::Messages => {
                let blocks = match content {
                    "" => String::new(),
                    text => format!(r#"{{"type":"text","text":"{text}"}}"#),
                };
                format!(
                    r#"{{"id":"msg_s","type":"message","role":"assistant","model":"s","content":[{blocks}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":3,"output_tokens":5}}}}"#
                )
            }
            Self::Responses => response("completed", &message_item(content)),
            Self::Embeddings => {
                let vector = vec!["0.25"; traits.dimensions].join(",");
                let data = match content {
                    "" => String::new(),
                    _ => {
                        format!(r#"{{"object":"embedding","index":0,"embedding":[{vector}]}}"#)
                    }
                };
                format!(
                    r#"{{"object":"list","data":[{data}],"model":"s","usage":{{"prompt_tokens":3,"total_tokens":3}}}}"#
                )
            }
            Self::Rerank => match traits.rerank {
                RerankForm::Cohere => r#"{"id":"s","results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}]}"#.to_owned(),
                RerankForm::Tei => r#"[{"index":1,"score":0.9},{"index":0,"score":0.1}]"#.to_owned(),
                RerankForm::Voyage => r#"{"object":"list","data":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}],"model":"s"}"#.to_owned(),
            },
            Self::Moderations => r#"{"id":"modr-s","model":"s","results":[{"flagged":false,"categories":{"violence":false},"category_scores":{"violence":0.01}}]}"#.to_owned(),
            Self::Images => r#"{"created":1,"data":[{"b64_json":"iVBORw0KGgoAAAANSUhEUg=="}]}"#.to_owned(),
            Self::Speech => {
                let mut bytes = b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\0".to_vec();
                bytes.resize(512, 0x55);
                return bytes;
            }
            Self::Transcript => format!(r#"{{"text":"{content}"}}"#),
        };
        answer.into_bytes()
    }

    /// The frames of a stream: those before the content, a piece of content each, and those behind it. No frames where
    /// the dialect does not stream.
    pub fn stream(self) -> Option<Stream> {
        let stream = match self {
            Self::Chat => Stream {
                before: vec![chat_chunk(r#"{"role":"assistant","content":""}"#, "null")],
                pieces: PIECES
                    .map(|piece| chat_chunk(&format!(r#"{{"content":"{piece}"}}"#), "null"))
                    .to_vec(),
                behind: vec![chat_chunk("{}", r#""stop""#), data("[DONE]")],
            },
            Self::Completions => {
                let chunk = |text: &str, reason: &str| {
                    data(&format!(
                        r#"{{"id":"cmpl-s","object":"text_completion","created":1,"model":"s","choices":[{{"index":0,"text":"{text}","logprobs":null,"finish_reason":{reason}}}]}}"#
                    ))
                };
                Stream {
                    before: Vec::new(),
                    pieces: PIECES.map(|piece| chunk(piece, "null")).to_vec(),
                    behind: vec![chunk("", r#""stop""#), data("[DONE]")],
                }
            }
            Self::Messages => Stream {
                before: [
                    r#"{"type":"message_start","message":{"id":"msg_s","type":"message","role":"assistant","model":"s","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}"#,
                    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                ]
                .map(typed)
                .to_vec(),
                pieces: PIECES
                    .map(|piece| {
                        typed(&format!(
                            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{piece}"}}}}"#
                        ))
                    })
                    .to_vec(),
                behind: [
                    r#"{"type":"content_block_stop","index":0}"#,
                    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}"#,
                    r#"{"type":"message_stop"}"#,
                ]
                .map(typed)
                .to_vec(),
            },
            Self::Responses => responses_stream(),
            _ => return None,
        };
        Some(stream)
    }

    /// A refusal in the dialect's shape.
    pub fn refusal(self, message: &str, kind: &str, code: &str) -> Vec<u8> {
        let text = match self {
            Self::Messages => {
                format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#)
            }
            _ => format!(
                r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":"{code}"}}}}"#
            ),
        };
        text.into_bytes()
    }
}

/// The frames of a stream.
pub struct Stream {
    pub before: Vec<String>,
    pub pieces: Vec<String>,
    pub behind: Vec<String>,
}

/// The frames of a stream with two tool calls, neither with its index.
pub fn calls_without_index() -> Vec<String> {
    let call = |id: &str, place: &str| {
        let arguments = format!(r#"{{\"place\":\"{place}\"}}"#);
        chat_chunk(
            &format!(
                r#"{{"tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"look","arguments":"{arguments}"}}}}]}}"#
            ),
            "null",
        )
    };
    vec![
        chat_chunk(r#"{"role":"assistant","content":null}"#, "null"),
        call("call_1", "here"),
        call("call_2", "there"),
        chat_chunk("{}", r#""tool_calls""#),
        data("[DONE]"),
    ]
}

/// A whole answer with a tool call whose arguments are an object.
pub fn arguments_as_object() -> Vec<u8> {
    br#"{"id":"chatcmpl-s","object":"chat.completion","created":1,"model":"s","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":{"place":"there"}}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}"#.to_vec()
}

fn chat_chunk(delta: &str, reason: &str) -> String {
    data(&format!(
        r#"{{"id":"chatcmpl-s","object":"chat.completion.chunk","created":1,"model":"s","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}"#
    ))
}

fn data(json: &str) -> String {
    format!("data: {json}\n\n")
}

/// An event whose name is its `type`.
fn typed(json: &str) -> String {
    let name = json.split('"').nth(3).unwrap_or_default();
    format!("event: {name}\ndata: {json}\n\n")
}

fn message_item(content: &str) -> String {
    match content {
        "" => String::new(),
        text => format!(
            r#"{{"type":"message","id":"msg_s","status":"completed","role":"assistant","content":[{{"type":"output_text","text":"{text}","annotations":[]}}]}}"#
        ),
    }
}

fn response(status: &str, items: &str) -> String {
    format!(
        r#"{{"id":"resp_s","object":"response","created_at":1,"status":"{status}","error":null,"incomplete_details":null,"model":"s","output":[{items}],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":{{"input_tokens":3,"output_tokens":5,"total_tokens":8}}}}"#
    )
}

fn responses_stream() -> Stream {
    let all = PIECES.concat();
    let mut number = 0;
    let mut event = |name: &str, members: &str| {
        let json = format!(r#"{{"type":"{name}","sequence_number":{number}{members}}}"#);
        number += 1;
        format!("event: {name}\ndata: {json}\n\n")
    };
    let part = |text: &str| {
        format!(r#","part":{{"type":"output_text","text":"{text}","annotations":[]}}"#)
    };
    let place = r#","item_id":"msg_s","output_index":0,"content_index":0"#;
    let before = vec![
        event(
            "response.created",
            &format!(r#","response":{}"#, response("in_progress", "")),
        ),
        event(
            "response.output_item.added",
            r#","output_index":0,"item":{"type":"message","id":"msg_s","status":"in_progress","role":"assistant","content":[]}"#,
        ),
        event(
            "response.content_part.added",
            &format!("{place}{}", part("")),
        ),
    ];
    let pieces = PIECES
        .iter()
        .map(|piece| {
            let members = format!(r#"{place},"delta":"{piece}""#);
            event("response.output_text.delta", &members)
        })
        .collect();
    let item = message_item(&all);
    let behind = vec![
        event(
            "response.output_text.done",
            &format!(r#"{place},"text":"{all}""#),
        ),
        event(
            "response.content_part.done",
            &format!("{place}{}", part(&all)),
        ),
        event(
            "response.output_item.done",
            &format!(r#","output_index":0,"item":{item}"#),
        ),
        event(
            "response.completed",
            &format!(r#","response":{}"#, response("completed", &item)),
        ),
    ];
    Stream {
        before,
        pieces,
        behind,
    }
}
