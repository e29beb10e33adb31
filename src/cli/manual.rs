//! The manual page, made of the table of commands: `ai-gateway manual`, as man(7) has it.

use std::fmt::Write;

use super::commands::COMMANDS;
use super::help::{ENVIRONMENT, EXIT_CODES, form, options};

const DESCRIPTION: &str = "\
ai-gateway is a self-hosted gateway that speaks the OpenAI API. A client asks for a route by putting its name into
`model`; the gateway tries the steps of the route, each a provider and a model, in order until one answers whole.
Without a command it serves.
";

const SIGNALS: &str = "\
SIGTERM and SIGINT stop the gateway: requests in flight get up to shutdown_timeout (30 s) to end, and a second signal
ends it at once. SIGHUP has it read its configuration again; an invalid one changes nothing.
";

const PLACES: [(&str, &str); 3] = [
    (
        "./config.yaml, else /etc/ai-gateway/config.yaml",
        "The configuration.",
    ),
    (
        ".env beside the configuration",
        "Variables for it; those of the environment go first.",
    ),
    (
        "/etc/ai-gateway/env",
        "The environment of the systemd service.",
    ),
];

/// The page.
pub fn manual() -> String {
    let mut page = ManualPage(format!(
        ".TH AI\\-GATEWAY 1 \"\" \"ai\\-gateway {}\" \"\"\n",
        escaped(env!("CARGO_PKG_VERSION"))
    ));
    page.section(
        "NAME",
        "ai-gateway - failover gateway for OpenAI-compatible language models",
    );
    page.heading("SYNOPSIS");
    for command in COMMANDS {
        page.line(&form(command));
        page.0.push_str(".br\n");
    }
    page.line("ai-gateway --version | --help | COMMAND --help");
    page.section("DESCRIPTION", DESCRIPTION);
    page.heading("COMMANDS");
    for command in COMMANDS {
        let _ = writeln!(page.0, ".SS {}", escaped(command.name));
        page.text(command.details);
        for (name, about) in options(command.options) {
            page.item(&name, about);
        }
    }
    page.heading("FILES");
    for (place, about) in PLACES {
        page.item(place, about);
    }
    page.heading("ENVIRONMENT");
    for (name, about) in ENVIRONMENT {
        page.item(name, about);
    }
    page.heading("EXIT STATUS");
    for (code, about) in EXIT_CODES {
        page.item(code, about);
    }
    page.section("SIGNALS", SIGNALS);
    page.section("SEE ALSO", "https://github.com/leshchenko1979/ai-gateway");
    page.0
}

struct ManualPage(String);

impl ManualPage {
    fn section(&mut self, title: &str, text: &str) {
        self.heading(title);
        self.text(text);
    }

    fn heading(&mut self, title: &str) {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(self.0, ".SH {title}");
    }

    fn item(&mut self, name: &str, about: &str) {
        let _ = writeln!(self.0, ".TP\n.B {}", escaped(name.trim_start()));
        self.line(about);
    }

    /// A paragraph, or several with empty lines between them. Lines that are indented stay as they are.
    fn text(&mut self, text: &str) {
        let mut is_example = false;
        for line in text.lines() {
            let indented = line.starts_with(' ');
            if indented != is_example {
                self.0.push_str(if indented { ".nf\n" } else { ".fi\n" });
                is_example = indented;
            }
            match line {
                "" => self.0.push_str(".PP\n"),
                line => self.line(line),
            }
        }
        if is_example {
            self.0.push_str(".fi\n");
        }
    }

    fn line(&mut self, line: &str) {
        // A line that begins with one of these would be a request.
        let guard = if line.starts_with(['.', '\'']) {
            "\\&"
        } else {
            ""
        };
        let _ = writeln!(self.0, "{guard}{}", escaped(line));
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_every_option_has_its_place() {
        let page = manual();
        for command in COMMANDS {
            assert!(page.contains(&escaped(&form(command))), "{page}");
            for option in command.options {
                assert!(page.contains(&escaped(option.about)), "{page}");
            }
        }
    }

    #[test]
    fn no_text_becomes_a_request() {
        let mut page = ManualPage(String::new());
        page.text(".env is read\n\n  a --b \\ c\n'quoted'\n");
        assert_eq!(
            page.0,
            "\\&.env is read\n.PP\n.nf\n  a \\-\\-b \\e c\n.fi\n\\&'quoted'\n"
        );
    }
}
