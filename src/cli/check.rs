//! `ai-gateway check`: the routes of a valid configuration, and what looks wrong in it.

use std::path::Path;
use std::process::ExitCode;

use super::ending::{complain, say};
use crate::{adapt, config};

pub fn check(path: &Path, config: config::Config) -> ExitCode {
    let mut text = format!("{} is valid\n", path.display());
    for address in &config.listen {
        text.push_str(&format!("listens on {address}\n"));
    }
    for route in &config.routes {
        text.push_str(&format!("\n{}\n", route.name));
        for (index, step) in route.steps.iter().enumerate() {
            text.push_str(&format!(
                "  {}. {}/{}\n",
                index + 1,
                step.provider.name,
                step.model
            ));
        }
    }
    for warning in config::warnings(&config)
        .into_iter()
        .map(|warning| warning.to_string())
        .chain(adapt::warnings(&config))
    {
        complain(&format_args!("warning: {warning}"));
    }
    say(&text)
}
