//! `ai-gateway check`: the routes of a valid configuration, and what looks wrong in it.

use std::process::ExitCode;

use super::ending::{complain, ended, say};
use crate::config::{self, Config, Loaded, Source};
use crate::explain::reached_by;
use crate::{adapt, app};

/// `online` has the providers asked as well.
pub fn check(source: Source, loaded: Loaded, online: bool) -> ExitCode {
    let config = loaded.config;
    let mut text = format!("{} is valid\n", source.file.display());
    text.push_str(&listening(&config));
    for route in &config.routes {
        text.push_str(&format!("\n{}\n", route.name));
        for line in reached_by(route, &config) {
            text.push_str(&format!("  {line}\n"));
        }
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
    say(&text);
    if !online {
        return ExitCode::SUCCESS;
    }
    match app::online_check(&config) {
        Ok((text, is_well)) => {
            say(&text);
            ExitCode::from(u8::from(!is_well))
        }
        Err(error) => ended(Err(error)),
    }
}

/// A line for each address, with the protocol of one that serves a single protocol.
fn listening(config: &Config) -> String {
    let ollama = config.ollama.as_ref().and_then(|ollama| ollama.listen);
    let wyoming = config.wyoming.as_ref().map(|wyoming| wyoming.listen);
    let mut lines = String::new();
    for address in &config.listen {
        lines.push_str(&format!("listens on {address}\n"));
    }
    for (address, protocol) in [(ollama, "ollama"), (wyoming, "wyoming")] {
        if let Some(address) = address {
            lines.push_str(&format!("listens on {address} ({protocol})\n"));
        }
    }
    lines
}
