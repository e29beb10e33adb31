//! The plan: what the configuration is to hold, gathered from flags, questions and the environment.

use std::path::PathBuf;

use super::catalogue::{self, CATALOGUE};
use super::chosen_provider::{ChosenProvider, Variable};
use super::key;
use super::wishes::{Unwritten, Wishes};
use crate::config::{BaseUrl, did_you_mean};

const ROUTE: &str = "home";
const PORT: u16 = 8080;

/// The most providers in one route; more are a mistake.
const MOST: usize = 32;

/// The plan. Its questions are answered when every choice has a model and every variable a value, or `keys_later`.
#[derive(Debug)]
pub struct Plan {
    pub choices: Vec<ChosenProvider>,
    /// `None` until it was asked for; [`Plan::route`] has the default.
    pub route: Option<String>,
    pub port: u16,
    pub directory: Option<PathBuf>,
    pub keys_later: bool,
}

/// The plan that the flags make.
///
/// # Errors
/// A provider is no name of the catalogue and no URL, or the route or port cannot be.
pub fn of_flags(wishes: &Wishes) -> Result<Plan, Unwritten> {
    let mut plan = Plan {
        choices: Vec::new(),
        route: None,
        port: wishes.port.unwrap_or(PORT),
        directory: wishes.directory.clone(),
        keys_later: wishes.keys_later,
    };
    if plan.port == 0 {
        return Err(Unwritten::Usage(
            "--port needs a number from 1 on".to_owned(),
        ));
    }
    for wish in wishes.providers.iter().flat_map(|wish| wish.split(',')) {
        plan.add(wish.trim()).map_err(Unwritten::Usage)?;
    }
    if let Some(route) = &wishes.route {
        plan.name_route(route).map_err(Unwritten::Usage)?;
    }
    Ok(plan)
}

impl Plan {
    pub fn route(&self) -> &str {
        self.route.as_deref().unwrap_or(ROUTE)
    }

    /// Takes the name of the route.
    ///
    /// # Errors
    /// It cannot be sent in `model`, or read in a log.
    pub fn name_route(&mut self, name: &str) -> Result<(), String> {
        let fits = |letter: char| !letter.is_control() && !letter.is_whitespace();
        if name.is_empty() || name.len() > 100 || !name.chars().all(fits) || name.contains("${") {
            return Err(format!(
                "{name:?} is no name for a route: no blanks, such as home or dynamic/n8n"
            ));
        }
        self.route = Some(name.to_owned());
        Ok(())
    }

    /// Adds a provider: `groq`, `groq=MODEL`, `URL`, `URL=MODEL`.
    ///
    /// # Errors
    /// It is neither, or there already.
    pub fn add(&mut self, wish: &str) -> Result<(), String> {
        let (name, model) = wish.split_once('=').unwrap_or((wish, ""));
        let (name, model) = (name.trim(), model.trim());
        let choice = match catalogue::named(&name.to_ascii_lowercase()) {
            Some(offer) => ChosenProvider::of_offer(offer),
            None if name.contains("://") => {
                ChosenProvider::of_url(name, |name| self.free_name(name))?
            }
            None => {
                let names = CATALOGUE.iter().map(|offer| offer.name);
                let near = did_you_mean(name, names.clone());
                let names: Vec<&str> = names.collect();
                return Err(format!(
                    "{name:?} is no provider that is known here{near}. Known are {}; any other by its URL",
                    names.join(", ")
                ));
            }
        };
        if self.choices.iter().any(|other| other.name == choice.name) {
            return Err(format!("{} is given twice", choice.name));
        }
        if self.choices.len() == MOST {
            return Err(format!("more than {MOST} providers"));
        }
        self.refuse_own_port(&choice)?;
        self.choices.push(choice);
        match model {
            "" => Ok(()),
            model => self.take_model(self.choices.len().saturating_sub(1), model),
        }
    }

    /// Takes the model of the provider at a place.
    ///
    /// # Errors
    /// It is no name.
    pub fn take_model(&mut self, index: usize, model: &str) -> Result<(), String> {
        if model.is_empty() || model.chars().any(char::is_control) || model.contains("${") {
            return Err(format!("{model:?} is no name of a model"));
        }
        if let Some(choice) = self.choices.get_mut(index) {
            model.clone_into(&mut choice.model);
        }
        Ok(())
    }

    /// Fills variables from the environment.
    pub fn take_keys(&mut self, variable: &dyn Fn(&str) -> Option<String>) {
        for missing in self.missing_variables() {
            if let Some(Ok(value)) = variable(&missing.name).map(|value| key::cleaned(&value)) {
                missing.value = value;
            }
        }
    }

    /// The variables that have no value yet.
    pub fn missing_variables(&mut self) -> impl Iterator<Item = &mut Variable> {
        let variables = self.choices.iter_mut();
        let variables = variables.flat_map(|choice| &mut choice.variables);
        variables.filter(|variable| variable.value.is_empty())
    }

    /// # Errors
    /// Something is missing that nobody can be asked for; all of it is named.
    pub fn refuse_gaps(&mut self) -> Result<(), Unwritten> {
        let mut gaps = Vec::new();
        if self.choices.is_empty() {
            let names: Vec<&str> = CATALOGUE.iter().map(|offer| offer.name).collect();
            gaps.push(format!(
                "--provider, once or more: {}, or a URL",
                names.join(", ")
            ));
        }
        for choice in &self.choices {
            if choice.model.is_empty() {
                gaps.push(format!(
                    "the model at {0}: --provider {0}=MODEL",
                    choice.base_url
                ));
            }
        }
        if !self.keys_later {
            let names: Vec<String> = self
                .missing_variables()
                .map(|found| found.name.clone())
                .collect();
            if !names.is_empty() {
                gaps.push(format!(
                    "in the environment: {} (or --keys-later, to put them into .env yourself)",
                    names.join(", ")
                ));
            }
        }
        match gaps.as_slice() {
            [] => Ok(()),
            gaps => Err(Unwritten::Usage(format!(
                "there is no terminal to ask on, and it is missing:\n  {}",
                gaps.join("\n  ")
            ))),
        }
    }

    fn free_name(&self, name: &str) -> String {
        let is_free = |name: &str| {
            catalogue::named(name).is_none()
                && self.choices.iter().all(|choice| choice.name != name)
        };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| is_free(name)).unwrap_or_default()
    }

    /// A gateway that asks itself for an answer would go round in circles.
    fn refuse_own_port(&self, choice: &ChosenProvider) -> Result<(), String> {
        let own = BaseUrl::parse(&choice.base_url).is_ok_and(|url| {
            let loopback =
                url.host == "localhost" || url.host.starts_with("127.") || url.host == "[::1]";
            loopback && url.port_or_usual() == self.port
        });
        match own {
            true => Err(format!(
                "{} is where the gateway itself will listen: give either another port (--port N)",
                choice.base_url
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(providers: &[&str]) -> Wishes {
        Wishes {
            providers: providers.iter().map(|wish| (*wish).to_owned()).collect(),
            ..Wishes::default()
        }
    }

    #[test]
    fn providers_are_names_and_urls_with_or_without_a_model() {
        let plan = of_flags(&wishes(&[
            "groq,Cerebras=qwen-3",
            "https://api.example.com/v1/chat/completions=m",
            "http://192.168.1.5:9000/v1/=x:latest",
            "http://localhost:9001/v1",
        ]))
        .unwrap();
        let seen: Vec<(&str, &str, &str, Option<&str>)> = plan
            .choices
            .iter()
            .map(|choice| {
                let key = choice.key().map(|key| key.name.as_str());
                (&*choice.name, &*choice.base_url, &*choice.model, key)
            })
            .collect();
        assert_eq!(
            seen,
            [
                (
                    "groq",
                    "https://api.groq.com/openai/v1",
                    "openai/gpt-oss-120b",
                    Some("GROQ_API_KEY")
                ),
                (
                    "cerebras",
                    "https://api.cerebras.ai/v1",
                    "qwen-3",
                    Some("CEREBRAS_API_KEY")
                ),
                (
                    "example",
                    "https://api.example.com/v1",
                    "m",
                    Some("EXAMPLE_API_KEY")
                ),
                ("local", "http://192.168.1.5:9000/v1", "x:latest", None),
                ("local-2", "http://localhost:9001/v1", "", None),
            ]
        );
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_why() {
        for (providers, words) in [
            (&["grok"][..], "did you mean \"groq\"?"),
            (&["example.com"], "any other by its URL"),
            (&["groq", "groq"], "given twice"),
            (&["ftp://example.com=m"], "ftp://example.com"),
            (
                &["http://localhost:8080/v1=m"],
                "where the gateway itself will listen",
            ),
            (&["groq=a\u{7}b"], "no name of a model"),
            (&["groq=${HOME}"], "no name of a model"),
            (&["https://${HOST}/v1=m"], "${HOST}"),
        ] {
            let refusal = of_flags(&wishes(providers)).expect_err(words).to_string();
            assert!(refusal.contains(words), "{refusal}");
        }
        for route in ["", "two words", "a\nb", "${X}"] {
            let wishes = Wishes {
                route: Some(route.to_owned()),
                ..wishes(&["groq"])
            };
            assert!(of_flags(&wishes).is_err(), "{route:?}");
        }
    }

    /// Being told one thing after the other is no way to write a script.
    #[test]
    fn all_gaps_are_named_at_once() {
        let mut plan = of_flags(&wishes(&["groq", "cloudflare", "http://10.0.0.7:1/v1"])).unwrap();
        plan.take_keys(&|name| (name == "GROQ_API_KEY").then(|| " gsk-1 ".to_owned()));
        let said = plan.refuse_gaps().unwrap_err().to_string();
        for words in [
            "--provider http://10.0.0.7:1/v1=MODEL",
            "CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_API_TOKEN (or --keys-later",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert!(!said.contains("GROQ"), "{said}");
        let said = of_flags(&wishes(&[])).unwrap().refuse_gaps().unwrap_err();
        assert!(
            said.to_string()
                .contains("--provider, once or more: groq, "),
            "{said}"
        );
    }
}
