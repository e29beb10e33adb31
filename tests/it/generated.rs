//! What the program prints about itself for other programs: completions for shells, the manual, the schema.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::process::{Folder, command, run};

fn printed(arguments: &[&str]) -> String {
    let ended = run(command().args(arguments));
    assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
    ended.stdout + "\n"
}

/// Runs a program over a file, where it is installed; `None` where it is not.
fn try_over(program: &str, arguments: &[&str], text: &str) -> Option<(Option<i32>, String)> {
    let folder = Folder::new();
    let file = folder.file("text", text);
    Command::new(program).arg("--version").output().ok()?;
    let ended = run(Command::new(program).args(arguments).arg(file));
    Some((ended.code, ended.stdout + &ended.stderr))
}

#[test]
fn bash_completes_commands_options_and_files() {
    let folder = Folder::new();
    folder.file("completions", &printed(&["completions", "bash"]));
    folder.file("home.yaml", "");
    let complete = |line: &str| -> Vec<String> {
        let script = r#"set -eu; . ./completions; compopt() { :; }
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _ai_gateway; printf '%s\n' "${COMPREPLY[@]}""#;
        let words = line.split(' ');
        let ended = run(Command::new("bash")
            .args(["-c", script, "bash"])
            .args(words)
            .current_dir(folder.path()));
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.stderr);
        let mut found: Vec<String> = ended.stdout.split_whitespace().map(str::to_owned).collect();
        found.sort();
        found
    };
    for (line, expected) in [
        ("ai-gateway exp", &["explain"][..]),
        ("ai-gateway check --onl", &["--online"]),
        ("ai-gateway completions z", &["zsh"]),
        ("ai-gateway --config ho", &["home.yaml"]),
        ("ai-gateway check ho", &["home.yaml"]),
        ("ai-gateway --config home.yaml expl", &["explain"]),
        ("ai-gateway --config home.yaml check --conf", &["--config"]),
        ("ai-gateway demo --port ", &[]),
        ("ai-gateway --vers", &["--version"]),
    ] {
        assert_eq!(complete(line), expected, "{line}");
    }
    let all = complete("ai-gateway ");
    for name in ["serve", "init", "check", "--config", "--help"] {
        assert!(all.iter().any(|word| word == name), "{name}: {all:?}");
    }
}

#[test]
fn the_other_shells_can_read_theirs() {
    for shell in ["zsh", "fish"] {
        match try_over(shell, &["-n"], &printed(&["completions", shell])) {
            None => println!("skipped: {shell} is not installed"),
            Some(ended) => assert_eq!(ended, (Some(0), String::new()), "{shell}"),
        }
    }
    let unknown = run(command().args(["completions", "csh"]));
    assert_eq!(unknown.code, Some(64));
    assert!(
        unknown.stderr.contains("bash, zsh, fish"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn the_manual_is_one() {
    let page = printed(&["manual"]);
    assert!(page.starts_with(".TH AI\\-GATEWAY 1 "), "{page}");
    for (program, arguments) in [
        ("groff", &["-man", "-ww", "-z"][..]),
        ("mandoc", &["-T", "lint", "-W", "error"]),
    ] {
        match try_over(program, arguments, &page) {
            None => println!("skipped: {program} is not installed"),
            Some((code, said)) => assert_eq!((code, said.as_str()), (Some(0), ""), "{program}"),
        }
    }
}

/// The first line of the example names the file, and editors read it from there.
#[test]
fn the_schema_is_the_file_that_the_example_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(root.join("config.yaml.example")).unwrap();
    let first = example.lines().next().unwrap();
    let name = first
        .strip_prefix("# yaml-language-server: $schema=")
        .expect(first);
    let file = fs::read_to_string(root.join(name)).expect(name);
    let schema = printed(&["schema"]);
    assert_eq!(schema.trim_end(), file.trim_end());
    let parsed: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(parsed["type"], "object");
}
