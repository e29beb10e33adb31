//! `ai-gateway check --online`: each provider is asked for its model list, with each of its keys.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use crate::budget::Budget;
use crate::config::{self, Config, Provider};
use crate::gateway::Context;
use crate::gateway::gone_models::{MOST_NAMES, is_listed, models_of};
use crate::gateway::model_lists::{self, LIMIT, ListAnswer};
use crate::secret::Secret;
use crate::upstream::Client;

/// The statuses of a provider that has no model list.
const NO_LIST: [u16; 3] = [404, 405, 501];

/// The findings about a configuration: a paragraph for people, and whether all is well.
///
/// # Errors
/// The client cannot be made, as where a `ca_file` is none.
pub fn online_check(config: &Config) -> Result<(String, bool), String> {
    let client = Client::new(Context::upstream_settings(config))?;
    let redactor = config.redactor();
    let findings = model_lists::in_parallel(&config.providers, |provider| {
        let mut finding = ProviderFinding::new(provider);
        finding.ask(&client, &models_of(config, provider));
        finding
    });
    let is_well = findings.iter().all(|finding| finding.is_well);
    let texts: String = findings.into_iter().map(|finding| finding.text).collect();
    Ok((format!("\n{}", redactor.mask(&texts)), is_well))
}

struct ProviderFinding<'c> {
    provider: &'c Arc<Provider>,
    text: String,
    is_well: bool,
}

impl<'c> ProviderFinding<'c> {
    fn new(provider: &'c Arc<Provider>) -> Self {
        Self {
            provider,
            text: String::new(),
            is_well: true,
        }
    }

    fn ask(&mut self, client: &Client, models: &[&str]) {
        if !self.provider.model_list {
            self.good(": has no model list to ask for (model_list: false)");
            return;
        }
        let keys = self.provider.keys.iter().map(Some);
        let keys: Vec<Option<&Secret>> = match self.provider.keys.is_empty() {
            true => vec![None],
            false => keys.collect(),
        };
        let several = keys.len() > 1;
        for (index, key) in keys.into_iter().enumerate() {
            let which = if several {
                format!(", key {}", index + 1)
            } else {
                String::new()
            };
            let answer = self.fetch(key, client);
            let found = match answer {
                Ok(answer) => self.read(&which, &answer),
                Err(error) => {
                    self.bad(&format!("{which}: is not reached: {error}"));
                    // With another key it is not nearer.
                    return;
                }
            };
            let Some(names) = found else { continue };
            let proof = match key {
                None => "",
                Some(_) if self.is_open(client) => {
                    "; they are told without a key, so it is not proven"
                }
                Some(_) => "; the key is accepted",
            };
            self.good(&format!("{which}: {} models{proof}", names.len()));
            if index == 0 {
                self.look_for(models, &names);
            }
        }
    }

    /// The names of a list; what else came is told.
    fn read(&mut self, which: &str, answer: &ListAnswer) -> Option<Vec<String>> {
        match answer.names() {
            Ok(names) => return Some(names),
            Err(_) if NO_LIST.contains(&answer.status) => {
                let url = &self.provider.base_url;
                let words = format!(
                    "{which}: is reached, and has no model list at {url}/models ({}): if it should have one, look at base_url",
                    answer.status
                );
                self.good(&words);
            }
            Err(error) if [401, 403].contains(&answer.status) => {
                self.bad(&format!("{which}: the key is refused: {error}"));
            }
            Err(error) => self.bad(&format!("{which}: {error}")),
        }
        None
    }

    fn fetch(&self, key: Option<&Secret>, client: &Client) -> Result<ListAnswer, String> {
        let (budget, deadline) = (Budget::unlimited(), Instant::now() + LIMIT);
        model_lists::fetch(self.provider, key, client, &budget, deadline)
    }

    /// Whether the list is told to strangers as well.
    fn is_open(&self, client: &Client) -> bool {
        let answer = self.fetch(None, client);
        answer.is_ok_and(|answer| answer.count().is_ok())
    }

    fn look_for(&mut self, models: &[&str], names: &[String]) {
        for model in models.iter().filter(|model| !is_listed(model, names)) {
            let near = config::near(model, names.iter().map(String::as_str), MOST_NAMES);
            let near: Vec<String> = near.iter().map(|name| format!("{name:?}")).collect();
            let near = match near.is_empty() {
                true => String::new(),
                false => format!("; near: {}", near.join(", ")),
            };
            self.is_well = false;
            // Writing into a String cannot fail.
            let _ = writeln!(self.text, "  it does not list the model {model:?}{near}");
        }
    }

    fn good(&mut self, words: &str) {
        let _ = writeln!(self.text, "{}{words}", self.provider.name);
    }

    fn bad(&mut self, words: &str) {
        self.is_well = false;
        self.good(words);
    }
}
