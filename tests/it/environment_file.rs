//! `.env` as `ops.sh` reads it and writes it for the server, and as the binary reads it: parsed, never executed.

use std::path::Path;
use std::process::Command;

use crate::support::process::{Ended, Folder, command_in, run};
use crate::support::{Config, Upstream};

/// Runs a piece of bash with the functions of `ops/env.sh`, in a folder with this `.env`.
fn bash(folder: &Folder, file: &[u8], script: &str) -> Ended {
    std::fs::write(folder.path().join(".env"), file).unwrap();
    let ops = Path::new(env!("CARGO_MANIFEST_DIR")).join("ops");
    let script = format!(
        "set -euo pipefail; . {0}/output.sh; . {0}/env.sh; {script}",
        ops.display()
    );
    run(Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path()))
}

const PRINT: &str = r#"read_env .env; for name in "${env_names[@]}"; do printf '<%s>=<%s>\n' "$name" "${env_value[$name]}"; done"#;

fn nothing_was_executed(folder: &Folder) {
    assert!(!folder.path().join("pwned").exists(), "it was executed");
}

/// The lines of a file, and the value that all readers take from them; `?` where all refuse.
const SPELLINGS: [(&str, &str); 24] = [
    ("K=plain", "plain"),
    ("  export K = spaced out  ", "spaced out"),
    ("K=", ""),
    ("K=''", ""),
    ("K=a # comment", "a"),
    ("K=a#b", "a#b"),
    ("K=# comment", ""),
    ("K='a # b'", "a # b"),
    ("K='it\"s' # comment", "it\"s"),
    (
        r#"K="it's \"so\" \$HOME \\ done""#,
        r#"it's "so" $HOME \ done"#,
    ),
    ("K=$HOME", "$HOME"),
    ("K=${HOME}", "${HOME}"),
    ("K=$(touch pwned)", "$(touch pwned)"),
    ("K=`touch pwned`", "`touch pwned`"),
    ("K='$(touch pwned)'", "$(touch pwned)"),
    ("K=\"$(touch pwned)\"", "$(touch pwned)"),
    ("K=a; touch pwned", "a; touch pwned"),
    ("K=' '; touch pwned", "?"),
    ("K=a=b==", "a=b=="),
    ("K=*", "*"),
    (r"K=a\nb", r"a\nb"),
    ("K=sk-Aé€", "sk-Aé€"),
    ("K=-n", "-n"),
    ("K=a[$(touch pwned)]", "a[$(touch pwned)]"),
];

#[test]
fn every_spelling_of_a_value_is_read_and_none_is_executed() {
    for (line, value) in SPELLINGS {
        let folder = Folder::new();
        for end in ["", "\n", "\r\n"] {
            let ended = bash(&folder, format!("{line}{end}").as_bytes(), PRINT);
            if value == "?" {
                assert_eq!(ended.code, Some(78), "{line}: {}", ended.stdout);
            } else {
                assert_eq!(
                    ended.stdout,
                    format!("<K>=<{value}>"),
                    "{line}: {}",
                    ended.stderr
                );
            }
        }
        nothing_was_executed(&folder);
    }
}

#[test]
fn what_is_no_setting_is_named_with_its_line() {
    let folder = Folder::new();
    for (file, words) in [
        ("A=1\ntouch pwned\n", ".env:2: is no NAME=value"),
        ("A[$(touch pwned)]=1\n", ".env:1: is no NAME=value"),
        ("1A=1\n", ".env:1: is no NAME=value"),
        ("A='open\n", ".env:1: A: has no closing '"),
        ("A=\"open\n", ".env:1: A: has no closing \""),
        ("A='a'b\n", ".env:1: A: goes on behind the closing quote"),
    ] {
        let ended = bash(&folder, file.as_bytes(), PRINT);
        assert_eq!(ended.code, Some(78), "{file}");
        assert!(ended.stderr.contains(words), "{file}: {}", ended.stderr);
    }
    nothing_was_executed(&folder);
}

#[test]
fn comments_marks_and_repetitions_are_understood() {
    let folder = Folder::new();
    let file = "\u{feff}# first\r\nA=1\r\n\r\n  # more\nA=2\nB='x'";
    let ended = bash(&folder, file.as_bytes(), PRINT);
    assert_eq!(ended.stdout, "<A>=<2>\n<B>=<x>", "{}", ended.stderr);
}

#[test]
fn the_environment_has_the_last_word() {
    let folder = Folder::new();
    let script = "read_env .env; SSH_HOST=from-outside; setting SSH_HOST; echo; setting SSH_PORT 22; echo; setting SSH_USER root";
    let ended = bash(&folder, b"SSH_HOST=from-file\nSSH_PORT=2222\n", script);
    assert_eq!(ended.stdout, "from-outside\n2222\nroot", "{}", ended.stderr);
}

const HOSTILE: &str = r#"PLAIN=sk-abc_1.2:3/4
SPACED=a b
HASH='a # b'
DOLLAR=$(touch pwned) ${HOME} $HOME
SINGLE="it's"
ALL="'\"\\\$(touch pwned)# "
TICKS="it's `touch pwned` \`"
STAR=*
SSH_HOST=secret-host
SSH_KEY=~/.ssh/id
GHCR_PULL_USER=secret-user
GHCR_PULL_TOKEN=secret-token
"#;

/// A key for the way to the server has no business on it.
#[test]
fn what_is_for_deploying_is_left_out_and_all_else_reads_the_same_there() {
    let folder = Folder::new();
    let written = bash(&folder, HOSTILE.as_bytes(), "read_env .env; print_env");
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    for word in ["SSH_", "GHCR_PULL_", "secret"] {
        assert!(!written.stdout.contains(word), "{}", written.stdout);
    }
    let before = bash(&folder, HOSTILE.as_bytes(), PRINT).stdout;
    let kept: Vec<&str> = before
        .lines()
        .filter(|line| !line.contains("secret") && !line.contains("SSH_KEY"))
        .collect();
    assert_eq!(kept.len(), 8, "{before}");
    let after = bash(&folder, written.stdout.as_bytes(), PRINT).stdout;
    assert_eq!(after, kept.join("\n"));

    // README tells to read the file into a shell; what ops.sh has written does no harm there either.
    std::fs::write(folder.path().join("written"), &written.stdout).unwrap();
    let shell = run(Command::new("sh")
        .args([
            "-c",
            ". ./written; printf '<ALL>=<%s><TICKS>=<%s>' \"$ALL\" \"$TICKS\"",
        ])
        .current_dir(folder.path()));
    assert_eq!(
        shell.stdout,
        r#"<ALL>=<'"\$(touch pwned)# ><TICKS>=<it's `touch pwned` `>"#
    );
    nothing_was_executed(&folder);
}

/// systemd, docker compose and a shell read these differently or not at all.
#[test]
fn a_value_of_several_lines_is_refused() {
    let folder = Folder::new();
    let ended = bash(&folder, b"A=\"one\\ntwo\"\n", "read_env .env; print_env");
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.stderr.contains("A holds a line break"),
        "{}",
        ended.stderr
    );
}

/// A route whose model is the variable `K` between two bars, and nothing else that needs one.
fn with_variable() -> Config {
    Config::new()
        .provider("a", "http://127.0.0.1:1/v1")
        .route("r", [("a", "'|${K}|'")])
}

/// `check` prints the model.
fn check(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    run(command_in(folder.path())
        .arg("check")
        .args(arguments)
        .envs(environment.iter().copied()))
}

/// The one file is for both: what `ops.sh` understands otherwise works on one machine and not on the other.
#[test]
fn the_binary_reads_the_same_values_and_executes_none() {
    for (line, value) in SPELLINGS {
        let folder = Folder::new();
        folder.file("config.yaml", &with_variable().text());
        for end in ["", "\n", "\r\n"] {
            folder.file(".env", &format!("\u{feff}{line}{end}"));
            let ended = check(&folder, &[], &[]);
            if value == "?" {
                assert_eq!(ended.code, Some(78), "{line}: {}", ended.stdout);
                let words = ".env:1: K: goes on behind the closing quote";
                assert!(ended.stderr.contains(words), "{line}: {}", ended.stderr);
            } else {
                let step = format!("1. a/|{value}|");
                assert!(
                    ended.stdout.ends_with(&step),
                    "{line}: {}{}",
                    ended.stdout,
                    ended.stderr
                );
            }
        }
        nothing_was_executed(&folder);
    }
}

#[test]
fn the_file_is_the_one_named_or_the_one_beside_the_configuration() {
    let folder = Folder::new();
    let elsewhere = Folder::new();
    let config = folder.file("config.yaml", &with_variable().text());
    let config = config.to_str().unwrap();
    folder.file(".env", "K=beside\n");
    folder.file("keys", "K=configured\n");
    let named = elsewhere.file("named", "K=named\n");
    let named = named.to_str().unwrap();
    let model = |arguments: &[&str], environment: &[(&str, &str)]| {
        let ended = check(&elsewhere, arguments, environment);
        let printed = ended
            .stdout
            .split_once("1. a/")
            .map(|(_, rest)| rest.trim_end().to_owned());
        printed.unwrap_or(ended.stderr)
    };
    // Beside the configuration, not where the command happens to run.
    elsewhere.file(".env", "K=wrong\n");
    assert_eq!(model(&["--config", config], &[]), "|beside|");
    assert_eq!(model(&["--config", config], &[("K", "real")]), "|real|");
    assert_eq!(model(&["--config", config], &[("K", "")]), "||");
    let both = ["--config", config, "--env-file", named];
    assert_eq!(model(&both, &[]), "|named|");
    std::fs::write(config, with_variable().with("env_file: keys").text()).unwrap();
    assert_eq!(model(&["--config", config], &[]), "|configured|");
    assert_eq!(model(&both, &[]), "|named|");
}

/// A file that was asked for and is not there is no file without variables; one that nobody named need not be there.
#[test]
fn a_named_file_must_be_readable() {
    let folder = Folder::new();
    folder.file(
        "config.yaml",
        &with_variable().with("env_file: nowhere").text(),
    );
    let ended = check(&folder, &[], &[("K", "x")]);
    assert_eq!(ended.code, Some(78), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("env_file: ./nowhere cannot be read"),
        "{}",
        ended.stderr
    );
    folder.file("config.yaml", &with_variable().text());
    let ended = check(&folder, &["--env-file", "gone"], &[("K", "x")]);
    assert_eq!(ended.code, Some(78), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("gone cannot be read"),
        "{}",
        ended.stderr
    );
    // A directory, as a bind mount without a source makes one.
    std::fs::create_dir(folder.path().join(".env")).unwrap();
    assert_eq!(check(&folder, &[], &[("K", "x")]).code, Some(0));
    let ended = check(&folder, &[], &[]);
    assert!(
        ended
            .stderr
            .contains("missing environment variables: K (./.env cannot be read"),
        "{}",
        ended.stderr
    );
    // All that is wrong at once, in both files, and no value of either.
    std::fs::remove_dir(folder.path().join(".env")).unwrap();
    folder.file(".env", "K='s3cret\nL\n");
    folder.file(
        "config.yaml",
        &with_variable().with("defualt_timeout: 1s").text(),
    );
    let ended = check(&folder, &[], &[]);
    for words in [
        ".env:1: K: has no closing '",
        ".env:2: is no NAME",
        "defualt_timeout",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

/// Settings of the log and of telemetry count from the file, too.
#[test]
fn the_log_is_what_the_file_says() {
    let folder = Folder::new();
    let config = with_variable().text();
    folder.file("config.yaml", &config);
    folder.file(".env", "K=x\nLOG_FORMAT=yaml\n");
    let ended = run(&mut command_in(folder.path()));
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.stderr.contains("LOG_FORMAT is \"yaml\""),
        "{}",
        ended.stderr
    );
    folder.file(
        ".env",
        "K=x\nOTLP_ENDPOINT=http://127.0.0.1:1\nLOG_LEVEL=debug\n",
    );
    let command = command_in(folder.path());
    let gateway = crate::support::Gateway::running(command, folder);
    gateway.wait_for_log(|line| line["msg"] == "telemetry is exported" || line["level"] == "debug");
}

/// A key that was changed in the file works from the reload on.
#[test]
fn a_reload_reads_the_file_again() {
    let upstream = Upstream::saying("fine");
    let folder = Folder::new();
    let config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")]);
    let text = config
        .text()
        .replace(crate::support::config::CLIENT_KEY, "${CLIENT}");
    folder.file("config.yaml", &text);
    let env_file = folder.file(".env", "CLIENT=first-client-key-1234\n");
    let command = command_in(folder.path());
    let gateway = crate::support::Gateway::running(command, folder);
    assert_eq!(gateway.ask("r", false).status, 401);
    let key = crate::support::config::CLIENT_KEY;
    std::fs::write(env_file, format!("CLIENT={key}\n")).unwrap();
    gateway.signal(rustix::process::Signal::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    assert_eq!(gateway.ask("r", false).status, 200);
}
