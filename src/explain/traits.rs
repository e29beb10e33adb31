//! The traits that dialects go by, for a person: one list of them all, in the configuration's spelling.

use crate::config::{Auth, Route, Step};
use crate::dialect::step_traits::{
    FillInTheMiddle, OutputLimit, ProviderKind, RerankForm, StepTraits, ThinkingBudget,
    TranslationTraits, VectorTraits,
};

/// The traits of a step that are not the built-in ones, each as a setting. A trait that is not taken apart here does not
/// compile.
pub fn settings(route: &Route, step: &Step) -> Vec<String> {
    let StepTraits {
        kind,
        // It follows from the URL, which is shown.
        base_has_version: _,
        speaks_responses,
        has_server_tools,
        fim,
        completions_by_chat,
        token_ids,
        vectors,
        rerank,
        translation,
    } = &step.traits;
    let kind = match kind {
        ProviderKind::OpenAi => None,
        ProviderKind::Anthropic => Some("kind: anthropic"),
    };
    let auth = match step.provider.auth {
        Auth::Bearer => None,
        Auth::ApiKey => Some("auth: x-api-key"),
    };
    let fim = fim.as_ref().map(|fim| match fim {
        FillInTheMiddle::Mistral => "fim: mistral",
        FillInTheMiddle::LlamaCpp => "fim: llamacpp",
    });
    let rerank = match rerank {
        RerankForm::Cohere => None,
        RerankForm::Tei => Some("rerank: tei"),
        RerankForm::Voyage => Some("rerank: voyage"),
    };
    let TranslationTraits {
        tag: _,
        output_limit,
        hides_usage,
        refuses_builtin_tools,
        needs_signatures: _,
        max_tokens,
        thinking,
    } = translation;
    let thinking = match thinking {
        ThinkingBudget::None => None,
        ThinkingBudget::Adaptive => Some("thinking_budget: adaptive".to_owned()),
        ThinkingBudget::Tokens(tokens) => Some(format!("thinking_budget: {tokens}")),
    };
    let max_tokens = max_tokens.map(|tokens| format!("max_tokens: {tokens}"));
    let output_limit = match output_limit {
        OutputLimit::MaxTokens => None,
        OutputLimit::MaxCompletionTokens => Some("output_limit: max_completion_tokens"),
    };
    let plain = [
        output_limit,
        hides_usage.then_some("stream_usage: false"),
        refuses_builtin_tools.then_some("builtin_tools: refuse"),
        kind,
        auth,
        speaks_responses.then_some("responses: true"),
        has_server_tools.then_some("server_tools: true"),
        fim,
        completions_by_chat.then_some("completions: chat"),
        token_ids.then_some("token_ids: true"),
        rerank,
    ];
    let plain = plain.into_iter().flatten().map(str::to_owned);
    let bounds = [max_tokens, thinking].into_iter().flatten();
    plain
        .chain(bounds)
        .chain(of_vectors(route, vectors))
        .collect()
}

/// The space of a step is worth telling where a route says that it is for vectors: chat has none.
fn of_vectors(route: &Route, vectors: &VectorTraits) -> impl Iterator<Item = String> {
    let VectorTraits {
        space,
        space_of_route,
        dimensions,
        max_inputs,
    } = vectors;
    let of_route = space_of_route
        .as_ref()
        .filter(|of_route| *of_route != space);
    let is_for_vectors = route.endpoints.is_some() && route.serves("embeddings");
    let space = is_for_vectors.then(|| match of_route {
        Some(of_route) => {
            format!(
                "space: {space} (embeddings pass the step over: the route's space is {of_route})"
            )
        }
        None => format!("space: {space}"),
    });
    let dimensions = dimensions.map(|length| format!("dimensions: {length}"));
    let max_inputs = max_inputs.map(|most| format!("max_inputs: {most}"));
    [space, dimensions, max_inputs].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config;

    #[test]
    fn traits_are_spelled_as_in_the_file() {
        for (provider, step, spelled) in [
            ("base_url: 'http://p/v1'", "", &[][..]),
            (
                "base_url: 'http://p', kind: anthropic, auth: x-api-key",
                "",
                &["kind: anthropic", "auth: x-api-key"],
            ),
            (
                "base_url: 'http://p/v1', responses: true, server_tools: true",
                "",
                &["responses: true", "server_tools: true"],
            ),
            (
                "base_url: 'http://p/v1'",
                ", fim: mistral, token_ids: true, max_inputs: 32, rerank: tei",
                &[
                    "fim: mistral",
                    "token_ids: true",
                    "rerank: tei",
                    "max_inputs: 32",
                ],
            ),
            (
                "base_url: 'http://p/v1'",
                ", fim: llamacpp, completions: chat, rerank: voyage",
                &["fim: llamacpp", "completions: chat", "rerank: voyage"],
            ),
        ] {
            let text = format!(
                "api_key: k\nproviders: [{{name: p, {provider}}}]\nroutes: [{{name: r, steps: [{{provider: p, model: m{step}}}]}}]\n"
            );
            assert_eq!(spellings(&text, 0), spelled, "{provider}{step}");
        }
    }

    #[test]
    fn the_space_of_vectors_is_told_where_there_are_vectors() {
        let text = "api_key: k\nproviders: [{name: p, base_url: 'http://p/v1'}]\nroutes:\n  \
                    - {name: r, endpoints: [embeddings], dimensions: 8, steps: [{provider: p, model: a/M}, {provider: p, model: n}]}\n";
        assert_eq!(spellings(text, 0), ["space: m", "dimensions: 8"]);
        assert_eq!(spellings(text, 1), ["space: n", "dimensions: 8"]);
    }

    /// The settings without the words behind them.
    fn spellings(text: &str, step: usize) -> Vec<String> {
        let config = config::parse(text, &BTreeMap::<String, String>::new()).unwrap();
        let route = &config.routes[0];
        let settings = settings(route, &route.steps[step]);
        let spelled = settings.iter().map(|line| line.split(" (").next().unwrap());
        spelled.map(str::to_owned).collect()
    }
}
