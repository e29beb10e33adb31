//! The watch over models that come and go: providers' lists against what routes ask for.

use std::sync::Arc;
use std::time::Instant;

use crate::budget::Budget;
use crate::config::Provider;

use super::context::Context;
use super::gone_models::models_of;
use super::model_lists::{self, LIMIT};

/// Asks all providers for their lists, and tells the log what is gone or back. Blocks (25 s at most).
pub fn look(context: &Context) {
    let providers = context.config.providers.iter();
    let is_asked = |provider: &&Arc<Provider>| {
        provider.model_list && !models_of(&context.config, provider).is_empty()
    };
    let asked: Vec<&Arc<Provider>> = providers.filter(is_asked).collect();
    model_lists::in_parallel(&asked, |provider| {
        let (key, deadline) = (provider.keys.first(), Instant::now() + LIMIT);
        let budget = Budget::unlimited();
        let answer = model_lists::fetch(provider, key, &context.client, &budget, deadline);
        match answer.and_then(|answer| answer.names()) {
            Ok(names) => compare(context, provider, &names),
            Err(error) => {
                let error = context.redactor.redact(&error);
                log::debug!(provider = provider.name.as_str(), error = error.as_str(); "no model list");
            }
        }
    });
}

/// Compares a list that came, from wherever it was asked for. An empty one is none.
pub fn compare(context: &Context, provider: &Provider, names: &[String]) {
    if names.is_empty() || !provider.model_list {
        return;
    }
    let changes = context
        .gone_models
        .compare(&context.config, provider, names);
    for gone in &changes.gone {
        let (provider, model) = (gone.provider.as_str(), gone.model.as_str());
        let words = "the provider does not list the model";
        match gone.near.join(", ").as_str() {
            "" => log::warn!(provider = provider, model = model; "{words}"),
            near => log::warn!(provider = provider, model = model, near = near; "{words}"),
        }
    }
    for model in &changes.back {
        let provider = provider.name.as_str();
        log::info!(provider = provider, model = model.as_str(); "the provider lists the model again");
    }
    if let Some(facts) = &context.alerts {
        for model in &changes.listed {
            facts.listed(&provider.name, model);
        }
    }
}
