//! The settings that make requests fit a provider: `profile`, `heal`, `edits`, `keep`, `schema_fallback`, and what a
//! step can carry at all.

use std::sync::OnceLock;

use crate::json::path;
use crate::secret::Secret;

use super::edits;
use super::section::Section;

/// The rows of the built-in table that `profile:` can name; `none` is no row, and switches the table off. The table
/// itself lies above this layer.
pub const PROFILES: [&str; 30] = [
    "openai",
    "azure-old",
    "mistral",
    "groq",
    "cerebras",
    "google",
    "deepseek",
    "moonshot",
    "xai",
    "zhipu",
    "nvidia",
    "fireworks",
    "cohere",
    "perplexity",
    "dashscope",
    "cloudflare",
    "together",
    "sambanova",
    "huggingface",
    "deepinfra",
    "novita",
    "siliconflow",
    "hyperbolic",
    "github",
    "openrouter",
    "ollama",
    "llamacpp",
    "vllm",
    "lmstudio",
    "generic",
];

/// The longest context that a setting may claim (tokens).
const LONGEST_CONTEXT: usize = 1_000_000_000;

/// The settings of a provider.
#[derive(Clone, Debug)]
pub struct ProviderFit {
    pub profile: ProfileChoice,
    /// The position of the row that the choice comes to, kept by its first reader: it is the same for every request.
    pub profile_row: OnceLock<Option<usize>>,
    /// Whether members that the provider refuses are left out, and remembered.
    pub heal: bool,
    pub edits: Edits,
    pub schema_fallback: Option<SchemaFallback>,
}

impl Default for ProviderFit {
    fn default() -> Self {
        Self {
            profile: ProfileChoice::ByHost,
            profile_row: OnceLock::new(),
            heal: true,
            edits: Edits::default(),
            schema_fallback: None,
        }
    }
}

/// The row of the built-in table that holds for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileChoice {
    ByHost,
    /// The name of a row, one of [`PROFILES`].
    Named(&'static str),
    /// `none`: no row, and not the edits that hold for every provider either.
    Off,
}

/// The settings of a step.
#[derive(Clone, Debug, Default)]
pub struct StepFit {
    /// Paths that neither the built-in table nor the memory may touch.
    pub keep: Vec<String>,
    /// The edits that follow those of the provider.
    pub edits: Edits,
    pub schema_fallback: Option<SchemaFallback>,
    /// Whether assistant messages with tool calls get their `reasoning_content` back.
    pub reasoning_replay: bool,
    /// The longest request and answer together (tokens).
    pub context_length: Option<u64>,
    /// The kinds of input that the model takes besides text; `None` is any.
    pub modalities: Option<Vec<Modality>>,
    /// The model takes no tools.
    pub refuses_tools: bool,
}

/// Edits of a request. They are made in the order of these members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Paths, and the new names of their members.
    pub rename: Vec<(String, String)>,
    pub drop: Vec<String>,
    /// Paths, and the JSON to put where the member is absent or null.
    pub default: Vec<(String, String)>,
    /// Paths, and the JSON to put in any case.
    pub overrides: Vec<(String, String)>,
    pub headers: Vec<HeaderEdit>,
}

/// An edit of the head of a call to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderEdit {
    Set(String, Secret),
    Unset(String),
    /// Takes names off the list that the header holds.
    Unlist(String, Vec<String>),
}

/// The substitute for a `json_schema` response format where the provider has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaFallback {
    /// `{"type":"json_object"}`, and the schema in a system line.
    Object,
    /// The system line alone.
    Prompt,
    /// No substitute: the step is passed over.
    Skip,
}

/// A kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    Text,
    Image,
    Audio,
    File,
}

/// The settings of a provider.
pub(super) fn of_provider(table: &Section) -> ProviderFit {
    let profile = table.get("profile").and_then(|value| {
        let named = PROFILES.map(|name| (name, ProfileChoice::Named(name)));
        let mut options = named.to_vec();
        options.push(("none", ProfileChoice::Off));
        value.choice(&options)
    });
    ProviderFit {
        profile_row: OnceLock::new(),
        profile: profile.unwrap_or(ProfileChoice::ByHost),
        heal: flag(table, "heal").unwrap_or(true),
        edits: edits::edits(table),
        schema_fallback: schema_fallback(table),
    }
}

/// The settings of a step; `provider` are the edits that go before its own.
pub(super) fn of_step(table: &Section, provider: Option<&Edits>) -> StepFit {
    let edits = edits::edits(table);
    let keep = keep(table, &edits, provider);
    StepFit {
        keep,
        edits,
        schema_fallback: schema_fallback(table),
        reasoning_replay: flag(table, "reasoning_replay").unwrap_or(false),
        context_length: context_length(table),
        modalities: modalities(table),
        refuses_tools: flag(table, "tools") == Some(false),
    }
}

/// `context_length` of a step or a route (tokens).
pub(super) fn context_length(table: &Section) -> Option<u64> {
    let length = table
        .get("context_length")
        .and_then(|value| value.count(&(1..=LONGEST_CONTEXT)));
    length.and_then(|length| u64::try_from(length).ok())
}

fn keep(table: &Section, edits: &Edits, provider: Option<&Edits>) -> Vec<String> {
    let mut kept = Vec::new();
    let listed = table.get("keep").and_then(|value| value.list());
    for value in listed.unwrap_or_default() {
        let Some(text) = value.filled() else { continue };
        if let Some(problem) = edits::problem_of_path(&text.content) {
            value.report(problem);
            continue;
        }
        let mut dropped = edits.drop.iter();
        let mut by_provider = provider.into_iter().flat_map(|edits| &edits.drop);
        let is_it = |drop: &String| path::is_within(drop, &text.content);
        if dropped.any(is_it) || by_provider.any(is_it) {
            value.report(format!(
                "{} is dropped by `edits`: keep or drop it",
                text.quoted()
            ));
        }
        kept.push(text.content);
    }
    kept
}

fn schema_fallback(table: &Section) -> Option<SchemaFallback> {
    let options = [
        ("object", SchemaFallback::Object),
        ("prompt", SchemaFallback::Prompt),
        ("skip", SchemaFallback::Skip),
    ];
    table
        .get("schema_fallback")
        .and_then(|value| value.choice(&options))
}

fn modalities(table: &Section) -> Option<Vec<Modality>> {
    let options = [
        ("text", Modality::Text),
        ("image", Modality::Image),
        ("audio", Modality::Audio),
        ("file", Modality::File),
    ];
    let listed = table.get("modalities")?.list()?;
    let kinds = listed.iter().filter_map(|value| value.choice(&options));
    Some(kinds.collect())
}

fn flag(table: &Section, key: &'static str) -> Option<bool> {
    table.get(key).and_then(|value| value.flag())
}
