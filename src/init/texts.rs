//! The texts that `init` writes: the configuration, the environment, and what it says in the end.

use std::fmt::Write;

use super::chosen_provider::ChosenProvider;
use super::files::Written;
use super::plan::Plan;
use crate::json::raw;

const SCHEMA: &str =
    "https://raw.githubusercontent.com/leshchenko1979/ai-gateway/main/config.schema.json";

/// The configuration and the environment.
pub fn files(plan: &Plan, gateway_key: &str) -> (String, String) {
    (config(plan), environment(plan, gateway_key))
}

fn config(plan: &Plan) -> String {
    let mut text = format!(
        "\
# yaml-language-server: $schema={SCHEMA}
# Written by `ai-gateway init`. ${{NAME}} is a variable of .env beside this file, or of the environment, which goes first.
# `ai-gateway check` says whether all is right, `ai-gateway explain {route}` what it comes to. There are many more
# settings: config.yaml.example in the repository shows each.

api_key: ${{GATEWAY_API_KEY}}    # what clients send
port: {port}

providers:
",
        route = plan.route(),
        port = plan.port
    );
    // Writing into a String cannot fail, here and below.
    for choice in &plan.choices {
        let _ = writeln!(text, "  - name: {}", scalar(&choice.name));
        let _ = writeln!(text, "    base_url: {}", choice.base_url);
        if let Some(key) = choice.key() {
            let _ = writeln!(text, "    api_key: ${{{}}}", key.name);
        }
        if !choice.profile.is_empty() {
            let _ = writeln!(text, "    profile: {}", choice.profile);
        }
    }
    let _ = write!(
        text,
        "\nroutes:\n  - name: {}    # what clients put into `model`\n    steps:    # tried in this order until one answers\n",
        scalar(plan.route())
    );
    for choice in &plan.choices {
        push_step(&mut text, choice);
    }
    text
}

fn push_step(text: &mut String, choice: &ChosenProvider) {
    let _ = writeln!(text, "      - provider: {}", scalar(&choice.name));
    let _ = writeln!(text, "        model: {}", scalar(&choice.model));
    if choice.is_local {
        text.push_str("        timeout: 2m    # a small machine may load the model first\n");
    }
    if choice.profile == "llamacpp" {
        text.push_str(
            "        upstream_stream: always    # unstreamed calls go on there after the client has left\n",
        );
    }
}

fn environment(plan: &Plan, gateway_key: &str) -> String {
    let mut text = format!(
        "# Written by `ai-gateway init`. Keep it to yourself: whoever has these keys can use them.\n\n\
         # What clients of the gateway send\nGATEWAY_API_KEY={gateway_key}\n"
    );
    for choice in &plan.choices {
        if choice.variables.is_empty() {
            continue;
        }
        let page = choice.offer.map(|offer| format!(": {}", offer.key_page));
        let _ = writeln!(text, "\n# {}{}", choice.name, page.unwrap_or_default());
        for variable in &choice.variables {
            let _ = writeln!(text, "{}={}", variable.name, assigned(&variable.value));
        }
    }
    text
}

/// The next commands, and the three lines to paste into n8n.
pub fn farewell(
    plan: &Plan,
    gateway_key: &str,
    written: &Written,
    variable: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut text = format!(
        "wrote {} and {}, which only you can read\n",
        written.config.display(),
        written.environment.display()
    );
    let empty = plan.choices.iter().flat_map(|choice| &choice.variables);
    let empty: Vec<&str> = empty
        .filter(|variable| variable.value.is_empty())
        .map(|variable| variable.name.as_str())
        .collect();
    if !empty.is_empty() {
        let _ = writeln!(text, "still to be filled in there: {}", empty.join(", "));
    }
    if variable("GATEWAY_API_KEY").is_some() {
        text.push_str(
            "GATEWAY_API_KEY is set in this shell and goes before .env: unset GATEWAY_API_KEY\n",
        );
    }
    let _ = write!(
        text,
        "
Next{at}:
  ai-gateway check --online    says whether all is right, and asks the providers whether keys and models are
  ai-gateway                   serves

In n8n, an OpenAI credential and a model; in anything else that speaks the OpenAI API, the same three:
  Base URL  http://localhost:{port}/v1
  API Key   {gateway_key}
  Model     {route}
From a container on this machine the host is host.docker.internal (Linux: 172.17.0.1), from another one this machine's name.
",
        at = match &plan.directory {
            Some(directory) => format!(", in {}", directory.display()),
            None => String::new(),
        },
        port = plan.port,
        route = plan.route(),
    );
    text
}

/// A text as a YAML scalar: in quotes unless it can only be read as this text.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.:-".contains(&byte);
    let is_plain = text.bytes().all(plain)
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !text.ends_with(':');
    let lower = text.to_ascii_lowercase();
    let is_word =
        ["true", "false", "yes", "no", "on", "off", "y", "n", "null"].contains(&lower.as_str());
    match is_plain && !is_word {
        true => text.to_owned(),
        false => raw::quoted(text),
    }
}

/// A value as `.env` has it.
fn assigned(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+,=-".contains(&byte);
    match value.bytes().all(plain) {
        true => value.to_owned(),
        // No key holds a quote.
        false => format!("'{value}'"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::catalogue::CATALOGUE;
    use super::super::plan;
    use super::super::wishes::Wishes;
    use super::*;
    use crate::adapt;
    use crate::config;

    fn plan_of(providers: &[&str]) -> Plan {
        let providers = providers.iter().map(|wish| (*wish).to_owned()).collect();
        let wishes = Wishes {
            providers,
            route: Some("dynamic/n8n".to_owned()),
            ..Wishes::default()
        };
        plan::of_flags(&wishes).unwrap()
    }

    /// Every provider of the catalogue, as it is written, is valid, and the built-in table knows its host.
    #[test]
    fn what_is_written_is_valid_for_every_provider() {
        for offer in &CATALOGUE {
            let mut plan = plan_of(&[offer.name]);
            plan.take_keys(&|name| Some(format!("{name}-value-1")));
            plan.refuse_gaps().unwrap();
            let (text, environment) = files(&plan, "sk-gateway-0123456789abcdef");
            let variables: BTreeMap<String, String> = environment
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let config = config::parse(&text, &variables)
                .unwrap_or_else(|errors| panic!("{text}\n{errors}"));
            assert_eq!(config.routes[0].name, "dynamic/n8n");
            let step = &config.routes[0].steps[0];
            assert_eq!(step.model, offer.model);
            assert_eq!(step.provider.keys.len(), usize::from(!offer.key.is_empty()));
            assert_eq!(step.upstream_stream, offer.name == "llamacpp");
            let of_url = |warning: &String| warning.contains("base_url");
            assert!(!config::warnings(&config).iter().any(of_url), "{text}");
            let layers = adapt::layers(step);
            let built_in = format!("built-in ({})", offer.name);
            assert_eq!(layers.first().map(|layer| &*layer.name), Some(&*built_in));
        }
    }

    #[test]
    fn models_come_through_as_they_are() {
        for model in [
            "@cf/meta/x",
            "1.0",
            "no",
            "a:",
            "a: b",
            "#x",
            "it's",
            "qwen3:8b",
            "ü",
            "-x",
            "~",
        ] {
            let plan = plan_of(&[&format!("http://10.0.0.7:1/v1={model}")]);
            let (text, _) = files(&plan, "key");
            let variables = BTreeMap::from([("GATEWAY_API_KEY".to_owned(), "k".to_owned())]);
            let config = config::parse(&text, &variables)
                .unwrap_or_else(|errors| panic!("{text}\n{errors}"));
            assert_eq!(config.routes[0].steps[0].model, model);
        }
    }
}
