//! The command line: arguments to an exit code.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::Arg::{Long, Short, Value};

use crate::app::{self, WRONG_CONFIGURATION};
use crate::explain::reached_by;
use crate::{adapt, config, demo};

/// `EX_USAGE` of sysexits.h.
const WRONG_USAGE: u8 = 64;

/// A row of the usage.
struct Subcommand {
    /// The name; empty for serving, the default.
    name: &'static str,
    /// The operand that the name must be followed by, as the usage shows it; empty where there is none.
    operand: &'static str,
    options: &'static [Opt],
    about: &'static str,
    run: fn(Arguments) -> ExitCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opt {
    Config,
    Port,
    Once,
}

/// The arguments beside the subcommand's name. The sockets are those that a service manager has opened for the gateway,
/// see [`crate::service_manager`].
#[derive(Debug, Default)]
struct Arguments {
    operand: String,
    config: Option<PathBuf>,
    port: Option<u16>,
    once: bool,
    inherited: Vec<OwnedFd>,
}

const SUBCOMMANDS: [Subcommand; 6] = [
    Subcommand {
        name: "",
        operand: "",
        options: &[Opt::Config],
        about: "serve",
        run: |arguments| {
            with_config(arguments.config.as_deref(), |path, config| {
                app::serve(path, config, arguments.inherited)
            })
        },
    },
    Subcommand {
        name: "check",
        operand: "",
        options: &[Opt::Config],
        about: "validate the configuration, list its routes or all its errors",
        run: |arguments| with_config(arguments.config.as_deref(), check),
    },
    Subcommand {
        name: "explain",
        operand: "ROUTE",
        options: &[Opt::Config],
        about: "show a route's steps, and what is cooling if the gateway runs",
        run: |arguments| {
            with_config(arguments.config.as_deref(), |_, config| {
                ended(app::explain(&arguments.operand, &config))
            })
        },
    },
    Subcommand {
        name: "healthcheck",
        operand: "",
        options: &[Opt::Config],
        about: "ask the running gateway's /health; exit code 0 or 1",
        run: |arguments| {
            with_config(arguments.config.as_deref(), |_, config| {
                ended(app::healthcheck(&config))
            })
        },
    },
    Subcommand {
        name: "reload",
        operand: "",
        options: &[],
        about: "have the running gateway read its configuration again (SIGHUP)",
        run: |_| ended(app::reload()),
    },
    Subcommand {
        name: "demo",
        operand: "",
        options: &[Opt::Port, Opt::Once],
        about: "run on two embedded providers: no configuration, key or network",
        run: |arguments| ended(demo::run(arguments.port, arguments.once)),
    },
];

/// The usage below the rows of the subcommands.
const NOTES: &str = "       ai-gateway --version | --help

Without --config: ./config.yaml, else /etc/ai-gateway/config.yaml.
Environment: PORT (when the file has no port), LOG_LEVEL (info, debug, warn,http=debug), LOG_FORMAT (json, text),
OTLP_ENDPOINT (traces and logs to a collector, see the README), and whatever the configuration
names as ${VAR}. Exit codes: 64 wrong usage, 78 wrong configuration.
";

/// The command line, parsed.
enum Invocation {
    Run(&'static Subcommand, Arguments),
    Version,
    Usage,
}

/// Runs the subcommand that the arguments, without the program's name, ask for.
pub fn run(arguments: impl Iterator<Item = OsString>, inherited: Vec<OwnedFd>) -> ExitCode {
    match parse(lexopt::Parser::from_args(arguments)) {
        Ok(Invocation::Run(subcommand, arguments)) => (subcommand.run)(Arguments {
            inherited,
            ..arguments
        }),
        Ok(Invocation::Version) => say(concat!("ai-gateway ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Invocation::Usage) => say(&usage()),
        Err(problem) => {
            complain(&format!("{problem}\n\n{}", usage()));
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn parse(mut parser: lexopt::Parser) -> Result<Invocation, lexopt::Error> {
    let (mut arguments, mut given, mut words) = (Arguments::default(), Vec::new(), Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") | Short('c') => {
                arguments.config = Some(parser.value()?.into());
                given.push(Opt::Config);
            }
            Long("port") => {
                let number = parser.value()?;
                let number = number.to_str().and_then(|text| text.parse().ok());
                arguments.port = Some(number.ok_or("--port needs a number up to 65535")?);
                given.push(Opt::Port);
            }
            Long("once") => {
                arguments.once = true;
                given.push(Opt::Once);
            }
            Long("version") | Short('V') => return Ok(Invocation::Version),
            Long("help") | Short('h') => return Ok(Invocation::Usage),
            Value(word) => words.push(word.to_string_lossy().into_owned()),
            Long(_) | Short(_) => return Err(argument.unexpected()),
        }
    }
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    if name == "help" {
        return Ok(Invocation::Usage);
    }
    let mut rows = SUBCOMMANDS.iter();
    let Some(subcommand) = rows.find(|row| row.name == name) else {
        return Err(format!("unknown command {name}").into());
    };
    if !subcommand.operand.is_empty() {
        let missing = || format!("{name} needs a {}", subcommand.operand);
        arguments.operand = words.next().ok_or_else(missing)?;
    }
    if let Some(word) = words.next() {
        return Err(lexopt::Error::UnexpectedArgument(word.into()));
    }
    match given
        .iter()
        .find(|option| !subcommand.options.contains(option))
    {
        None => Ok(Invocation::Run(subcommand, arguments)),
        Some(Opt::Config) if subcommand.name == "reload" => {
            Err("reload takes no configuration: the running gateway knows its own".into())
        }
        Some(Opt::Config) => Err(format!("{name} takes no configuration").into()),
        Some(Opt::Port | Opt::Once) => Err("--port and --once belong to demo".into()),
    }
}

fn usage() -> String {
    let rows = SUBCOMMANDS.iter().map(|row| {
        let options = row.options.iter().map(|option| match option {
            Opt::Config => "[--config FILE]",
            Opt::Port => "[--port N]",
            Opt::Once => "[--once]",
        });
        let words = ["ai-gateway", row.name, row.operand].into_iter();
        let words = words.filter(|word| !word.is_empty()).chain(options);
        let form = words.collect::<Vec<_>>().join(" ");
        let lead = if row.name.is_empty() { "usage:" } else { "" };
        format!("{lead:6} {form:41} {}\n", row.about)
    });
    rows.chain([NOTES.to_owned()]).collect()
}

/// Finds and loads the configuration, or prints every problem in it.
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
        for line in reached_by(route, &config) {
            text.push_str(&format!("  {line}\n"));
        }
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

/// Prints a text. A reader that has gone (`ai-gateway --help | head -1`) is no failure.
fn say(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(problem: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "ai-gateway: {problem}");
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn parsed(line: &str) -> Result<Invocation, lexopt::Error> {
        parse(lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn every_documented_form_is_understood() {
        let file = Some("a.yaml");
        for (line, name, operand, config, port, once) in [
            ("", "", "", None, None, false),
            ("--config a.yaml", "", "", file, None, false),
            ("--config=a.yaml check", "check", "", file, None, false),
            ("check -c a.yaml", "check", "", file, None, false),
            ("explain x/y", "explain", "x/y", None, None, false),
            ("explain -ca.yaml x/y", "explain", "x/y", file, None, false),
            ("healthcheck", "healthcheck", "", None, None, false),
            ("demo --once --port 0", "demo", "", None, Some(0), true),
            ("reload", "reload", "", None, None, false),
        ] {
            let Ok(Invocation::Run(subcommand, arguments)) = parsed(line) else {
                panic!("{line}");
            };
            let config = config.map(PathBuf::from);
            assert_eq!(
                (subcommand.name, &*arguments.operand, arguments.config),
                (name, operand, config),
                "{line}"
            );
            assert_eq!((arguments.port, arguments.once), (port, once), "{line}");
        }
        assert!(matches!(parsed("--version"), Ok(Invocation::Version)));
        for line in ["demo --help", "help", "-h"] {
            assert!(matches!(parsed(line), Ok(Invocation::Usage)), "{line}");
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_comes_through_in_both_spellings() {
        let path = OsString::from_vec(b"/tmp/\xff.yaml".to_vec());
        let mut attached = OsString::from("--config=");
        attached.push(&path);
        for words in [vec![attached], vec!["--config".into(), path.clone()]] {
            let Ok(Invocation::Run(_, arguments)) = parse(lexopt::Parser::from_args(words)) else {
                panic!("{path:?}");
            };
            assert_eq!(arguments.config.as_deref(), Some(Path::new(&path)));
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

    #[test]
    fn the_usage_has_a_row_for_each_subcommand() {
        let usage = usage();
        let rows = "usage: ai-gateway [--config FILE]                serve
       ai-gateway check [--config FILE]          validate the configuration, list its routes or all its errors
       ai-gateway explain ROUTE [--config FILE]  show a route's steps, and what is cooling if the gateway runs
";
        assert!(usage.starts_with(rows), "{usage}");
        assert!(usage.contains("\n       ai-gateway --version"), "{usage}");
        assert!(
            usage.contains("\n       ai-gateway demo [--port N] [--once]       run on"),
            "{usage}"
        );
    }
}
