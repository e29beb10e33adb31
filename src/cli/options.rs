//! The options, and the arguments of a command as they were given.

use std::ffi::OsString;
use std::path::Path;

use super::ending::Problem;
use crate::app::Process;

/// An option. Commands that take the same option share the constant: its name means the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    pub long: &'static str,
    pub short: Option<char>,
    /// The name of its value, as the usage shows it; empty for a flag.
    pub value: &'static str,
    pub about: &'static str,
}

pub const CONFIG: Opt = Opt {
    long: "config",
    short: Some('c'),
    value: "FILE",
    about: "the configuration; without it ./config.yaml, else /etc/ai-gateway/config.yaml",
};

pub const ENV_FILE: Opt = valued(
    "env-file",
    "FILE",
    "variables for the configuration; without it .env beside the configuration, if it is there",
);

pub const ONLINE: Opt = flag(
    "online",
    "call the providers: check asks for their models, selftest sends each step 5 tokens' worth",
);

pub const TEST: Opt = flag(
    "test",
    "send a message to each receiver, or to the one that is named",
);

pub const PORT: Opt = valued("port", "N", "the port to listen on; 0 for any that is free");

pub const ONCE: Opt = flag("once", "end when both answers are shown");

pub const PROVIDER: Opt = valued(
    "provider",
    "NAME[=MODEL]",
    "a provider, by name or URL; may be repeated, in the order in which they are to be tried",
);

pub const ROUTE: Opt = valued(
    "route",
    "NAME",
    "the name of a route; without it init makes home, and others look at all",
);

pub const JSON: Opt = flag("json", "print the report as JSON");

pub const YES: Opt = flag("yes", "do not ask before --online");

pub const DIRECTORY: Opt = valued(
    "directory",
    "DIRECTORY",
    "the folder to write to; without it this one",
);

pub const KEYS_LATER: Opt = flag(
    "keys-later",
    "leave keys that are not in the environment empty in .env",
);

pub const REQUEST: Opt = valued(
    "request",
    "ID",
    "the way of one of the last requests instead: each step, its standing then, its answer",
);

pub const FAILED: Opt = flag("failed", "only the requests that did not end whole");
pub const CLIENT: Opt = valued(
    "client",
    "NAME",
    "the months, days and routes of this client; without it, or with *, a month of all clients",
);

pub const MONTH: Opt = valued(
    "month",
    "YYYY-MM",
    "the usage of this month; without it the latest, and the limits",
);

pub const CSV: Opt = flag("csv", "print comma-separated values, without the limits");

/// An option without a value.
const fn flag(long: &'static str, about: &'static str) -> Opt {
    valued(long, "", about)
}

/// An option with a value of this name.
const fn valued(long: &'static str, value: &'static str, about: &'static str) -> Opt {
    Opt {
        long,
        short: None,
        value,
        about,
    }
}

/// The arguments behind a command's name, and the process that got them.
#[derive(Debug, Default)]
pub struct Arguments {
    /// The operands, as many as the command takes at most.
    pub operands: Vec<OsString>,
    /// The options in the order they were given, with their values; a flag has none.
    pub given: Vec<(Opt, OsString)>,
    pub process: Process,
}

impl Arguments {
    /// Takes an operand for the configuration, where no option names one, as people type it.
    ///
    /// # Errors
    /// Both are given.
    pub fn take_config(&mut self, index: usize) -> Result<(), Problem> {
        if index >= self.operands.len() {
            return Ok(());
        }
        let file = self.operands.remove(index);
        if self.has(&CONFIG) {
            let file = file.to_string_lossy();
            return Err(Problem(format!(
                "{file:?} and --config are two configurations"
            )));
        }
        self.given.push((CONFIG, file));
        Ok(())
    }

    /// The operand at a place, as text; empty where it was not given.
    pub fn operand(&self, index: usize) -> &str {
        let operand = self.operands.get(index).and_then(|word| word.to_str());
        operand.unwrap_or_default()
    }

    pub fn has(&self, option: &Opt) -> bool {
        self.value(option).is_some()
    }

    pub fn path(&self, option: &Opt) -> Option<&Path> {
        self.value(option).map(Path::new)
    }

    /// The number that an option was given.
    ///
    /// # Errors
    /// Its value is none.
    pub fn number(&self, option: &Opt) -> Result<Option<u16>, Problem> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        let number = value.to_str().and_then(|text| text.parse().ok());
        let wrong = || Problem(format!("--{} needs a number up to 65535", option.long));
        number.map(Some).ok_or_else(wrong)
    }

    /// The values of an option that may be repeated, as text.
    pub fn texts(&self, option: &Opt) -> Vec<String> {
        let given = self.given.iter().filter(|(other, _)| other == option);
        given
            .map(|(_, value)| value.to_string_lossy().into_owned())
            .collect()
    }

    /// The value of an option; the last one counts.
    pub fn value(&self, option: &Opt) -> Option<&OsString> {
        let mut given = self.given.iter().rev();
        let found = given.find(|(other, _)| other == option);
        found.map(|(_, value)| value)
    }
}
