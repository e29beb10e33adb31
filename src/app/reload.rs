//! A reload: another configuration for the gateway that runs.

use std::path::Path;

use crate::config::{self, Config, EdgeLimits};
use crate::gateway::Reloadable;
use crate::telemetry::Masking;

/// The most lines of a refusal; a file with more problems is another kind of file.
const MOST_LINES: usize = 100;

/// Reads the file again. A valid configuration takes over for new requests, an invalid one leaves all as it was. Both
/// are logged.
///
/// # Errors
/// The problems of the file, a line each.
pub fn reload(path: &Path, current: &Reloadable, masking: &Masking) -> Result<(), String> {
    let loaded = config::load(path).map_err(|error| error.to_string());
    let taken = loaded.and_then(|config| take_over(path, current, masking, config));
    taken.map_err(|problem| {
        let lines: Vec<&str> = problem.lines().take(MOST_LINES).collect();
        for line in &lines {
            log::error!(error = line; "the new configuration is refused");
        }
        lines.join("\n")
    })
}

fn take_over(
    path: &Path,
    current: &Reloadable,
    masking: &Masking,
    config: Config,
) -> Result<(), String> {
    let old = current.config();
    let late = needs_restart(&old, &config);
    // Requests in flight end with the old keys, and the first ones with the new keys come at once.
    masking.replace(old.redactor().and(&config.redactor()));
    current
        .reload(config)
        .inspect_err(|_| masking.replace(old.redactor()))?;
    log::info!(config:% = path.display(); "reloaded");
    if !late.is_empty() {
        log::warn!(settings = late.join(", ").as_str(); "takes effect with a restart");
    }
    Ok(())
}

/// The settings that differ and belong to the server that is already listening.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let edge = |server: &EdgeLimits| EdgeLimits {
        // These two are the gateway's.
        max_answer: 0,
        connect_timeout: Default::default(),
        ..server.clone()
    };
    let mut late = Vec::new();
    if old.listen != new.listen {
        late.push("listen (or port)");
    }
    if edge(&old.server) != edge(&new.server) {
        late.push("server");
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Config {
        let rest = "api_key: some-client-key\nproviders: [{name: a, base_url: 'http://localhost:1/v1'}]\n\
                    routes: [{name: r, steps: [{provider: a, model: m}]}]\n";
        config::parse(
            &format!("{text}\n{rest}"),
            &std::collections::BTreeMap::new(),
        )
        .unwrap()
    }

    #[test]
    fn what_the_listening_server_cannot_change_is_named() {
        let old = parsed("listen: 127.0.0.1:8080");
        for (text, late) in [
            ("listen: 127.0.0.1:8080", &[][..]),
            ("listen: 127.0.0.1:8081", &["listen (or port)"][..]),
            (
                "listen: 127.0.0.1:8080\nserver: {max_body: 1MiB}",
                &["server"],
            ),
            (
                "listen: 127.0.0.1:8080\nserver: {max_answer: 1MiB, connect_timeout: 1s}",
                &[],
            ),
        ] {
            assert_eq!(needs_restart(&old, &parsed(text)), late, "{text}");
        }
    }
}
