//! `ai-gateway alert --test`: a message to each receiver of alerts.

use std::fmt::Write as _;

use crate::config::{Config, did_you_mean};
use crate::gateway::{Context, alerts};
use crate::upstream::Client;

/// Sends a message to the receiver of this name, or to all of them for an empty one. A line for each comes back, and
/// whether all arrived. Blocks (10 s at most for each).
///
/// # Errors
/// The receiver is unknown, or the client cannot be made, as where a `ca_file` is none.
pub fn alert_test(config: &Config, name: &str) -> Result<(String, bool), String> {
    if config.alerts.is_empty() {
        return Err("the configuration has no alerts".to_owned());
    }
    let wanted = config.alerts.iter();
    let wanted = wanted.filter(|alert| name.is_empty() || alert.name == name);
    let wanted: Vec<_> = wanted.collect();
    if wanted.is_empty() {
        let names = config.alerts.iter().map(|alert| alert.name.as_str());
        let suggestion = did_you_mean(name, names.clone());
        let names = names.collect::<Vec<_>>().join(", ");
        return Err(format!(
            "no receiver is called {name:?}; there are {names}{suggestion}"
        ));
    }
    let client = Client::new(Context::upstream_settings(config))?;
    let redactor = config.redactor();
    let (mut text, mut all_arrived) = (String::new(), true);
    for alert in wanted {
        let (name, kind) = (&alert.name, alert.kind.label());
        let result = match alerts::try_receiver(&client, alert, &redactor) {
            Ok(status) => format!("sent (HTTP status {status})"),
            Err(reason) => {
                all_arrived = false;
                format!("not sent: {reason}")
            }
        };
        // Writing into a String cannot fail.
        let _ = match name == kind {
            true => writeln!(text, "{name}: {result}"),
            false => writeln!(text, "{name} ({kind}): {result}"),
        };
    }
    Ok((text, all_arrived))
}
