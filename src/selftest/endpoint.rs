//! The endpoint at which a route is asked, and the requests to it.

use std::time::Duration;

use crate::config::{Provider, Route};
use crate::dialect::step_traits::ProviderKind;
use crate::gateway;
use crate::json::raw;

use super::rows::{Fault, Form, Row};

/// The patience of a client: the timeout of n8n's model nodes and of many HTTP clients.
const PATIENCE: Duration = Duration::from_secs(60);

/// The boundary of forms.
const BOUNDARY: &str = "selftest-7d1f";

/// An endpoint, by the name of its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub name: &'static str,
    path: &'static str,
    /// Whether it streams text.
    streams: bool,
}

/// All endpoints, the one first at which a route is asked that serves several.
const ENDPOINTS: [Endpoint; 12] = [
    streaming("chat", "/v1/chat/completions"),
    streaming("responses", "/v1/responses"),
    streaming("messages", "/v1/messages"),
    streaming("ollama", "/api/chat"),
    streaming("completions", "/v1/completions"),
    whole("embeddings", "/v1/embeddings"),
    whole("rerank", "/v1/rerank"),
    whole("moderations", "/v1/moderations"),
    whole("images", "/v1/images/generations"),
    whole("speech", "/v1/audio/speech"),
    whole("transcriptions", "/v1/audio/transcriptions"),
    whole("translations", "/v1/audio/translations"),
];

const fn streaming(name: &'static str, path: &'static str) -> Endpoint {
    let streams = true;
    Endpoint {
        name,
        path,
        streams,
    }
}

const fn whole(name: &'static str, path: &'static str) -> Endpoint {
    let streams = false;
    Endpoint {
        name,
        path,
        streams,
    }
}

/// A request to a gateway.
pub struct Asked {
    pub path: &'static str,
    pub content_type: String,
    pub body: Vec<u8>,
    pub stream: bool,
}

impl Endpoint {
    /// The endpoint at which a route is asked: chat, unless it serves others alone.
    pub fn of(route: &Route) -> Self {
        let mut served = ENDPOINTS.iter().filter(|it| route.serves(it.name));
        let [chat, ..] = ENDPOINTS;
        served.next().copied().unwrap_or(chat)
    }

    /// Whether its answers hold the text that the scripted providers say.
    pub fn has_text(self) -> bool {
        self.streams
    }

    /// The time that many clients wait for a byte. Where steps are slow by nature, as with pictures, it is the built-in
    /// timeout of a step.
    pub fn patience(self) -> Duration {
        match self.streams {
            true => PATIENCE,
            false => self.built_in_timeout().max(PATIENCE),
        }
    }

    /// The timeout of a step for which the configuration names none.
    pub fn built_in_timeout(self) -> Duration {
        let mut dialects = gateway::dialects();
        let dialect = dialects.find(|dialect| dialect.name() == self.name);
        dialect.map_or(PATIENCE, |dialect| dialect.rules().timeout)
    }

    /// The status that stands for one here: Anthropic's API has none for a request that is too large for a model.
    pub fn spelled(self, status: u16) -> u16 {
        match (self.name, status) {
            ("messages", 413) => 400,
            _ => status,
        }
    }

    /// Whether a row makes sense here, for a route whose first step is at this provider.
    pub fn has(self, row: &Row, provider: &Provider, refuses_tools: bool) -> bool {
        let speaks_chat = provider.traits.kind == ProviderKind::OpenAi;
        let fits_form = match row.form {
            Form::Plain | Form::Streamed => true,
            Form::StreamAlone => self.streams,
            Form::Tools { .. } => self.name == "chat" && speaks_chat && !refuses_tools,
        };
        // An empty recording is silence, and speech is bytes that are not looked into.
        let fits_fault = match row.fault {
            Fault::Empty => self.streams || self.name == "embeddings",
            Fault::Html | Fault::ErrorIn200 => self.name != "speech",
            _ => true,
        };
        fits_form && fits_fault
    }

    /// The request for a route.
    pub fn ask(self, route: &str, form: Form) -> Asked {
        let stream = match form {
            Form::Plain | Form::Tools { stream: false } => false,
            Form::Streamed | Form::StreamAlone | Form::Tools { stream: true } => self.streams,
        };
        let with_tools = matches!(form, Form::Tools { .. });
        let (content_type, body) = match self.name {
            "transcriptions" | "translations" => (
                format!("multipart/form-data; boundary={BOUNDARY}"),
                recording(route),
            ),
            _ => (
                "application/json".to_owned(),
                self.json(route, stream, with_tools).into_bytes(),
            ),
        };
        Asked {
            path: self.path,
            content_type,
            body,
            stream,
        }
    }

    fn json(self, route: &str, stream: bool, with_tools: bool) -> String {
        let model = raw::quoted(route);
        let messages = r#""messages":[{"role":"user","content":"Say that you are there."}]"#;
        let members = match self.name {
            "responses" => r#""input":"Say that you are there.""#.to_owned(),
            "messages" => format!(r#""max_tokens":64,{messages}"#),
            "completions" => r#""max_tokens":5,"prompt":"Are you there?""#.to_owned(),
            "embeddings" | "moderations" => r#""input":"Are you there?""#.to_owned(),
            "rerank" => r#""query":"there?","documents":["here","there"]"#.to_owned(),
            "images" => r#""prompt":"a house""#.to_owned(),
            "speech" => r#""input":"Are you there?","voice":"alloy""#.to_owned(),
            _ if with_tools => format!(
                r#"{messages},"tools":[{{"type":"function","function":{{"name":"look","description":"Looks at a place.","parameters":{{"type":"object","properties":{{"place":{{"type":"string"}}}}}}}}}}]"#
            ),
            _ => messages.to_owned(),
        };
        let stream = match self.streams {
            true => format!(r#","stream":{stream}"#),
            false => String::new(),
        };
        format!(r#"{{"model":{model},{members}{stream}}}"#)
    }
}

/// A form with a tenth of a second of silence.
fn recording(route: &str) -> Vec<u8> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{route}\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"silence.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
    )
    .into_bytes();
    let (samples, rate) = (1600_u32, 16_000_u32);
    body.extend(b"RIFF");
    body.extend((36 + samples * 2).to_le_bytes());
    body.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    body.extend(rate.to_le_bytes());
    body.extend((rate * 2).to_le_bytes());
    body.extend(b"\x02\0\x10\0data");
    body.extend((samples * 2).to_le_bytes());
    body.resize(body.len() + 3200, 0);
    body.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    body
}
