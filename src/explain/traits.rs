//! The traits that dialects go by, for a person: one list of them all, in the configuration's spelling.

use crate::config::{Auth, Step};
use crate::dialect::step_traits::{ProviderKind, StepTraits};

/// The traits of a step that are not the built-in ones, each as a setting. A trait that is not taken apart here does not
/// compile.
pub fn settings(step: &Step) -> Vec<&'static str> {
    let StepTraits {
        kind,
        // It follows from the URL, which is shown.
        base_has_version: _,
        speaks_responses,
        has_server_tools,
    } = &step.traits;
    let kind = match kind {
        ProviderKind::OpenAi => None,
        ProviderKind::Anthropic => {
            Some("kind: anthropic (Messages native, other requests pass the step over)")
        }
    };
    let auth = match step.provider.auth {
        Auth::Bearer => None,
        Auth::ApiKey => Some("auth: x-api-key"),
    };
    [
        kind,
        auth,
        speaks_responses.then_some("responses: true (Responses native)"),
        has_server_tools.then_some("server_tools: true"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config;

    #[test]
    fn traits_are_spelled_as_in_the_file() {
        for (provider, spelled) in [
            ("base_url: 'http://p/v1'", &[][..]),
            (
                "base_url: 'http://p', kind: anthropic, auth: x-api-key",
                &["kind: anthropic", "auth: x-api-key"],
            ),
            (
                "base_url: 'http://p/v1', responses: true, server_tools: true",
                &["responses: true", "server_tools: true"],
            ),
        ] {
            let text = format!(
                "api_key: k\nproviders: [{{name: p, {provider}}}]\nroutes: [{{name: r, steps: [{{provider: p, model: m}}]}}]\n"
            );
            let config = config::parse(&text, &BTreeMap::<String, String>::new()).unwrap();
            let settings = settings(&config.routes[0].steps[0]);
            let spelled_here = settings.iter().map(|line| line.split(" (").next().unwrap());
            assert_eq!(spelled_here.collect::<Vec<_>>(), spelled, "{provider}");
        }
    }
}
