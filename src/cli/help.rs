//! The help texts, made of the table of commands.

use std::fmt::Write;

use super::commands::{COMMANDS, Command, DEFAULT};
use super::options::{CONFIG, ENV_FILE, Opt};

/// The options that most commands take: the usage names them once.
const COMMON: [Opt; 2] = [CONFIG, ENV_FILE];

/// The width of a command line in the usage (characters).
const FORM: usize = 39;

pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("PORT", "the port, when the file has none"),
    ("LOG_LEVEL", "info, debug, or by module: warn,http=debug"),
    ("LOG_FORMAT", "json or text"),
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

/// The help of the program: a line a command.
pub fn usage() -> String {
    let mut text = String::new();
    for command in COMMANDS {
        let lead = if text.is_empty() { "usage:" } else { "" };
        let form = short_form(command);
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(text, "{lead:6} {form:FORM$} {}", command.about);
    }
    text.push_str("       ai-gateway --version | --help | COMMAND --help\n\n");
    push_options(&mut text, &COMMON);
    for (title, rows) in [
        (
            "Environment, beside what the configuration names as ${VAR}",
            ENVIRONMENT,
        ),
        ("Exit codes", EXIT_CODES),
    ] {
        let _ = writeln!(text, "\n{title}:");
        for (name, about) in rows {
            let _ = writeln!(text, "  {name:22} {about}");
        }
    }
    text
}

/// The help of a command.
pub fn help(command: &Command) -> String {
    let mut text = format!("usage: {}\n\n{}", form(command), command.details);
    if !command.options.is_empty() {
        text.push('\n');
        push_options(&mut text, command.options);
    }
    text
}

/// The options as they are typed, and what they do.
pub fn options(options: &[Opt]) -> impl Iterator<Item = (String, &'static str)> {
    options.iter().map(|option| {
        let short = option.short.map(|short| format!("-{short}, "));
        let name = short.unwrap_or_else(|| "    ".to_owned()) + &spelled(option);
        (name, option.about)
    })
}

fn push_options(text: &mut String, of: &[Opt]) {
    for (name, about) in options(of) {
        let _ = writeln!(text, "  {name:22} {about}");
    }
}

/// The form of a command line: `ai-gateway explain ROUTE [--config FILE]`.
pub fn form(command: &Command) -> String {
    form_without(command, &[])
}

/// The form as far as the usage has room for it.
fn short_form(command: &Command) -> String {
    let form = form_without(command, &COMMON);
    match form.len() <= FORM {
        true => form,
        false => format!("ai-gateway {} [OPTION ...]", command.name),
    }
}

fn form_without(command: &Command, left_out: &[Opt]) -> String {
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
        if !left_out.contains(option) {
            let _ = write!(form, " [{}]", spelled(option));
        }
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
        let rows = "usage: ai-gateway [serve]                      serve; what";
        assert!(usage.starts_with(rows), "{usage}");
        for command in COMMANDS {
            assert!(usage.contains(&short_form(command)), "{usage}");
        }
        assert!(usage.contains("\n       ai-gateway --version"), "{usage}");
        let longest = usage.lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(125), "{usage}");
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
