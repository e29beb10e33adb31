//! `ai-gateway init`: a first configuration, asked for on a terminal or given by flags.

mod catalogue;
mod chosen_provider;
mod files;
mod key;
mod plan;
mod questions;
mod texts;
mod wishes;

use std::io::IsTerminal;

use questions::Questions;

pub use wishes::{Unwritten, Wishes};

/// Writes `config.yaml` and `.env`, and tells what to do with them.
///
/// # Errors
/// When a file is there already or cannot be written, the flags are wrong, or nobody can be asked for what they lack.
pub fn run(wishes: &Wishes) -> Result<String, Unwritten> {
    let directory = wishes.directory.clone().unwrap_or_else(|| ".".into());
    files::refuse_existing(&directory)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut plan = plan::of_flags(wishes)?;
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        Questions::on_terminal().complete(&mut plan, &variable)?;
    }
    plan.take_keys(&variable);
    plan.refuse_gaps()?;
    let gateway_key = key::random().map_err(Unwritten::Other)?;
    let (config, environment) = texts::files(&plan, &gateway_key);
    let written = files::write(&directory, &config, &environment)?;
    Ok(texts::farewell(&plan, &gateway_key, &written, &variable))
}
