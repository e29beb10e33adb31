//! `ai-gateway check`: the routes of a valid configuration, and what looks wrong in it.

use std::process::ExitCode;

use super::ending::{complain, ended, say};
use crate::config::{self, Loaded, Source};
use crate::{adapt, app};

/// `online` has the providers asked as well.
pub fn check(source: Source, loaded: Loaded, online: bool) -> ExitCode {
    let config = loaded.config;
    let mut text = format!("{} is valid\n", source.file.display());
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
