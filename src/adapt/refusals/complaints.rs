//! The complaints in the body of a refusal, whatever it is wrapped in: `{"error": {...}}`, `{"error": "text"}` (xAI),
//! `{"detail": ...}` (FastAPI), `{"message": {"detail": [...]}}` (Mistral), an array of one object (Google), JSON text
//! inside a message (gateways in front of gateways).

use serde_json::{Map, Value};

/// The deepest nesting of JSON texts inside texts that is unwrapped.
const MOST_WRAPPINGS: usize = 3;

/// The deepest level that is looked at.
const MOST_LEVELS: usize = 8;

const MOST_COMPLAINTS: usize = 64;

/// Members that hold further objects with complaints.
const HOLDERS: [&str; 8] = [
    "error",
    "errors",
    "detail",
    "details",
    "message",
    "metadata",
    "fieldViolations",
    "response",
];

/// Members whose text is a complaint. OpenRouter passes on the provider's own body as `raw`.
const TEXTS: [&str; 6] = ["message", "msg", "error", "detail", "description", "raw"];

/// A complaint: a message and the members beside it in its object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    pub message: String,
    pub code: Option<String>,
    pub param: Option<String>,
    /// The `type`.
    pub kind: Option<String>,
    /// Pydantic's way to the member.
    pub loc: Option<Vec<String>>,
    pub input: Option<String>,
}

/// The complaints of a body; a body that is no JSON is one message.
pub fn complaints(body: &str) -> Vec<Complaint> {
    let mut found = Vec::new();
    match serde_json::from_str(body) {
        Ok(value) => gather(&value, MOST_LEVELS, MOST_WRAPPINGS, &mut found),
        Err(_) => text(
            body,
            &Complaint::default(),
            MOST_LEVELS,
            MOST_WRAPPINGS,
            &mut found,
        ),
    }
    found
}

fn gather(value: &Value, levels: usize, wrappings: usize, found: &mut Vec<Complaint>) {
    let Some(levels) = levels.checked_sub(1) else {
        return;
    };
    match value {
        Value::Object(object) => of_object(object, levels, wrappings, found),
        Value::Array(items) => {
            for item in items.iter().take(MOST_COMPLAINTS) {
                gather(item, levels, wrappings, found);
            }
        }
        Value::String(message) => text(message, &Complaint::default(), levels, wrappings, found),
        _ => {}
    }
}

fn of_object(
    object: &Map<String, Value>,
    levels: usize,
    wrappings: usize,
    found: &mut Vec<Complaint>,
) {
    let word = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    let about = Complaint {
        message: String::new(),
        code: word("code"),
        param: word("param"),
        kind: word("type"),
        loc: object.get("loc").and_then(Value::as_array).map(|loc| {
            let tokens = loc.iter().map(|token| match token {
                Value::String(token) => token.clone(),
                other => other.to_string(),
            });
            tokens.collect()
        }),
        input: word("input"),
    };
    for key in TEXTS {
        if let Some(Value::String(message)) = object.get(key) {
            text(message, &about, levels, wrappings, found);
        }
    }
    for key in HOLDERS {
        if let Some(inner @ (Value::Object(_) | Value::Array(_))) = object.get(key) {
            gather(inner, levels, wrappings, found);
        }
    }
}

/// A message, and the complaints of the JSON in it.
fn text(
    message: &str,
    about: &Complaint,
    levels: usize,
    wrappings: usize,
    found: &mut Vec<Complaint>,
) {
    let inner = json_in(message);
    if let (Some(inner), Some(left)) = (inner, wrappings.checked_sub(1)) {
        gather(&inner, levels, left, found);
    }
    if found.len() < MOST_COMPLAINTS {
        found.push(Complaint {
            message: message.to_owned(),
            ..about.clone()
        });
    }
}

/// The JSON object or array that a text ends with, or is.
fn json_in(text: &str) -> Option<Value> {
    let from = text.find(['{', '['])?;
    let to = text.rfind(['}', ']'])?;
    let value = serde_json::from_str(text.get(from..=to)?).ok()?;
    matches!(value, Value::Object(_) | Value::Array(_)).then_some(value)
}
