//! `ai-gateway selftest`: the report on a configuration, or with `--online` one real request to each step.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::process::ExitCode;

use super::ending::{Problem, complain, ended, say};
use super::options::{Arguments, JSON, ONLINE, ROUTE, YES};
use crate::config::{Environment, Loaded};
use crate::selftest;
use crate::show::{Show, columns};

/// The arguments that do not go together.
///
/// # Errors
/// Two of them are given.
pub fn check_arguments(arguments: &Arguments) -> Result<(), Problem> {
    if arguments.has(&JSON) && arguments.has(&ONLINE) {
        return Err(Problem("--online has no report as JSON".to_owned()));
    }
    if arguments.has(&YES) && !arguments.has(&ONLINE) {
        return Err(Problem("--yes belongs to --online".to_owned()));
    }
    Ok(())
}

pub fn selftest(loaded: &Loaded, arguments: &Arguments) -> ExitCode {
    let route = arguments.texts(&ROUTE).pop();
    let outcome = match arguments.has(&ONLINE) {
        true => online(loaded, route.as_deref(), arguments.has(&YES)),
        false => offline(loaded, route.as_deref(), arguments.has(&JSON)),
    };
    match outcome {
        Ok(is_well) => ExitCode::from(u8::from(!is_well)),
        Err(error) => ended(Err(error)),
    }
}

fn offline(loaded: &Loaded, route: Option<&str>, as_json: bool) -> Result<bool, String> {
    let environment: &dyn Environment = &loaded.environment;
    let report = selftest::selftest(&loaded.config, route, environment)?;
    let text = match as_json {
        true => selftest::json(&report),
        false => selftest::table(&report, Show::on_stdout(), columns()),
    };
    say(&text);
    Ok(report.is_well())
}

fn online(loaded: &Loaded, route: Option<&str>, is_agreed: bool) -> Result<bool, String> {
    let config = &loaded.config;
    let routes = selftest::chosen(config, route)?;
    let number = selftest::steps_to_ask(&routes);
    if !is_agreed && number > 0 && !agrees(number)? {
        return Err("nothing was sent".to_owned());
    }
    selftest::online(config, &routes, |line| {
        say(line);
    })
}

/// Asks the person at the terminal.
fn agrees(number: usize) -> Result<bool, String> {
    if !stdin().is_terminal() {
        return Err(
            "--online sends real requests, which may cost money: --yes where nobody can be asked"
                .to_owned(),
        );
    }
    complain(&format_args!(
        "{number} real requests of a few tokens each are sent, which may cost money. Go on? [y/N]"
    ));
    // What is not flushed is asked late, and no more.
    let _ = stdout().flush();
    let mut line = String::new();
    stdin()
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    Ok(matches!(
        line.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
