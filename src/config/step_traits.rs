//! The settings of a step that tell dialects what its provider speaks.

use super::known_apis;
use super::model::Provider;
use super::section::Section;
use super::vectors;
use crate::dialect::step_traits::{
    FillInTheMiddle, OutputLimit, RerankForm, StepTraits, ThinkingBudget, TranslationTraits,
};

/// The bounds of `max_tokens` and `thinking_budget`; the least budget is Anthropic's (tokens).
const LEAST_BUDGET: usize = 1024;
const MOST_TOKENS: usize = 1_000_000_000;

/// The traits of a step; of a provider that is not known, those that the step itself names.
pub(super) fn step_traits(table: &Section, provider: Option<&Provider>) -> StepTraits {
    let endpoints = [
        ("mistral", FillInTheMiddle::Mistral),
        ("llamacpp", FillInTheMiddle::LlamaCpp),
    ];
    let fim = table.get("fim").and_then(|value| value.choice(&endpoints));
    let completions = table
        .get("completions")
        .and_then(|value| value.choice(&[("chat", true), ("completions", false)]));
    let token_ids = table.get("token_ids").and_then(|value| value.flag());
    let of_provider = provider
        .map(|provider| provider.traits.clone())
        .unwrap_or_default();
    let responses = super::providers::responses(table, of_provider.kind);
    let forms = [("tei", RerankForm::Tei), ("voyage", RerankForm::Voyage)];
    let rerank = table.get("rerank").and_then(|value| value.choice(&forms));
    StepTraits {
        fim,
        completions_by_chat: completions.unwrap_or(false),
        token_ids: token_ids.unwrap_or_else(|| provider.is_some_and(has_vocabulary_of_openai)),
        speaks_responses: responses.unwrap_or(of_provider.speaks_responses),
        vectors: vectors::of_step(table),
        rerank: rerank.unwrap_or_default(),
        translation: TranslationTraits {
            refuses_builtin_tools: refuses_builtin_tools(table)
                .unwrap_or(of_provider.translation.refuses_builtin_tools),
            max_tokens: table
                .get("max_tokens")
                .and_then(|value| value.count(&(1..=MOST_TOKENS)))
                .map(|tokens| tokens as u64),
            thinking: thinking_budget(table),
            ..of_provider.translation
        },
        ..of_provider
    }
}

/// The traits of a provider that requests of other dialects are translated for.
pub(super) fn of_provider(table: &Section, host: &str) -> TranslationTraits {
    let host = host.to_ascii_lowercase();
    let limits = [
        ("max_tokens", OutputLimit::MaxTokens),
        ("max_completion_tokens", OutputLimit::MaxCompletionTokens),
    ];
    let limit = table
        .get("output_limit")
        .and_then(|value| value.choice(&limits));
    let stream_usage = table
        .get("stream_usage")
        .and_then(|value| value.flag())
        .unwrap_or(true);
    TranslationTraits {
        tag: 0,
        output_limit: limit.unwrap_or(if host == "api.openai.com" {
            OutputLimit::MaxCompletionTokens
        } else {
            OutputLimit::MaxTokens
        }),
        hides_usage: !stream_usage,
        refuses_builtin_tools: refuses_builtin_tools(table).unwrap_or(false),
        needs_signatures: host == "generativelanguage.googleapis.com",
        ..TranslationTraits::default()
    }
}

fn thinking_budget(table: &Section) -> ThinkingBudget {
    let Some(value) = table.get("thinking_budget") else {
        return ThinkingBudget::None;
    };
    if value
        .filled()
        .is_some_and(|text| text.content == "adaptive")
    {
        return ThinkingBudget::Adaptive;
    }
    value
        .count(&(LEAST_BUDGET..=MOST_TOKENS))
        .map_or(ThinkingBudget::None, |tokens| {
            ThinkingBudget::Tokens(tokens as u64)
        })
}

fn refuses_builtin_tools(table: &Section) -> Option<bool> {
    let ways = [("drop", false), ("refuse", true)];
    table
        .get("builtin_tools")
        .and_then(|value| value.choice(&ways))
}

/// Two bytes of a hash of a step's provider and model ([`TranslationTraits::tag`]).
pub(super) fn tag_of(provider: &str, model: &str) -> u16 {
    let name = [provider, "/", model].concat();
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    match digest.as_ref() {
        [first, second, ..] => u16::from_be_bytes([*first, *second]),
        _ => 0,
    }
}

fn has_vocabulary_of_openai(provider: &Provider) -> bool {
    known_apis::at(&provider.server).is_some_and(|api| api.has_vocabulary_of_openai)
}
