//! The table of known APIs: what the host of a `base_url` tells of a provider.

use crate::text::is_like;

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownApi {
    /// The row of the built-in table of edits, one of [`super::PROFILES`].
    pub profile: &'static str,
    /// Host names, which stand for their subdomains too; with a `*`, patterns of whole host names; `:11434` is a port.
    hosts: &'static [&'static str],
    /// The path of its OpenAI-compatible API, in which `base_url` has to end; empty where there are several, or it is not
    /// known.
    pub path: &'static str,
    /// Whether its models have OpenAI's vocabulary, so that ids of tokens mean to them what they mean to OpenAI.
    pub has_vocabulary_of_openai: bool,
}

const fn api(
    profile: &'static str,
    hosts: &'static [&'static str],
    path: &'static str,
) -> KnownApi {
    KnownApi {
        profile,
        hosts,
        path,
        has_vocabulary_of_openai: false,
    }
}

const fn of_openai(
    profile: &'static str,
    hosts: &'static [&'static str],
    path: &'static str,
) -> KnownApi {
    KnownApi {
        has_vocabulary_of_openai: true,
        ..api(profile, hosts, path)
    }
}

/// The rows, in the order in which they are looked up.
static TABLE: &[KnownApi] = &[
    of_openai("openai", &["api.openai.com"], "/v1"),
    of_openai("openai", &["*.openai.azure.com"], ""),
    of_openai(
        "generic",
        &["*.cognitiveservices.azure.com", "*.services.ai.azure.com"],
        "",
    ),
    api(
        "mistral",
        &["api.mistral.ai", "codestral.mistral.ai"],
        "/v1",
    ),
    api("groq", &["api.groq.com"], "/openai/v1"),
    api("cerebras", &["api.cerebras.ai"], "/v1"),
    api(
        "google",
        &["generativelanguage.googleapis.com"],
        "/v1beta/openai",
    ),
    api("deepseek", &["api.deepseek.com"], ""),
    api("moonshot", &["api.moonshot.ai", "api.moonshot.cn"], ""),
    api("xai", &["api.x.ai"], "/v1"),
    api("zhipu", &["open.bigmodel.cn", "api.z.ai"], ""),
    api("nvidia", &["integrate.api.nvidia.com"], "/v1"),
    api("fireworks", &["api.fireworks.ai"], "/inference/v1"),
    api("cohere", &["api.cohere.ai", "api.cohere.com"], ""),
    api("perplexity", &["api.perplexity.ai"], ""),
    api("dashscope", &["dashscope*.aliyuncs.com"], ""),
    api("cloudflare", &["api.cloudflare.com"], ""),
    api("together", &["api.together.xyz", "api.together.ai"], "/v1"),
    api("sambanova", &["api.sambanova.ai"], "/v1"),
    api("huggingface", &["router.huggingface.co"], "/v1"),
    api(
        "huggingface",
        &[
            "api-inference.huggingface.co",
            "endpoints.huggingface.cloud",
        ],
        "",
    ),
    api("deepinfra", &["api.deepinfra.com"], "/v1/openai"),
    api("novita", &["api.novita.ai"], ""),
    api(
        "siliconflow",
        &["api.siliconflow.cn", "api.siliconflow.com"],
        "",
    ),
    api("hyperbolic", &["api.hyperbolic.xyz"], "/v1"),
    api("github", &["models.github.ai"], "/inference"),
    api("github", &["models.inference.ai.azure.com"], ""),
    api("openrouter", &["openrouter.ai"], "/api/v1"),
    api("ollama", &["ollama.com", ":11434"], "/v1"),
    api("generic", &["llm.chutes.ai"], "/v1"),
];

/// The row of a provider's server, a host and a port; `None` for any other.
pub fn at((host, port): &(String, u16)) -> Option<&'static KnownApi> {
    TABLE.iter().find(|api| {
        let mut hosts = api.hosts.iter();
        hosts.any(|pattern| is_host(host, *port, pattern))
    })
}

fn is_host(host: &str, port: u16, pattern: &str) -> bool {
    if let Some(number) = pattern.strip_prefix(':') {
        return number.parse() == Ok(port);
    }
    if pattern.contains('*') {
        return is_like(host, pattern);
    }
    let below = host
        .len()
        .checked_sub(pattern.len())
        .and_then(|at| host.split_at_checked(at));
    below.is_some_and(|(below, end)| {
        end.eq_ignore_ascii_case(pattern) && (below.is_empty() || below.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PROFILES;

    #[test]
    fn every_row_has_a_profile_that_there_is() {
        for api in TABLE {
            assert!(PROFILES.contains(&api.profile), "{}", api.profile);
        }
    }
}
