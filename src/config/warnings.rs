//! Warnings: what is valid in a configuration, and probably not meant.

use super::known_apis;
use super::model::{Config, Provider};
use super::ollama;
use super::order;
use super::route_warnings::about_routes;
use super::shared;
use super::url::BaseUrl;
use super::vectors;
use super::wyoming;
use crate::secret::Secret;

/// The shortest key without a warning (bytes): 16 random letters and digits are beyond guessing.
const SHORTEST: usize = 16;

/// Hosts of services that have ended, and when.
const RETIRED: [(&str, &str); 2] = [
    ("models.github.ai", "30 July 2026"),
    ("models.inference.ai.azure.com", "30 July 2026"),
];

/// The warnings about a configuration, a line each; none holds a key.
pub fn warnings(config: &Config) -> Vec<String> {
    let of_clients = config.clients.iter().flat_map(|client| {
        let name = format!("the key of the client {}", client.name);
        let blank = about_blanks(&name, &client.key);
        about_key(&name, &client.key).into_iter().chain(blank)
    });
    let of_providers = config.providers.iter().flat_map(|provider| {
        let name = format!("a key of the provider {}", provider.name);
        // Servers in the same house are often given a word for a key, which protects nothing.
        let keys = provider.keys.iter().filter(|_| !provider.private);
        let mut of_keys = keys.filter_map(|key| about_key(&name, key));
        let mut of_blanks = (provider.keys.iter()).filter_map(|key| about_blanks(&name, key));
        let about = [
            about_url(provider),
            of_keys.next(),
            of_blanks.next(),
            about_use(provider, config),
        ];
        about.into_iter().flatten().collect::<Vec<_>>()
    });
    let of_proxy = config.proxy.iter().flat_map(|proxy| proxy.secrets.iter());
    let mut unmasked = of_proxy.filter(|secret| !secret.expose().is_empty() && !secret.is_masked());
    let of_proxy = unmasked.next().map(|_| {
        "the password of the proxy is too short to be masked where others repeat it".to_owned()
    });
    let of_routes = config.routes.iter();
    let of_routes = of_routes
        .flat_map(|route| [vectors::warnings(route), order::warnings(route)])
        .flatten();
    let of_ollama = config.ollama.iter();
    let of_ollama = of_ollama.flat_map(|ollama| ollama::warnings(ollama, &config.listen));
    of_clients
        .chain(of_ollama)
        .chain(config.wyoming.iter().flat_map(wyoming::warnings))
        .chain(of_providers)
        .chain(of_proxy)
        .chain(config.shared.as_ref().and_then(shared::warnings))
        .chain(of_routes)
        .chain(about_routes(config))
        .collect()
}

/// The warning about callers from the internet who need no key; `None` where there are none.
pub fn open_to_strangers(config: &Config) -> Option<String> {
    let of_ollama = config.ollama.iter();
    let of_ollama = of_ollama.flat_map(|ollama| ollama::warnings(ollama, &config.listen));
    let of_wyoming = config.wyoming.iter().flat_map(wyoming::warnings);
    of_ollama.chain(of_wyoming).next()
}

fn about_use(provider: &Provider, config: &Config) -> Option<String> {
    let mut steps = config.routes.iter().flat_map(|route| &route.steps);
    let is_used = steps.any(|step| step.provider.index == provider.index);
    (!is_used).then(|| format!("the provider {} is in no route", provider.name))
}

fn about_url(provider: &Provider) -> Option<String> {
    let name = &provider.name;
    let url = BaseUrl::parse(&provider.base_url).ok()?;
    let path = url.path;
    let host = url.host.to_ascii_lowercase();
    if let Some((_, day)) = RETIRED.iter().find(|(retired, _)| *retired == host) {
        return Some(format!(
            "the provider {name} is at {host}, which was retired on {day}"
        ));
    }
    if let Some(before) = path.strip_suffix("/models") {
        let shown = if before.is_empty() { "/" } else { before };
        return Some(format!(
            "the base_url of the provider {name} ends in /models, which is added to it: should it end in {shown}?"
        ));
    }
    if path.split('/').filter(|part| *part == "v1").count() > 1 {
        return Some(format!("the base_url of the provider {name} has /v1 twice"));
    }
    let wanted = known_apis::at(&provider.server)?.path;
    if wanted.is_empty() {
        return None;
    }
    let other = ["", "/v1", "/api"].contains(&path) && path != wanted;
    other.then(|| {
        let path = if path.is_empty() { "nothing" } else { path };
        format!("the base_url of the provider {name} ends in {path}: its API is below {wanted}")
    })
}

fn about_blanks(name: &str, key: &Secret) -> Option<String> {
    let has_blank = key.expose().contains(char::is_whitespace);
    has_blank.then(|| format!("{name} has a blank in it: is it more than the key?"))
}

fn about_key(name: &str, key: &Secret) -> Option<String> {
    if key.expose().len() >= SHORTEST {
        return None;
    }
    let unmasked = if key.is_masked() {
        ""
    } else {
        ", and is too short to be masked where others repeat it"
    };
    Some(format!(
        "{name} has less than {SHORTEST} bytes: it can be guessed{unmasked}"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn about(provider: &str) -> Vec<String> {
        let text = format!(
            "api_key: a-client-key-of-26-bytes-x\nproviders: [{{name: p, {provider}}}, {{name: q, base_url: 'http://q'}}]\n\
             routes: [{{name: r, steps: [{{provider: p, model: m}}, {{provider: q, model: m}}]}}]\n"
        );
        let config = super::super::parse(&text, &BTreeMap::new()).unwrap();
        warnings(&config)
    }

    #[test]
    fn a_url_that_leads_nowhere_is_warned_of() {
        for (url, words) in [
            ("https://p.example/v1/models", Some("should it end in /v1?")),
            (
                "https://p.example/v1/models/",
                Some("should it end in /v1?"),
            ),
            ("https://p.example/v1/v1", Some("/v1 twice")),
            ("https://p.example/v1/api/v1", Some("/v1 twice")),
            (
                "https://api.openai.com",
                Some("nothing: its API is below /v1"),
            ),
            ("https://API.openai.com/", Some("below /v1")),
            ("https://eu.api.openai.com", Some("below /v1")),
            ("https://openrouter.ai/v1", Some("below /api/v1")),
            ("https://api.groq.com/v1", Some("below /openai/v1")),
            ("http://nas.lan:11434", Some("below /v1")),
            ("http://nas.lan:11434/v1", None),
            ("https://api.openai.com/v1", None),
            ("https://api.openai.com/some/proxy", None),
            (
                "https://models.github.ai/inference",
                Some("was retired on 30 July 2026"),
            ),
            ("https://p.example", None),
            ("http://127.0.0.1:8080", None),
        ] {
            let told = about(&format!("base_url: '{url}'"));
            match words {
                None => assert!(told.is_empty(), "{url}: {told:?}"),
                Some(words) => {
                    assert!(
                        told.len() == 1 && told[0].contains(words),
                        "{url}: {told:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_provider_of_no_route_and_a_key_with_a_blank_are_warned_of() {
        let text = "api_key: a client key of 26 bytes\n\
                    providers: [{name: p, base_url: 'http://p'}, {name: idle, base_url: 'http://q', api_key: my key}]\n\
                    routes: [{name: r, steps: [{provider: p, model: m}]}]\n";
        let config = super::super::parse(text, &BTreeMap::new()).unwrap();
        assert_eq!(
            warnings(&config),
            [
                "the key of the client default has a blank in it: is it more than the key?",
                "a key of the provider idle has a blank in it: is it more than the key?",
                "the provider idle is in no route",
            ]
        );
    }

    #[test]
    fn an_api_without_a_key_at_an_address_of_the_internet_is_warned_of() {
        for (listen, settings, words) in [
            ("127.0.0.1:80", "enabled: true", None),
            ("203.0.113.9:80", "enabled: true", None),
            ("203.0.113.9:80", "require_key: false", None),
            (
                "203.0.113.9:80",
                "enabled: true, require_key: false",
                Some("203.0.113.9:80"),
            ),
            (
                "127.0.0.1:80",
                "enabled: true, require_key: false, listen: '203.0.113.9:1'",
                Some("203.0.113.9:1"),
            ),
            (
                "':80'",
                "enabled: true, require_key: false, listen: '0.0.0.0:11434'",
                None,
            ),
            ("192.168.1.2:80", "enabled: true, require_key: false", None),
            (
                ":80",
                "enabled: true, require_key: false, networks: [203.0.113.0/24]",
                Some("`networks` holds"),
            ),
            (
                ":80",
                "enabled: true, require_key: false, networks: [192.168.4.0/24]",
                None,
            ),
        ] {
            let text = format!(
                "api_key: a-client-key-of-26-bytes-x\nlisten: {listen}\nollama: {{{settings}}}\nproviders: [{{name: p, base_url: 'http://p'}}]\n\
                 routes: [{{name: r, steps: [{{provider: p, model: m}}]}}]\n"
            );
            let config = super::super::parse(&text, &BTreeMap::new()).unwrap();
            let told = warnings(&config);
            assert_eq!(
                told.len(),
                usize::from(words.is_some()),
                "{listen} {settings}: {told:?}"
            );
            assert!(
                words.is_none_or(|words| told[0].contains(words)),
                "{told:?}"
            );
        }
    }
}
