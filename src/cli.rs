//! The command line: arguments to an exit code.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::app::{self, WRONG_CONFIGURATION};
use crate::{config, demo};

const USAGE: &str = "\
usage: ai-gateway [--config FILE]                serve
       ai-gateway check [--config FILE]          validate the configuration, list its routes or all its errors
       ai-gateway explain ROUTE [--config FILE]  show a route's steps, and what is cooling if the gateway runs
       ai-gateway healthcheck [--config FILE]    ask the running gateway's /health; exit code 0 or 1
       ai-gateway reload                         have the running gateway read its configuration again (SIGHUP)
       ai-gateway demo [--port N] [--once]       run on two embedded providers: no configuration, key or network
       ai-gateway --version | --help

Without --config: ./config.yaml, else /etc/ai-gateway/config.yaml.
Environment: PORT (when the file has no port), LOG_LEVEL (info, debug, warn,http=debug), LOG_FORMAT (json, text),
OTLP_ENDPOINT (traces and logs to a collector, see the README), and whatever the configuration
names as ${VAR}. Exit codes: 64 wrong usage, 78 wrong configuration.
";

/// `EX_USAGE` of sysexits.h.
const WRONG_USAGE: u8 = 64;

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Serve {
        config: Option<PathBuf>,
    },
    Check {
        config: Option<PathBuf>,
    },
    Explain {
        route: String,
        config: Option<PathBuf>,
    },
    Healthcheck {
        config: Option<PathBuf>,
    },
    Reload,
    Demo {
        port: Option<u16>,
        once: bool,
    },
    Version,
    Help,
}

/// Runs the command that the arguments, without the program's name, ask for. `inherited` are the sockets that a service
/// manager has opened for the gateway, see [`crate::service_manager`].
pub fn run(arguments: impl Iterator<Item = OsString>, inherited: Vec<OwnedFd>) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(problem) => {
            complain(&format!("{problem}\n\n{USAGE}"));
            return ExitCode::from(WRONG_USAGE);
        }
    };
    match command {
        Command::Serve { config } => with_config(config.as_deref(), |path, config| {
            app::serve(path, config, inherited)
        }),
        Command::Check { config } => with_config(config.as_deref(), check),
        Command::Explain { route, config } => with_config(config.as_deref(), |_, config| {
            ended(app::explain(&route, &config))
        }),
        Command::Healthcheck { config } => with_config(config.as_deref(), |_, config| {
            ended(app::healthcheck(&config))
        }),
        Command::Reload => ended(app::reload()),
        Command::Demo { port, once } => ended(demo::run(port, once)),
        Command::Version => say(concat!("ai-gateway ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Help => say(USAGE),
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut words = Vec::new();
    let mut config = None;
    let mut port = None;
    let mut once = false;
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name.to_owned(), Some(value.to_owned()))
            }
            _ => (text, None),
        };
        let mut value = || match attached.clone() {
            Some(value) => Ok(OsString::from(value)),
            None => arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value")),
        };
        match name.as_str() {
            "--config" | "-c" => config = Some(PathBuf::from(value()?)),
            "--port" => {
                let given = value()?;
                let number = given.to_str().and_then(|text| text.parse().ok());
                port = Some(number.ok_or_else(|| "--port needs a number up to 65535".to_owned())?);
            }
            "--once" => once = true,
            "--version" | "-V" => return Ok(Command::Version),
            "--help" | "-h" => return Ok(Command::Help),
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => words.push(name),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let command = match words.as_slice() {
        [] => Command::Serve { config },
        ["check"] => Command::Check { config },
        ["explain", route] => Command::Explain {
            route: (*route).to_owned(),
            config,
        },
        ["explain"] => return Err("explain needs the name of a route".to_owned()),
        ["healthcheck"] => Command::Healthcheck { config },
        ["reload"] if config.is_some() => {
            return Err(
                "reload takes no configuration: the running gateway knows its own".to_owned(),
            );
        }
        ["reload"] => Command::Reload,
        ["demo"] if config.is_some() => return Err("demo takes no configuration".to_owned()),
        ["demo"] => return Ok(Command::Demo { port, once }),
        ["help"] => return Ok(Command::Help),
        [word, ..] => return Err(format!("unknown command {word}")),
    };
    if port.is_some() || once {
        return Err("--port and --once belong to demo".to_owned());
    }
    Ok(command)
}

/// Finds and loads the configuration, or says every error in it.
fn with_config(
    explicit: Option<&Path>,
    command: impl FnOnce(&Path, config::Config) -> ExitCode,
) -> ExitCode {
    let path = match config::find(explicit) {
        Ok(path) => path,
        Err(error) => return wrong_configuration(&error),
    };
    match config::load(&path) {
        Ok(config) => command(&path, config),
        Err(error) => wrong_configuration(&error),
    }
}

fn wrong_configuration(problem: &dyn Display) -> ExitCode {
    complain(problem);
    ExitCode::from(WRONG_CONFIGURATION)
}

fn check(path: &Path, config: config::Config) -> ExitCode {
    let mut text = format!("{} is valid\n", path.display());
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
    say(&text)
}

fn ended(result: Result<String, impl Display>) -> ExitCode {
    match result {
        Ok(text) => say(&text),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// A reader that has gone (`ai-gateway --help | head -1`) is no failure.
fn say(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(problem: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "ai-gateway: {problem}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_documented_form_is_understood() {
        let file = Some(PathBuf::from("a.yaml"));
        for (line, command) in [
            ("", Command::Serve { config: None }),
            (
                "--config a.yaml",
                Command::Serve {
                    config: file.clone(),
                },
            ),
            (
                "--config=a.yaml check",
                Command::Check {
                    config: file.clone(),
                },
            ),
            ("check -c a.yaml", Command::Check { config: file }),
            (
                "explain x/y",
                Command::Explain {
                    route: "x/y".into(),
                    config: None,
                },
            ),
            ("healthcheck", Command::Healthcheck { config: None }),
            (
                "demo --once --port 0",
                Command::Demo {
                    port: Some(0),
                    once: true,
                },
            ),
            ("reload", Command::Reload),
            ("--version", Command::Version),
            ("demo --help", Command::Help),
        ] {
            assert_eq!(parsed(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn a_typo_is_not_taken_for_serve() {
        for line in [
            "serv",
            "--confg a.yaml",
            "check extra",
            "--config",
            "demo --port x",
            "check --once",
            "demo --config a.yaml",
            "explain",
            "reload --config a.yaml",
            "reload 12",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
