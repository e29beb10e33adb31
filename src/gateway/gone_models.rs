//! The models that routes ask for and that their providers' lists have no more.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::config::{self, Config, Provider};
use crate::heapsort::sorted;
use crate::sync::lock;

/// The most names that are suggested for a model.
pub const MOST_NAMES: usize = 3;

/// A model that is not listed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneModel {
    pub provider: String,
    pub model: String,
    /// Names of the list that come near it (at most 3).
    pub near: Vec<String>,
}

/// The changes that a list has made.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ListChanges {
    pub gone: Vec<GoneModel>,
    /// Models that are there again.
    pub back: Vec<String>,
    /// All models of the configuration that the list has.
    pub listed: Vec<String>,
}

/// The models that are gone, by provider and name; names are the configuration's, so there are few.
#[derive(Debug, Default)]
pub struct GoneModels {
    gone: Mutex<BTreeMap<(String, String), Vec<String>>>,
}

impl GoneModels {
    /// Compares a provider's list with what routes ask of it.
    pub fn compare(&self, config: &Config, provider: &Provider, names: &[String]) -> ListChanges {
        let mut changes = ListChanges::default();
        let mut gone = lock(&self.gone);
        for model in models_of(config, provider) {
            let place = (provider.name.clone(), model.to_owned());
            if is_listed(model, names) {
                changes.listed.push(model.to_owned());
                changes.back.extend(gone.remove(&place).map(|_| place.1));
                continue;
            }
            let near = config::near(model, names.iter().map(String::as_str), MOST_NAMES);
            let near: Vec<String> = near.into_iter().map(str::to_owned).collect();
            if gone.insert(place, near.clone()).is_none() {
                changes.gone.push(GoneModel {
                    provider: provider.name.clone(),
                    model: model.to_owned(),
                    near,
                });
            }
        }
        changes
    }

    /// The models that are gone, in the order of their providers' names.
    pub fn list(&self) -> Vec<GoneModel> {
        let gone = lock(&self.gone);
        let list = gone.iter().map(|((provider, model), near)| GoneModel {
            provider: provider.clone(),
            model: model.clone(),
            near: near.clone(),
        });
        list.collect()
    }

    /// Forgets what another configuration does not ask for.
    pub fn follow(&self, config: &Config) {
        lock(&self.gone).retain(|(name, model), _| {
            let mut providers = config.providers.iter();
            let provider = providers.find(|provider| provider.name == *name);
            provider.is_some_and(|provider| models_of(config, provider).contains(&model.as_str()))
        });
    }
}

/// The models that routes ask of a provider, each once.
pub fn models_of<'c>(config: &'c Config, provider: &Provider) -> Vec<&'c str> {
    let steps = config.routes.iter().flat_map(|route| &route.steps);
    let steps = steps.filter(|step| step.provider.index == provider.index);
    let mut models = sorted(steps.map(|step| step.model.as_str()));
    models.dedup();
    models
}

/// Whether a provider has a model. Google lists `models/x` for `x`, Ollama `x:latest`, and OpenRouter not each variant
/// (`x:nitro`) of `x`; but `x:free` is a model of its own there.
pub fn is_listed(model: &str, names: &[String]) -> bool {
    let is_named = |wanted: &str| names.iter().any(|name| name == wanted);
    let base = match model.rsplit_once(':') {
        Some((_, "free")) | None => None,
        Some((base, _)) if model.contains('/') => Some(base),
        Some(_) => None,
    };
    is_named(model)
        || is_named(&format!("models/{model}"))
        || is_named(&format!("{model}:latest"))
        || base.is_some_and(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_providers_are_known() {
        let names = ["models/gemini-2.5-flash", "qwen3:latest", "a/b", "plain"];
        let names = names.map(str::to_owned);
        for (model, listed) in [
            ("plain", true),
            ("gemini-2.5-flash", true),
            ("models/gemini-2.5-flash", true),
            ("qwen3", true),
            ("qwen3:8b", false),
            ("a/b:nitro", true),
            ("a/b:free", false),
            ("plai", false),
        ] {
            assert_eq!(is_listed(model, &names), listed, "{model}");
        }
    }

    #[test]
    fn a_model_is_gone_once_and_back_once() {
        let config = crate::config::parse(
            "api_key: some-client-key\nproviders: [{name: a, base_url: 'http://localhost:1/v1'}]\n\
             routes: [{name: r, steps: [{provider: a, model: llama-3.3-70b}, {provider: a, model: qwen3}]}]\n",
            &std::collections::BTreeMap::new(),
        )
        .unwrap();
        let provider = config.providers.first().unwrap();
        let models = GoneModels::default();
        let compare = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let changes = models.compare(&config, provider, &names);
            let gone = changes.gone.into_iter();
            let gone: Vec<String> = gone
                .map(|gone| format!("{} near {}", gone.model, gone.near.join(" ")))
                .collect();
            (gone, changes.back)
        };
        let none = Vec::<String>::new;
        assert_eq!(compare(&["qwen3", "llama-3.3-70b"]), (none(), none()));
        let gone = vec!["llama-3.3-70b near llama-3.4-70b".to_owned()];
        assert_eq!(compare(&["qwen3", "llama-3.4-70b"]), (gone, none()));
        assert_eq!(
            compare(&["qwen3", "llama-3.4-70b"]),
            (none(), none()),
            "told already"
        );
        assert_eq!(models.list().len(), 1);
        let back = vec!["llama-3.3-70b".to_owned()];
        assert_eq!(compare(&["qwen3", "llama-3.3-70b"]), (none(), back));
        assert_eq!(models.list(), []);
    }
}
