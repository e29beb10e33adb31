//! The help texts, made of the table of commands.

use std::fmt::Write;

use super::commands::{COMMANDS, Command, DEFAULT};
use super::options::Opt;

/// The usage below the rows of the commands.
const NOTES: &str = "       ai-gateway --version | --help | COMMAND --help

Without --config: ./config.yaml, else /etc/ai-gateway/config.yaml.
Environment: PORT (when the file has no port), LOG_LEVEL (info, debug, warn,http=debug), LOG_FORMAT (json, text),
OTLP_ENDPOINT (traces and logs to a collector, see the README), and whatever the configuration
names as ${VAR}. Exit codes: 64 wrong usage, 78 wrong configuration.
";

/// The help of the program: a line a command.
pub fn usage() -> String {
    let mut text = String::new();
    for command in COMMANDS {
        let lead = if text.is_empty() { "usage:" } else { "" };
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{lead:6} {:41} {}", form(command), command.about);
    }
    text + NOTES
}

/// The help of a command.
pub fn help(command: &Command) -> String {
    let mut text = format!("usage: {}\n\n{}", form(command), command.details);
    let options = command.options.iter().map(|option| {
        let short = option.short.map(|short| format!("-{short}, "));
        let name = short.unwrap_or_else(|| "    ".to_owned()) + &spelled(option);
        format!("  {name:22} {}\n", option.about)
    });
    let options: String = options.collect();
    if !options.is_empty() {
        text.push('\n');
        text.push_str(&options);
    }
    text
}

/// The form of a command line: `ai-gateway explain ROUTE [--config FILE]`.
fn form(command: &Command) -> String {
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
            assert!(usage.contains(&form(command)), "{usage}");
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
