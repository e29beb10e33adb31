//! The command line, parsed by the table of commands.

use std::ffi::OsString;
use std::path::Path;

use lexopt::Arg::{Long, Short, Value};

use super::commands::{COMMANDS, Command, DEFAULT, named};
use super::ending::Problem;
use super::options::{Arguments, Opt};
use crate::app::Process;
use crate::config::{closest, did_you_mean};

/// A command line that was understood.
pub enum Invocation {
    Run(&'static Command, Arguments),
    Version,
    /// The help of a command, or that of the program.
    Help(Option<&'static Command>),
}

/// A command line that was not understood, and the command that it is about, if one could be told.
#[derive(Debug)]
pub struct Misunderstood {
    pub problem: Problem,
    pub command: Option<&'static str>,
}

/// Reads the arguments, without the program's name. Options may stand before the command.
///
/// # Errors
/// The first argument that is not understood.
pub fn parse(parser: lexopt::Parser) -> Result<Invocation, Misunderstood> {
    let mut words = Vec::new();
    let of_command = |problem: Problem, words: &[OsString]| {
        let named = words.first().and_then(|word| named(word.to_str()?));
        let command = named.map(|command| command.name);
        Misunderstood { problem, command }
    };
    let special = read(parser, &mut words);
    let (given, special) = special.map_err(|problem| of_command(problem, &words))?;
    let invocation = invocation(given, special, &words);
    invocation.map_err(|problem| of_command(problem, &words))
}

/// An option that every command has.
#[derive(PartialEq)]
enum Special {
    Version,
    Help,
}

type Given = Vec<(Opt, OsString)>;

fn read(
    mut parser: lexopt::Parser,
    words: &mut Vec<OsString>,
) -> Result<(Given, Option<Special>), Problem> {
    let (mut given, mut special) = (Vec::new(), None);
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Value(word) => {
                words.push(word);
                continue;
            }
            Long("version") | Short('V') => {
                special.get_or_insert(Special::Version);
                continue;
            }
            Long("help") | Short('h') => {
                special.get_or_insert(Special::Help);
                continue;
            }
            Long(name) => options().find(|option| option.long == name),
            Short(letter) => options().find(|option| option.short == Some(letter)),
        };
        let Some(option) = option else {
            // Whoever asks for help gets it, however the rest of the line looks.
            if special == Some(Special::Help) {
                continue;
            }
            return Err(unknown_option(&argument, words));
        };
        let value = match option.value {
            "" => OsString::new(),
            _ => parser.value()?,
        };
        given.push((*option, value));
    }
    Ok((given, special))
}

fn options() -> impl Iterator<Item = &'static Opt> {
    COMMANDS.iter().flat_map(|command| command.options)
}

fn unknown_option(argument: &lexopt::Arg, words: &[OsString]) -> Problem {
    let Long(name) = argument else {
        let Short(letter) = argument else {
            return Problem("an argument is not understood".to_owned());
        };
        return Problem(format!("unknown option -{letter}"));
    };
    let command = words.first().and_then(|word| named(word.to_str()?));
    let near = match command {
        Some(command) => closest(name, command.options.iter().map(|option| option.long)),
        None => closest(name, options().map(|option| option.long)),
    };
    let near = near.map(|near| format!(", did you mean --{near}?"));
    Problem(format!(
        "unknown option --{name}{}",
        near.unwrap_or_default()
    ))
}

fn invocation(
    given: Given,
    special: Option<Special>,
    words: &[OsString],
) -> Result<Invocation, Problem> {
    let mut words = words.iter();
    let mut name = words.next();
    let mut asks_for_help = special == Some(Special::Help);
    if name.is_some_and(|name| name == "help") {
        asks_for_help = true;
        name = words.next();
    }
    if special == Some(Special::Version) {
        return Ok(Invocation::Version);
    }
    let Some(name) = name else {
        if asks_for_help {
            return Ok(Invocation::Help(None));
        }
        let serve = named(DEFAULT).ok_or_else(|| Problem("there is nothing to run".to_owned()))?;
        return arguments(serve, given, &[]);
    };
    let command = name.to_str().and_then(named);
    let command = command.ok_or_else(|| unknown_command(name))?;
    if asks_for_help {
        return Ok(Invocation::Help(Some(command)));
    }
    arguments(command, given, words.as_slice())
}

fn unknown_command(name: &OsString) -> Problem {
    let shown = name.to_string_lossy();
    if Path::new(name).is_file() {
        return Problem(format!(
            "{shown} is a file and no command: ai-gateway --config {shown} serves with it"
        ));
    }
    let near = did_you_mean(&shown, COMMANDS.iter().map(|command| command.name));
    Problem(format!("unknown command {shown:?}{near}"))
}

fn arguments(
    command: &'static Command,
    given: Given,
    words: &[OsString],
) -> Result<Invocation, Problem> {
    let name = command.name;
    if let Some(missing) = command.operands.get(words.len())
        && missing.required
    {
        return Err(Problem(format!("{name} needs a {}", missing.name)));
    }
    if let Some(word) = words.get(command.operands.len()) {
        let word = word.to_string_lossy();
        return Err(Problem(format!("{name} does not take {word:?}")));
    }
    let foreign = given
        .iter()
        .find(|(option, _)| !command.options.contains(option));
    if let Some((option, _)) = foreign {
        let owners = COMMANDS
            .iter()
            .filter(|other| other.options.contains(option));
        let owners: Vec<&str> = owners.map(|owner| owner.name).collect();
        return Err(Problem(format!(
            "{name} takes no --{}: it belongs to {}",
            option.long,
            owners.join(", ")
        )));
    }
    let arguments = Arguments {
        operands: words.to_vec(),
        given,
        process: Process::default(),
    };
    Ok(Invocation::Run(command, arguments))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::super::options::{CONFIG, ONCE, PORT};
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, Misunderstood> {
        parse(lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn every_documented_form_is_understood() {
        let file = Some(Path::new("a.yaml"));
        for (line, name, operand, config, port, once) in [
            ("", "serve", "", None, None, false),
            ("serve", "serve", "", None, None, false),
            ("--config a.yaml", "serve", "", file, None, false),
            ("--config=a.yaml check", "check", "", file, None, false),
            ("check -c a.yaml", "check", "", file, None, false),
            ("explain x/y", "explain", "x/y", None, None, false),
            ("explain -ca.yaml x/y", "explain", "x/y", file, None, false),
            ("healthcheck", "healthcheck", "", None, None, false),
            ("demo --once --port 0", "demo", "", None, Some(0), true),
            ("reload", "reload", "", None, None, false),
            ("tail --route x --failed", "tail", "", None, None, false),
        ] {
            let Ok(Invocation::Run(command, arguments)) = parsed(line) else {
                panic!("{line}");
            };
            assert_eq!(
                (command.name, arguments.operand(0), arguments.path(&CONFIG)),
                (name, operand, config),
                "{line}"
            );
            assert_eq!(arguments.number(&PORT).unwrap(), port, "{line}");
            assert_eq!(arguments.has(&ONCE), once, "{line}");
        }
        assert!(matches!(parsed("--version"), Ok(Invocation::Version)));
    }

    #[test]
    fn help_is_that_of_the_command_where_one_is_named() {
        for (line, expected) in [
            ("--help", None),
            ("-h", None),
            ("help", None),
            ("demo --help", Some("demo")),
            ("--help demo", Some("demo")),
            ("help demo", Some("demo")),
            ("explain -h", Some("explain")),
            ("check --help --nonsense", Some("check")),
        ] {
            let Ok(Invocation::Help(command)) = parsed(line) else {
                panic!("{line}");
            };
            assert_eq!(command.map(|command| command.name), expected, "{line}");
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
            assert_eq!(arguments.path(&CONFIG), Some(Path::new(&path)));
        }
    }

    #[test]
    fn a_typo_is_not_taken_for_serve_and_the_word_that_was_meant_is_named() {
        for (line, words, command) in [
            ("serv", "did you mean \"serve\"?", None),
            ("chekc", "did you mean \"check\"?", None),
            ("xyz", "unknown command \"xyz\"", None),
            ("Cargo.toml", "--config Cargo.toml", None),
            ("help chekc", "did you mean \"check\"?", None),
            ("--confg a.yaml", "did you mean --config?", None),
            (
                "check --confg a.yaml",
                "did you mean --config?",
                Some("check"),
            ),
            ("check -x", "unknown option -x", Some("check")),
            ("check one two", "does not take \"two\"", Some("check")),
            ("--config", "missing argument", None),
            ("check --once", "belongs to demo", Some("check")),
            (
                "demo --config a.yaml",
                "demo takes no --config",
                Some("demo"),
            ),
            ("reload 12", "reload does not take \"12\"", Some("reload")),
        ] {
            let Err(misunderstood) = parsed(line) else {
                panic!("{line}");
            };
            let said = &misunderstood.problem.0;
            assert!(said.contains(words), "{line}: {said}");
            assert_eq!(misunderstood.command, command, "{line}");
        }
        let Ok(Invocation::Run(_, arguments)) = parsed("demo --port x") else {
            panic!("demo");
        };
        assert!(arguments.number(&PORT).is_err());
    }
}
