//! Whole files in, configurations or messages out.

mod alerts;
mod entries;
mod files;
mod fit;
mod limits;
mod providers;
mod quotas;
mod refused;
mod routes;
mod settings;
mod step_traits;
mod top_level;
mod yaml;

use std::collections::BTreeMap;

use super::{Config, Errors, Problem, Step};

/// Secrets that must not appear in any message; [`environment`] sets a variable to each.
const SECRETS: [&str; 2] = ["sk-hidden: #1 'x'", "sk-other\"2"];

/// A configuration with nothing to spare, to which tests append.
const MINIMAL: &str = "\
api_key: k
providers:
  - {name: p, base_url: https://p.example/v1}
routes:
  - {name: r, steps: [{provider: p, model: m}]}
";

fn variables<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn environment() -> BTreeMap<String, String> {
    variables([
        ("KEY", SECRETS[0]),
        ("OTHER", SECRETS[1]),
        ("EMPTY", ""),
        ("NUMBER", "42"),
        ("CR", "sk-crlf\r"),
    ])
}

fn parse(text: &str) -> Result<Config, Errors> {
    super::parse(text, &environment())
}

/// Parses what must be valid.
fn accept(text: &str) -> Config {
    parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

/// The smallest configuration with more lines below it.
fn with(lines: &str) -> Config {
    accept(&format!("{MINIMAL}{lines}\n"))
}

/// The one step of the smallest configuration, with more settings at the top, of its route and of its own.
fn step(top: &str, route: &str, step: &str) -> Step {
    let route = format!("{{name: r, {route} steps: [{{provider: p, model: m, {step}}}]}}");
    let text = MINIMAL.replace("{name: r, steps: [{provider: p, model: m}]}", &route);
    accept(&format!("{text}{top}\n")).routes[0].steps[0].clone()
}

/// The messages about what must be wrong, without the names of places; none shows a secret.
fn refuse(text: &str) -> String {
    let errors = parse(text).expect_err(text);
    let without_place = |problem: &Problem| Problem {
        place: String::new(),
        ..problem.clone()
    };
    let problems = errors.problems().iter().map(without_place).collect();
    let message = Errors::new(problems).to_string();
    for secret in SECRETS {
        assert!(!message.contains(secret), "{message}");
    }
    message
}
