//! A request for an answer, whatever the dialect.

use super::delta::ReasoningMember;
use super::escaped::Escaped;

/// A conversation and how it is to go on. Numbers, schemas and other values that the gateway does not look into are raw
/// JSON.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    pub stream: bool,
    /// The instructions, in their order; together they are one message.
    pub system: Vec<Escaped<'a>>,
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool<'a>>,
    pub choice: Choice,
    /// Whether several tools may be called at once, where the request says so.
    pub parallel_calls: Option<bool>,
    pub format: Format<'a>,
    pub sampling: Sampling<'a>,
    /// The most tokens of the answer, a raw number.
    pub max_tokens: Option<&'a str>,
    /// The effort of reasoning as the request spells it (`low`, `high`).
    pub effort: Option<Escaped<'a>>,
    pub thinking: Thinking<'a>,
    /// An id of the end user, for providers that want one.
    pub user: Option<Escaped<'a>>,
    /// The members that might have changed the answer and that the form cannot say, by their paths.
    pub dropped: Vec<String>,
}

/// A run of parts by one side. The user's side of a turn holds the results of tools as well, before all else.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    pub role: Role,
    pub parts: Vec<Part<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
}

/// A part of a turn.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    Text(Escaped<'a>),
    Image(Image<'a>),
    /// A document.
    File {
        name: Option<Escaped<'a>>,
        media: Media<'a>,
    },
    /// A raw object with `data` and `format`.
    Audio(&'a str),
    Reasoning(Reasoning<'a>),
    Call(Call<'a>),
    Result(ToolResult<'a>),
}

#[derive(Clone, Debug)]
pub struct Image<'a> {
    pub media: Media<'a>,
    /// `low` or `high`; `None` leaves it to the provider.
    pub detail: Option<Escaped<'a>>,
}

/// The content of an image or a document.
#[derive(Clone, Debug)]
pub enum Media<'a> {
    Url(Escaped<'a>),
    Base64 {
        media_type: Escaped<'a>,
        data: Escaped<'a>,
    },
}

/// Reasoning of an earlier answer that this step is to get back. What it must not get back is not in the form.
#[derive(Clone, Debug)]
pub struct Reasoning<'a> {
    pub text: Escaped<'a>,
    pub member: ReasoningMember,
    /// What proves to the provider that the text is its own.
    pub signature: Option<Escaped<'a>>,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub id: Escaped<'a>,
    /// The name as the step's provider knows it ([`Names`]).
    pub name: Escaped<'a>,
    /// The arguments, the inside of a JSON string that holds a JSON text.
    pub arguments: Escaped<'a>,
}

/// The result of a call.
#[derive(Clone, Debug)]
pub struct ToolResult<'a> {
    /// The id of the call.
    pub id: Escaped<'a>,
    pub text: Escaped<'a>,
    /// Images and documents. Dialects whose results are texts have them behind the run of results, below `label`.
    pub attachments: Vec<Part<'a>>,
    pub label: Escaped<'a>,
    /// The text of a result that has none, in dialects that want one.
    pub stand_in: &'static str,
    pub is_error: bool,
}

/// A tool that is a function.
#[derive(Clone, Debug)]
pub struct Tool<'a> {
    /// The name as the step's provider gets it ([`Names`]).
    pub name: Escaped<'a>,
    pub description: Option<Escaped<'a>>,
    /// The schema of its arguments, raw.
    pub parameters: Option<std::borrow::Cow<'a, str>>,
    /// Whether arguments have to keep to the schema, where the request says so.
    pub strict: Option<bool>,
}

/// The choice among the tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The model's; the same as no word about it.
    #[default]
    Auto,
    None,
    /// Some tool has to be called.
    Required,
    /// This tool has to be called, by the name that the provider gets.
    Tool(Escaped<'static>),
}

/// The format that an answer is to have.
#[derive(Clone, Debug, Default)]
pub enum Format<'a> {
    #[default]
    Text,
    /// Any JSON object.
    Json,
    Schema(Schema<'a>),
}

#[derive(Clone, Debug)]
pub struct Schema<'a> {
    pub name: Escaped<'a>,
    pub description: Option<Escaped<'a>>,
    /// Raw.
    pub schema: &'a str,
    pub strict: Option<bool>,
}

/// How tokens are drawn, and where the answer stops. Raw numbers; what is null is `None`.
#[derive(Clone, Debug, Default)]
pub struct Sampling<'a> {
    pub temperature: Option<&'a str>,
    pub top_p: Option<&'a str>,
    pub top_k: Option<&'a str>,
    pub min_p: Option<&'a str>,
    pub typical_p: Option<&'a str>,
    pub repetition_penalty: Option<&'a str>,
    pub presence_penalty: Option<&'a str>,
    pub frequency_penalty: Option<&'a str>,
    pub seed: Option<&'a str>,
    pub stop: Vec<Escaped<'a>>,
    /// Log probabilities are asked for.
    pub logprobs: bool,
    pub top_logprobs: Option<&'a str>,
}

/// A request's word on thinking, for providers that think.
#[derive(Clone, Debug, Default)]
pub enum Thinking<'a> {
    /// Nothing is said.
    #[default]
    Unsaid,
    Off,
    /// Thinking is to be done, and shown; the member as it is spelled in Messages, raw, where the request has one.
    On(Option<&'a str>),
}

/// Names of tools that a provider gets in another spelling, as its dialect bounds their length or lacks what they stand
/// for. An answer's calls get back the spelling that the client knows. Names that stay are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<(String, String)>);

/// The bound for names of tools in chat and Messages (characters).
const LONGEST_NAME: usize = 64;

impl Names {
    /// The spelling of a name for the provider: one that is too long is cut, with a hash of it for an end.
    pub fn sent(&mut self, name: &str) -> String {
        if name.chars().count() <= LONGEST_NAME {
            return name.to_owned();
        }
        let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        let mut sent: String = name.chars().take(LONGEST_NAME - 9).collect();
        sent.push('_');
        for byte in digest.as_ref().iter().take(4) {
            use std::fmt::Write as _;
            // A String takes whatever is written.
            let _ = write!(sent, "{byte:02x}");
        }
        if !self.0.iter().any(|(known, _)| *known == sent) {
            self.0.push((sent.clone(), name.to_owned()));
        }
        sent
    }

    /// The client's spelling of a name that the provider says.
    pub fn restored<'n>(&'n self, sent: &'n str) -> &'n str {
        let mut known = self.0.iter();
        known
            .find(|(known, _)| known == sent)
            .map_or(sent, |(_, name)| name)
    }
}

impl<'a> Request<'a> {
    /// Adds a part to the last turn if it is of that side, else to a new one.
    pub fn add(&mut self, role: Role, part: Part<'a>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.parts.push(part),
            _ => self.turns.push(Turn {
                role,
                parts: vec![part],
            }),
        }
    }

    /// Notes a member that is dropped, by its path, once.
    pub fn drop_member(&mut self, path: &str) {
        if !self.dropped.iter().any(|known| known == path) {
            self.dropped.push(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_too_long_come_back_as_they_were() {
        let mut names = Names::default();
        let (long, other) = ("a".repeat(65), "a".repeat(66));
        let sent = names.sent(&long);
        assert_eq!(sent.len(), 64);
        assert!(sent.starts_with(&"a".repeat(55)) && sent.as_bytes()[55] == b'_');
        assert_ne!(names.sent(&other), sent);
        assert_eq!(names.restored(&sent), long);
        assert_eq!(names.sent(&"a".repeat(64)), "a".repeat(64));
        assert_eq!(names.restored("Bash"), "Bash");
    }
}
