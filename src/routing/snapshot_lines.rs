//! The lines in a snapshot: whole ones for a reload, what is worth it for the state file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;

use super::ledger::Ledger;
use super::ledger_store::KeptTarget;
use super::snapshot::{KeyIdentity, coverage, key_hash};
use super::target::{Coverage, KeyedModel};
use crate::limits::UnixMs;
use crate::quota::{KeptLine, Moment};

/// A line in the state file.
#[derive(Debug, Serialize, Deserialize)]
struct LineEntry {
    provider: String,
    key: KeyIdentity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    line: KeptLine,
}

/// All that is counted of a target, for a reload.
#[derive(Clone, Debug)]
pub(super) struct TargetEntry {
    provider: String,
    key: KeyIdentity,
    /// `None`: the lines that all models share.
    model: Option<String>,
    target: KeptTarget,
}

/// The lines as the state file holds them.
pub(super) fn to_values(ledger: &Ledger, config: &Config, at: Moment, salt: u64) -> Vec<Value> {
    let lines = ledger.store.all_lines();
    let entries = lines.filter_map(|(covers, line, _)| {
        let line = line.keep(at)?;
        let provider = config.providers.get(covers.provider)?;
        Some(LineEntry {
            provider: provider.name.clone(),
            key: identity(config, covers, salt)?,
            model: covers.model.map(str::to_owned),
            line,
        })
    });
    entries
        .filter_map(|entry| serde_json::to_value(entry).ok())
        .collect()
}

/// Takes over the lines of a state file, as far as they are still configured.
pub(super) fn restore(
    ledger: &mut Ledger,
    values: &[Value],
    config: &Config,
    at: Moment,
    (salt, written): (u64, Option<UnixMs>),
) {
    for value in values {
        let Ok(entry) = LineEntry::deserialize(value) else {
            continue;
        };
        let (key, model) = (Some(&entry.key), entry.model.as_deref());
        let Some(covers) = coverage(&entry.provider, key, model, config, salt) else {
            continue;
        };
        let (Some(unit), Some(window)) = (entry.line.unit(), entry.line.window()) else {
            continue;
        };
        if let Some(line) = ledger.store.line_mut(covers, unit, window) {
            line.restore(&entry.line, at, written);
        }
    }
}

/// All that is counted, for a reload.
pub(super) fn targets(ledger: &Ledger, config: &Config, salt: u64) -> Vec<TargetEntry> {
    let targets = ledger.store.kept_targets();
    let entries = targets.filter_map(|(covers, target)| {
        Some(TargetEntry {
            provider: config.providers.get(covers.provider)?.name.clone(),
            key: identity(config, covers, salt)?,
            model: covers.model.map(str::to_owned),
            target,
        })
    });
    entries.collect()
}

/// Takes over all that was counted under another configuration.
pub(super) fn take_over(ledger: &mut Ledger, entries: &[TargetEntry], config: &Config, salt: u64) {
    for entry in entries {
        let (key, model) = (Some(&entry.key), entry.model.as_deref());
        if let Some(covers) = coverage(&entry.provider, key, model, config, salt)
            && let Some(key) = covers.key
        {
            let account = ledger.store.account(KeyedModel {
                provider: covers.provider,
                key,
                model: covers.model.unwrap_or_default(),
            });
            // Keys that are one account now were not before: the first one's count stands.
            if account.key == key {
                ledger.store.take_over(covers, &entry.target);
            }
        }
    }
}

fn identity(config: &Config, covers: Coverage<'_>, salt: u64) -> Option<KeyIdentity> {
    let provider = config.providers.get(covers.provider)?;
    let index = covers.key?;
    Some(KeyIdentity {
        index,
        hash: key_hash(provider, index, salt),
    })
}
