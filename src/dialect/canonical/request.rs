//! A request for an answer, whatever the dialect.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::delta::ReasoningMember;
use super::escaped::Escaped;
use crate::text::{cut, push_hex};

/// A conversation and how it is to go on. Numbers, schemas and other values that the gateway does not look into are raw
/// JSON.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    pub stream: bool,
    /// The instructions, in their order; together they are one message.
    pub system: Vec<Escaped<'a>>,
    pub turns: Vec<Turn<'a>>,
    /// A text that the answer is to lead to, for completions between two texts.
    pub suffix: Option<Escaped<'a>>,
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
    /// The signature that proves to the provider that the text is its own.
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
    pub parameters: Option<Cow<'a, str>>,
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
    /// The tool that has to be called, by the name that the provider gets.
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
/// for. An answer's calls get back what the client knows. Names that stay are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<String, ToolName>);

/// A tool as its client knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolName {
    pub name: String,
    /// The group of tools that the name is one of, in dialects that have groups.
    pub namespace: Option<String>,
    /// The tool takes a text. To the provider it is a function, whose parameter `input` holds the text.
    pub is_free_text: bool,
}

/// The most paths of members that are dropped, and the longest of them (bytes).
const MOST_DROPPED: usize = 16;
const LONGEST_PATH: usize = 80;

/// The bound for names of tools in chat and Messages (characters).
const LONGEST_NAME: usize = 64;

impl Names {
    /// The spelling of a name for the provider: one that is too long is cut, with a hash of it for an end.
    pub fn sent(&mut self, name: &str) -> String {
        self.sent_for(ToolName {
            name: name.to_owned(),
            ..ToolName::default()
        })
    }

    /// The spelling of a tool's name for the provider, which joins a group and a name with two underscores. Of two tools
    /// with the same spelling the first is kept.
    pub fn sent_for(&mut self, tool: ToolName) -> String {
        let flat = match &tool.namespace {
            Some(namespace) => Cow::Owned([namespace, "__", &tool.name].concat()),
            None => Cow::Borrowed(&*tool.name),
        };
        let sent = shortened(&flat);
        if sent != tool.name || tool.is_free_text {
            self.0.entry(sent.clone()).or_insert(tool);
        }
        sent
    }

    /// The client's spelling of a name that the provider says.
    pub fn restored<'n>(&'n self, sent: &'n str) -> &'n str {
        self.tool(sent).map_or(sent, |tool| &tool.name)
    }

    /// The tool that a name stands for; `None` where the name is all that there is to it.
    pub fn tool(&self, sent: &str) -> Option<&ToolName> {
        self.0.get(sent)
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST_NAME {
        return name.to_owned();
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    let mut sent: String = name.chars().take(LONGEST_NAME - 9).collect();
    sent.push('_');
    push_hex(&mut sent, digest.as_ref().get(..4).unwrap_or_default());
    sent
}

impl<'a> Media<'a> {
    /// The content behind a URL, taken apart if the URL itself holds it as base64.
    pub fn of_url(url: Escaped<'a>) -> Self {
        match url.base64_parts() {
            Some((media_type, data)) => Self::Base64 { media_type, data },
            None => Self::Url(url),
        }
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

    /// Notes a member that is dropped, by its path, once: names in it are the client's, so they are cut (at most
    /// [`MOST_DROPPED`] paths).
    pub fn drop_member(&mut self, path: &str) {
        let path = cut(path, LONGEST_PATH);
        if self.dropped.len() < MOST_DROPPED && !self.dropped.iter().any(|known| known == path) {
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
    /// Names of tools are the client's, and stand in each answer.
    #[test]
    fn what_is_dropped_is_bounded() {
        let mut request = Request::default();
        for index in 0..100 {
            request.drop_member(&format!("tools.{index}{}", "x".repeat(1000)));
            request.drop_member("tools.0");
        }
        assert_eq!(request.dropped.len(), MOST_DROPPED);
        assert!(
            request
                .dropped
                .iter()
                .all(|path| path.len() <= LONGEST_PATH)
        );
    }

    #[test]
    fn a_call_gets_back_what_its_client_knows() {
        let mut names = Names::default();
        let in_group = |namespace: &str, name: &str| ToolName {
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
            is_free_text: false,
        };
        let tool = in_group("mcp__docs", "lookup");
        assert_eq!(names.sent_for(tool.clone()), "mcp__docs__lookup");
        assert_eq!(names.tool("mcp__docs__lookup"), Some(&tool));
        let patch = ToolName {
            name: "apply".to_owned(),
            namespace: None,
            is_free_text: true,
        };
        assert_eq!(names.sent_for(patch.clone()), "apply");
        assert_eq!(names.tool("apply"), Some(&patch));
        let long = in_group(&"n".repeat(60), "lookup");
        let sent = names.sent_for(long.clone());
        assert_eq!((sent.len(), names.tool(&sent)), (64, Some(&long)));
        assert_eq!(names.tool("lookup"), None);
    }

    #[test]
    fn urls_that_hold_their_content_are_taken_apart() {
        let parts = |url| match Media::of_url(Escaped::plain(url)) {
            Media::Base64 { media_type, data } => {
                format!("{} {}", media_type.inside(), data.inside())
            }
            Media::Url(url) => url.inside().to_owned(),
        };
        for (url, expected) in [
            ("data:image/png;base64,aGk=", "image/png aGk="),
            ("DATA:image/png;charset=x;base64,aGk=", "image/png aGk="),
            (r"data:image\/png;base64,a\/b", r"image/png a\/b"),
            ("data:text/plain,hi", "data:text/plain,hi"),
            ("https://x/a.png", "https://x/a.png"),
            ("", ""),
        ] {
            assert_eq!(parts(url), expected);
        }
    }
}
