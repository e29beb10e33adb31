//! Completions of the command line for three shells, made of the table of commands.

use std::fmt::Write;

use super::commands::{COMMANDS, Command, DEFAULT};
use super::options::Opt;

/// The operand of the command that prints them.
pub const SHELLS: &str = "bash|zsh|fish";

/// The script for a shell; `None` for one that is not in [`SHELLS`].
pub fn completions(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

/// The options that every command has: long name, short name, and what they do.
const EVERYWHERE: [(&str, char, &str); 2] = [
    ("help", 'h', "print help, of a command if one is named"),
    ("version", 'V', "print the version"),
];

/// The words that an operand can be; none for one that can be anything.
fn choices(command: &Command) -> impl Iterator<Item = &'static str> {
    let choices = command.operands.iter().map(|operand| operand.name);
    let choices = choices.filter(|name| name.contains('|'));
    choices.flat_map(|name| name.split('|'))
}

/// The options that need no command: those of the default one.
fn without_command() -> impl Iterator<Item = &'static Opt> {
    let default = COMMANDS.iter().filter(|command| command.name == DEFAULT);
    default.flat_map(|command| command.options)
}

fn takes_file(command: &Command) -> bool {
    let mut operands = command.operands.iter();
    operands.any(|operand| operand.name == "FILE")
}

fn names() -> Vec<&'static str> {
    COMMANDS.iter().map(|command| command.name).collect()
}

/// The options with a value, of all commands, each once.
fn with_value(is_it: impl Fn(&Opt) -> bool) -> Vec<String> {
    let options = COMMANDS.iter().flat_map(|command| command.options);
    let mut spelled = Vec::new();
    for option in options.filter(|option| !option.value.is_empty() && is_it(option)) {
        let short = option.short.map(|short| format!("-{short}"));
        for name in [Some(format!("--{}", option.long)), short] {
            if let Some(name) = name.filter(|name| !spelled.contains(name)) {
                spelled.push(name);
            }
        }
    }
    spelled
}

fn names_file(option: &Opt) -> bool {
    option.value == "FILE"
}

fn names_folder(option: &Opt) -> bool {
    option.value == "DIRECTORY"
}

/// A pattern that no word is, for a `case` without any.
fn pattern(words: &[String]) -> String {
    match words {
        [] => "''".to_owned(),
        words => words.join(" | "),
    }
}

fn bash() -> String {
    let names = names();
    let mut text = format!(
        "\
_ai_gateway() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command='' index words=''
    for ((index = 1; index < COMP_CWORD; index++)); do
        case ${{COMP_WORDS[index]}} in
        {names}) command=${{COMP_WORDS[index]}} && break ;;
        esac
    done
    COMPREPLY=()
    case ${{COMP_WORDS[COMP_CWORD - 1]}} in
    {files}) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- \"$word\") && return ;;
    {folders}) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- \"$word\") && return ;;
    {others}) return ;;
    esac
    case $command in
    '') words='{all} help{options}' ;;
",
        names = names.join(" | "),
        files = pattern(&with_value(names_file)),
        folders = pattern(&with_value(names_folder)),
        others = pattern(&with_value(|option| !names_file(option) && !names_folder(option))),
        all = names.join(" "),
        options = without_command().map(|option| format!(" --{}", option.long)).collect::<String>(),
    );
    for command in COMMANDS {
        let options = command
            .options
            .iter()
            .map(|option| format!("--{}", option.long));
        let words = choices(command).map(str::to_owned).chain(options);
        let words: Vec<String> = words.collect();
        // Writing into a String cannot fail.
        let _ = write!(text, "    {}) words='{}'", command.name, words.join(" "));
        if takes_file(command) {
            text.push_str(
                " && compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- \"$word\")",
            );
        }
        text.push_str(" ;;\n");
    }
    text.push_str(
        "    esac
    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -W \"$words --help --version\" -- \"$word\")
}
complete -F _ai_gateway ai-gateway
",
    );
    text
}

fn zsh() -> String {
    let mut text = String::from(
        "#compdef ai-gateway
_ai-gateway() {
    local context state state_descr line
    typeset -A opt_args
    local -a commands=(
",
    );
    for command in COMMANDS {
        let row = format!("{}:{}", command.name, command.about.replace(':', "\\:"));
        let _ = writeln!(text, "        {}", quoted(&row));
    }
    text.push_str("    )\n    _arguments -C \\\n");
    for (long, short, about) in EVERYWHERE {
        let _ = writeln!(
            text,
            "        '(-{short} --{long})'{{-{short},--{long}}}{} \\",
            quoted(&format!("[{about}]"))
        );
    }
    for option in without_command() {
        let _ = writeln!(text, "        {} \\", zsh_option(option));
    }
    text.push_str(
        "        '1:command:->command' '*::argument:->argument'
    case $state in
    command) _describe command commands ;;
    argument)
        case $words[1] in
",
    );
    for command in COMMANDS {
        let _ = write!(text, "        {}) _arguments", command.name);
        for option in command.options {
            text.push(' ');
            text.push_str(&zsh_option(option));
        }
        for operand in command.operands {
            let action = if operand.name.contains('|') {
                format!("({})", operand.name.replace('|', " "))
            } else if operand.name == "FILE" {
                "_files".to_owned()
            } else {
                " ".to_owned()
            };
            let name = operand.name.replace('|', " or ");
            let _ = write!(text, " {}", quoted(&format!(":{name}:{action}")));
        }
        text.push_str(" '--help[print help]' ;;\n");
    }
    text.push_str("        esac\n        ;;\n    esac\n}\n_ai-gateway \"$@\"\n");
    text
}

fn zsh_option(option: &Opt) -> String {
    let about = option.about.replace('[', "\\[").replace(']', "\\]");
    let about = format!("[{}]", about.replace(':', "\\:"));
    let value = match option.value {
        "" => String::new(),
        "FILE" => ":FILE:_files".to_owned(),
        "DIRECTORY" => ":DIRECTORY:_files -/".to_owned(),
        value => format!(":{value}: "),
    };
    let rest = quoted(&format!("{about}{value}"));
    match option.short {
        Some(short) => format!("'(-{short} --{0})'{{-{short},--{0}}}{rest}", option.long),
        None => format!("--{}{rest}", option.long),
    }
}

fn fish() -> String {
    let mut text = format!(
        "complete -c ai-gateway -f\nset -l commands {} help\n",
        names().join(" ")
    );
    for (long, short, about) in EVERYWHERE {
        let _ = writeln!(
            text,
            "complete -c ai-gateway -l {long} -s {short} -d {}",
            quoted(about)
        );
    }
    for command in COMMANDS {
        let _ = writeln!(
            text,
            "complete -c ai-gateway -n \"not __fish_seen_subcommand_from $commands\" -a {} -d {}",
            command.name,
            quoted(command.about)
        );
        let seen = match command.name {
            DEFAULT => format!(
                "-n \"not __fish_seen_subcommand_from $commands; or __fish_seen_subcommand_from {DEFAULT}\""
            ),
            name => format!("-n '__fish_seen_subcommand_from {name}'"),
        };
        for option in command.options {
            let short = option.short.map(|short| format!(" -s {short}"));
            let value = match option.value {
                "" => "",
                "FILE" => " -r -F",
                "DIRECTORY" => " -x -a '(__fish_complete_directories)'",
                _ => " -x",
            };
            let _ = writeln!(
                text,
                "complete -c ai-gateway {seen} -l {}{}{value} -d {}",
                option.long,
                short.unwrap_or_default(),
                quoted(option.about)
            );
        }
        let words: Vec<&str> = choices(command).collect();
        if !words.is_empty() {
            let _ = writeln!(
                text,
                "complete -c ai-gateway {seen} -a '{}'",
                words.join(" ")
            );
        }
        if takes_file(command) {
            let _ = writeln!(text, "complete -c ai-gateway {seen} -F");
        }
    }
    text
}

/// The text in single quotes. All three shells take a quote that is escaped outside of them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_every_option_is_offered_by_every_shell() {
        for shell in SHELLS.split('|') {
            let script = completions(shell).expect(shell);
            for command in COMMANDS {
                let has = |word: &str| script.contains(word);
                assert!(has(command.name), "{shell}: {}", command.name);
                for option in command.options {
                    let spelled = match shell {
                        "fish" => format!(" -l {} ", option.long),
                        _ => format!("--{}", option.long),
                    };
                    assert!(has(&spelled), "{shell}: {spelled}");
                }
            }
            assert!(script.is_ascii(), "{shell}");
        }
        assert_eq!(completions("csh"), None);
    }
}
