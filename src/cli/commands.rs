//! The table of commands: a row a command. The usage, the help texts and the parser follow from it.

use std::path::Path;
use std::process::ExitCode;

use super::ending::{Problem, ended, say, wrong_configuration};
use super::options::{
    Arguments, CLIENT, CONFIG, CSV, DIRECTORY, ENV_FILE, FAILED, JSON, KEYS_LATER, MONTH, ONCE,
    ONLINE, Opt, PORT, PROVIDER, REQUEST, ROUTE, TEST, YES,
};
use super::{check, completions, manual, selftest};
use crate::config::{FindError, Loaded, Source};
use crate::limits::PeriodKey;
use crate::recent::Follow;
use crate::usage_table::Selection;
use crate::{app, config, demo, init};

/// A row of the table.
pub struct Command {
    pub name: &'static str,
    pub operands: &'static [Operand],
    pub options: &'static [Opt],
    /// The line of the usage.
    pub about: &'static str,
    /// The sentences of the command's own help, below its usage.
    pub details: &'static str,
    pub run: fn(Arguments) -> Result<ExitCode, Problem>,
}

/// A word that follows the name of a command.
pub struct Operand {
    /// The name, as the usage shows it.
    pub name: &'static str,
    pub required: bool,
}

impl Operand {
    const fn required(name: &'static str) -> Self {
        let required = true;
        Self { name, required }
    }

    const fn optional(name: &'static str) -> Self {
        let required = false;
        Self { name, required }
    }
}

/// The command that is meant where none is named.
pub const DEFAULT: &str = "serve";

pub const COMMANDS: &[Command] = &[
    Command {
        name: DEFAULT,
        operands: &[],
        options: &[CONFIG, ENV_FILE],
        about: "serve; what `ai-gateway` alone does as well",
        details: "\
Serves until SIGTERM or SIGINT; SIGHUP has it read its configuration again.
Exit codes: 0 stopped, 1 it could not serve (the port is taken, say), 78 the configuration is wrong.
",
        run: |mut arguments| {
            let process = std::mem::take(&mut arguments.process);
            with_config(&arguments, |source, loaded| {
                app::serve(source, loaded, process)
            })
        },
    },
    Command {
        name: "check",
        operands: &[Operand::optional("FILE")],
        options: &[CONFIG, ENV_FILE, ONLINE],
        about: "validate the configuration, list its routes or all its errors",
        details: "\
Prints the routes with their steps, and warnings on standard error; or every error with its line. With --online each
provider is asked for its model list, with each of its keys.
Exit codes: 0 valid, 78 not, 1 a provider is not reached, refuses a key or does not list a model.
",
        run: |mut arguments| {
            arguments.take_config(0)?;
            let online = arguments.has(&ONLINE);
            with_config(&arguments, |source, loaded| {
                check::check(source, loaded, online)
            })
        },
    },
    Command {
        name: "explain",
        operands: &[Operand::optional("ROUTE"), Operand::optional("FILE")],
        options: &[CONFIG, ENV_FILE, REQUEST],
        about: "show a route's steps, and what is cooling if the gateway runs",
        details: "\
Prints the route's steps with their timers, edits and keys (masked) and, while the gateway runs, what is cooling
and for how long; without a ROUTE those of every route. No key is needed: the gateway tells its own user and root.
FILE is the configuration, as --config has it; a single argument that is a file and no route is that as well.
With --request it tells why a request went where it went (its id is in X-Request-Id and in the log), of the last ones
that the gateway remembers (`history`).
",
        run: explain,
    },
    Command {
        name: "usage",
        operands: &[],
        options: &[CONFIG, ENV_FILE, CLIENT, MONTH, CSV],
        about: "show what clients have used, and what is left of their limits",
        details: "\
Asks the gateway that runs, which tells its own user and root what GET /v1/usage tells an administrator; no key is
needed, and of the configuration only the address is read. Days are kept for 35 days, months for 13.

  ai-gateway usage --client home
  ai-gateway usage --month 2026-10 --csv >october.csv

Exit codes: 0 printed, 1 no gateway answers, or there is no usage of this client.
",
        run: usage,
    },
    Command {
        name: "tail",
        operands: &[],
        options: &[CONFIG, ENV_FILE, ROUTE, FAILED],
        about: "follow the requests of the running gateway, a line each",
        details: "\
Prints the last requests and then each that ends: time (UTC), client, route, status, duration, the steps that failed and
the one that answered, and the id for `explain --request`. Looks every second, until it is ended. No key is needed: the
gateway tells its own user and root. Of the configuration only the address is read.
",
        run: |arguments| {
            let follow = Follow {
                route: arguments.texts(&ROUTE).pop(),
                failed: arguments.has(&FAILED),
            };
            Ok(ended(app::tail(&possible_source(&arguments), follow)))
        },
    },
    Command {
        name: "selftest",
        operands: &[],
        options: &[CONFIG, ENV_FILE, ROUTE, JSON, ONLINE, YES],
        about: "have providers fail in the process, show what clients would see",
        details: "\
Runs each route of the configuration against scripted providers in the process that fail in turn: rate limits, 500,
resets, cut and stalled streams, dead keys and more; once the first step alone, once all of them. Prints what clients
would see, whether that is right, and advice. Nothing leaves the machine, no key is used, no file written; long timers
are run shortened. With --online each step gets one real request of 5 tokens instead, after a question.
Exit codes: 0 all is as it should be, 1 a row failed or a step did not answer, 78 the configuration is wrong.
",
        run: |arguments| {
            selftest::check_arguments(&arguments)?;
            with_config(&arguments, |_, loaded| {
                selftest::selftest(&loaded, &arguments)
            })
        },
    },
    Command {
        name: "alert",
        operands: &[Operand::optional("NAME")],
        options: &[CONFIG, ENV_FILE, TEST],
        about: "try the receivers of alerts: a message to each with --test",
        details: "\
With --test each receiver of `alerts` gets a message, or the one of this NAME alone; an Uptime Kuma monitor is told that all
is up. Prints what came back. The gateway need not run.
Exit codes: 0 all arrived, 1 one did not or there is none, 64 --test is missing, 78 the configuration is wrong.
",
        run: |arguments| {
            if !arguments.has(&TEST) {
                return Err(Problem("alert needs --test".to_owned()));
            }
            with_config(&arguments, |_, loaded| {
                match app::alert_test(&loaded.config, arguments.operand(0)) {
                    Ok((text, all_arrived)) => {
                        say(&text);
                        ExitCode::from(u8::from(!all_arrived))
                    }
                    Err(error) => ended(Err(error)),
                }
            })
        },
    },
    Command {
        name: "healthcheck",
        operands: &[],
        options: &[CONFIG, ENV_FILE],
        about: "ask the running gateway's /health; exit code 0 or 1",
        details: "\
For images without a shell, and for scripts. Only the address is read of the configuration: a broken file does not
make a healthy gateway unhealthy. Exit codes: 0 it answers, 1 it does not.
",
        run: |arguments| Ok(ended(app::healthcheck(&possible_source(&arguments)))),
    },
    Command {
        name: "reload",
        operands: &[],
        options: &[CONFIG, ENV_FILE],
        about: "have the running gateway read its configuration again",
        details: "\
Finds the gateway that runs ($MAINPID, the port of the configuration, the pid file, process 1 in a container), has it
read its configuration again, and prints what came of it. SIGHUP does the same without a word.
Exit codes: 0 taken over, 1 refused (with every error of the file), or no gateway was found.
",
        run: |arguments| Ok(ended(app::reload(&possible_source(&arguments)))),
    },
    Command {
        name: "demo",
        operands: &[],
        options: &[PORT, ONCE],
        about: "run on two embedded providers: no configuration, key or network",
        details: "\
Starts two providers, one of which refuses every request, and a gateway in front of them; asks it once plain and
once streamed, and prints what came of it.
",
        run: |arguments| {
            let port = arguments.number(&PORT)?;
            Ok(ended(demo::run(port, arguments.has(&ONCE))))
        },
    },
    Command {
        name: "init",
        operands: &[],
        options: &[PROVIDER, ROUTE, PORT, DIRECTORY, KEYS_LATER],
        about: "write a first config.yaml and .env; asks for what the options leave open",
        details: "\
Asks for providers, and writes config.yaml with one route over them and .env with their keys and a random one for
clients, both readable by you alone. Nothing is overwritten. Without a terminal the options say it all, keys come
from the environment, and what is missing is named:

  GROQ_API_KEY=... ai-gateway init --provider groq --provider http://127.0.0.1:8081/v1=qwen3

Known by name are groq, cerebras, openrouter, google, mistral, nvidia, cloudflare, ollama and llamacpp.
Exit codes: 0 written, 1 a file is there already or cannot be written, 64 something is missing.
",
        run: |arguments| {
            let wishes = init::Wishes {
                providers: arguments.texts(&PROVIDER),
                route: arguments.texts(&ROUTE).pop(),
                port: arguments.number(&PORT)?,
                directory: arguments.path(&DIRECTORY).map(Path::to_owned),
                keys_later: arguments.has(&KEYS_LATER),
            };
            match init::run(&wishes) {
                Err(init::Unwritten::Usage(text)) => Err(Problem(text)),
                done => Ok(ended(done)),
            }
        },
    },
    Command {
        name: "schema",
        operands: &[],
        options: &[],
        about: "print the JSON schema of the configuration, for editors",
        details: "\
Prints a JSON schema of config.yaml, with every key and what it is for. Editors complete and check the file by it:

  # yaml-language-server: $schema=config.schema.json

as the first line of config.yaml names the file that it was written to.
",
        run: |_| Ok(say(&config::schema())),
    },
    Command {
        name: "completions",
        operands: &[Operand::required(completions::SHELLS)],
        options: &[],
        about: "print a shell's completions of these commands",
        details: "\
Prints a script that has the shell complete commands and options. For yourself alone, for example:

  ai-gateway completions bash >~/.local/share/bash-completion/completions/ai-gateway
  ai-gateway completions zsh >\"${fpath[1]}/_ai-gateway\"
  ai-gateway completions fish >~/.config/fish/completions/ai-gateway.fish

ops.sh and the Debian package install all three.
",
        run: |arguments| {
            let shell = arguments.operand(0);
            let known = completions::SHELLS.replace('|', ", ");
            let unknown = || Problem(format!("no completions for {shell:?}: there are {known}"));
            let script = completions::completions(shell).ok_or_else(unknown)?;
            Ok(say(&script))
        },
    },
    Command {
        name: "manual",
        operands: &[],
        options: &[],
        about: "print the manual page: ai-gateway manual | man -l -",
        details: "\
Prints the manual page in the form that man(1) reads. ops.sh and the Debian package install it.
",
        run: |_| Ok(say(&manual::manual())),
    },
];

/// The row of a command.
pub fn named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Explains the route that is named, or all of them.
fn explain(mut arguments: Arguments) -> Result<ExitCode, Problem> {
    if let Some(id) = arguments.texts(&REQUEST).pop() {
        arguments.take_config(0)?;
        return Ok(ended(app::explain_request(
            &possible_source(&arguments),
            &id,
        )));
    }
    arguments.take_config(1)?;
    let route = arguments.operand(0).to_owned();
    // People type the file where the route belongs. A route of the usual configuration goes first.
    let is_route = |source: Source| {
        let loaded = source.load().ok();
        loaded.is_some_and(|loaded| loaded.config.route(&route).is_some())
    };
    let is_file = !route.is_empty() && Path::new(&route).is_file();
    let is_config = is_file && !arguments.has(&CONFIG) && !source(&arguments).is_ok_and(is_route);
    if is_config {
        arguments.take_config(0)?;
    }
    with_config(&arguments, |_, loaded| {
        ended(app::explain(arguments.operand(0), &loaded.config))
    })
}

/// Prints the usage that is asked for.
fn usage(arguments: Arguments) -> Result<ExitCode, Problem> {
    let month = arguments.texts(&MONTH).pop();
    let is_month = |text: &String| PeriodKey::parse(text).is_some_and(PeriodKey::is_month);
    if let Some(wrong) = month.as_ref().filter(|month| !is_month(month)) {
        return Err(Problem(format!(
            "--month needs a month as 2026-11, not {wrong:?}"
        )));
    }
    let client = arguments.texts(&CLIENT).pop();
    let selection = Selection {
        client: client.filter(|name| name != "*"),
        month,
    };
    let source = possible_source(&arguments);
    Ok(ended(app::usage(&source, &selection, arguments.has(&CSV))))
}

/// The files of the configuration that the arguments name, or the usual ones.
fn source(arguments: &Arguments) -> Result<Source, FindError> {
    Source::find(arguments.path(&CONFIG), arguments.path(&ENV_FILE))
}

/// The same where no file has to be there: only the address is read of it.
fn possible_source(arguments: &Arguments) -> Source {
    source(arguments).unwrap_or_else(|error| Source {
        file: error.looked_at.into_iter().next().unwrap_or_default(),
        env_file: arguments.path(&ENV_FILE).map(Path::to_owned),
    })
}

/// Loads the configuration, or prints every problem in it.
fn with_config(
    arguments: &Arguments,
    command: impl FnOnce(Source, Loaded) -> ExitCode,
) -> Result<ExitCode, Problem> {
    let source = match source(arguments) {
        Ok(source) => source,
        Err(error) => return Ok(wrong_configuration(&error)),
    };
    Ok(match source.load() {
        Ok(loaded) => command(source, loaded),
        Err(error) => wrong_configuration(&error),
    })
}
