//! The help texts, made of the table of commands.

use std::fmt::Write;

use super::commands::{COMMANDS, Command, DEFAULT};
use super::options::Opt;

/// The places where the program looks for things. The usage, the help and the manual read these tables.
pub const PLACES: [(&str, &str); 2] = [
    (
        "./config.yaml, else /etc/ai-gateway/config.yaml",
        "the configuration, without --config",
    ),
    (
        "/etc/ai-gateway/env",
        "the environment of the systemd service",
    ),
];

pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("PORT", "the port, when the file has none"),
    ("LOG_LEVEL", "info, debug, or by module: warn,http=debug"),
    ("LOG_FORMAT", "json, text"),
    (
        "OTLP_ENDPOINT",
        "traces, logs and metrics to a collector, see the README",
    ),
];

pub const EXIT_CODES: [(&str, &str); 4] = [
    ("0", "done"),
    ("1", "it could not be done"),
    ("64", "the command line is wrong"),
    ("78", "the configuration is wrong"),
];

/// The usage below the rows of the commands.
fn notes() -> String {
    let mut text = "       ai-gateway --version | --help | COMMAND --help\n".to_owned();
    for (title, rows) in [
        ("Places", &PLACES[..]),
        (
            "Environment, beside what the configuration names as ${VAR}",
            &ENVIRONMENT,
        ),
        ("Exit codes", &EXIT_CODES),
    ] {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "\n{title}:");
        let width = rows.iter().map(|(name, _)| name.len()).max();
        for (name, about) in rows {
            let _ = writeln!(text, "  {name:0$}  {about}", width.unwrap_or(0));
        }
    }
    text
}

/// The help of the program: a line a command.
pub fn usage() -> String {
    let mut text = String::new();
    for command in COMMANDS {
        let lead = if text.is_empty() { "usage:" } else { "" };
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{lead:6} {:41} {}",
            short_form(command),
            command.about
        );
    }
    text + &notes()
}

/// The help of a command.
pub fn help(command: &Command) -> String {
    let mut text = format!("usage: {}\n\n{}", form(command), command.details);
    let options = options(command).map(|(name, about)| format!("  {name:22} {about}\n"));
    let options: String = options.collect();
    if !options.is_empty() {
        text.push('\n');
        text.push_str(&options);
    }
    text
}

/// The form as far as the usage has room for it.
fn short_form(command: &Command) -> String {
    let whole = form(command);
    match whole.len() <= 41 {
        true => whole,
        false => format!("ai-gateway {} [OPTION ...]", command.name),
    }
}

/// The options of a command, and what they do.
pub fn options(command: &Command) -> impl Iterator<Item = (String, &'static str)> {
    command.options.iter().map(|option| {
        let short = option.short.map(|short| format!("-{short}, "));
        let name = short.unwrap_or_else(|| "    ".to_owned()) + &spelled(option);
        (name, option.about)
    })
}

/// The form of a command line: `ai-gateway explain ROUTE [--config FILE]`.
pub fn form(command: &Command) -> String {
    let mut form = "ai-gateway".to_owned();
    if command.name == DEFAULT {
        let _ = write!(form, " [{DEFAULT}]");
    } else {
        let _ = write!(form, " {}", command.name);
    }
    for operand in command.operands {
        let _ = match operand.required {
            true => write!(form, " {}", operand.name),
            false => write!(form, " [{}]", operand.name),
        };
    }
    for option in command.options {
        let _ = write!(form, " [{}]", spelled(option));
    }
    form
}

fn spelled(option: &Opt) -> String {
    let name = format!("--{} {}", option.long, option.value);
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_has_a_row_for_each_command() {
        let usage = usage();
        let rows = "usage: ai-gateway [serve] [--config FILE]        serve; what";
        assert!(usage.starts_with(rows), "{usage}");
        for command in COMMANDS {
            assert!(usage.contains(&short_form(command)), "{usage}");
        }
        assert!(usage.contains("\n       ai-gateway --version"), "{usage}");
        let longest = usage.lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(120), "{usage}");
    }

    #[test]
    fn each_command_has_a_help_of_its_own_with_its_options() {
        for command in COMMANDS {
            let help = help(command);
            assert!(help.contains(&form(command)), "{help}");
            assert!(command.details.ends_with(".\n"), "{help}");
            for option in command.options {
                assert!(help.contains(option.about), "{help}");
            }
        }
    }
}
