//! `.env` as `ops.sh` reads it and writes it for the server: parsed, never executed.

use std::path::Path;
use std::process::Command;

use crate::support::process::{Ended, Folder, run};

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

#[test]
fn every_spelling_of_a_value_is_read_and_none_is_executed() {
    for (line, value) in [
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
    ] {
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
