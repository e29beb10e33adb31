//! The settings of a step that tell dialects what its provider speaks.

use super::known_apis;
use super::model::Provider;
use super::section::Section;
use super::vectors;
use crate::dialect::step_traits::{FillInTheMiddle, RerankForm, StepTraits};

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
        ..of_provider
    }
}

fn has_vocabulary_of_openai(provider: &Provider) -> bool {
    known_apis::at(&provider.server).is_some_and(|api| api.has_vocabulary_of_openai)
}
