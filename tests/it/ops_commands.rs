//! The commands of `ops.sh` up to where something happens: help, and arguments that are not understood.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::process::{Ended, Folder, run};

const COMMANDS: [&str; 13] = [
    "demo",
    "test",
    "build",
    "package",
    "bench",
    "fuzz",
    "install",
    "install-service",
    "uninstall",
    "deploy",
    "deploy-docker",
    "logs",
    "status",
];

/// A copy of `ops.sh` in which whatever changes a machine, or takes long, writes down that it was called instead.
struct Rehearsal(Folder);

impl Rehearsal {
    fn new() -> Self {
        let folder = Folder::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let copied = run(Command::new("cp")
            .args(["-r", "ops.sh", "ops", "Cargo.toml"])
            .arg(folder.path())
            .current_dir(root));
        assert_eq!(copied.code, Some(0), "{}", copied.stderr);
        std::fs::create_dir(folder.path().join("stand-ins")).unwrap();
        let rehearsal = Self(folder);
        for name in [
            "cargo",
            "cc",
            "sudo",
            "ssh",
            "systemctl",
            "journalctl",
            "apt-get",
            "dpkg-deb",
        ] {
            rehearsal.stand_in(&format!("stand-ins/{name}"));
        }
        for script in ["ops/service.sh", "ai-gateway"] {
            rehearsal.stand_in(script);
        }
        rehearsal
    }

    fn stand_in(&self, name: &str) {
        let path = self.0.path().join(name);
        let text = format!(
            "#!/bin/sh\necho \"{name} $*\" >>{}/called\n",
            self.0.path().display()
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn ops(&self, line: &str) -> Ended {
        let path = format!(
            "{}:{}",
            self.0.path().join("stand-ins").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        run(Command::new("bash")
            .arg("ops.sh")
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.0.path()))
    }

    fn called(&self) -> String {
        std::fs::read_to_string(self.0.path().join("called")).unwrap_or_default()
    }
}

/// `uninstall --help` has uninstalled.
#[test]
fn asking_for_help_does_nothing_else() {
    let rehearsal = Rehearsal::new();
    for command in COMMANDS {
        for line in [
            format!("{command} --help"),
            format!("{command} -h"),
            format!("help {command}"),
            format!("{command} --purge --help"),
        ] {
            let ended = rehearsal.ops(&line);
            assert_eq!(ended.code, Some(0), "{line}: {}", ended.stderr);
            let usage = format!("./ops.sh {command}");
            let first = ended.stdout.lines().next().unwrap_or_default();
            assert!(
                first.starts_with("usage: ") && first.contains(&usage),
                "{line}: {}",
                ended.stdout
            );
        }
    }
    assert_eq!(rehearsal.called(), "");
}

#[test]
fn the_list_has_a_line_for_every_command() {
    let usage = Rehearsal::new().ops("--help").stdout;
    for command in COMMANDS {
        let line = format!("  {command} ");
        assert!(usage.lines().any(|row| row.starts_with(&line)), "{command}");
    }
}

#[test]
fn what_is_not_understood_is_refused_before_anything_happens() {
    let rehearsal = Rehearsal::new();
    for line in [
        "nonsense",
        "nonsense --help",
        "demo --onec",
        "demo --port",
        "demo --port x",
        "build aarch64",
        "build --target",
        "build --profiled aarch64",
        "build --target aarch64 armv7",
        "package --binary",
        "package --binary /nowhere",
        "package now",
        "bench --qiuck",
        "bench --quick --memory",
        "bench --against",
        "bench --binary",
        "bench --readers --binary ./ops.sh",
        "fuzz sse",
        "fuzz 60 nothing",
        "install --force",
        "install-service now",
        "uninstall --prge",
        "uninstall --purge --now",
        "uninstall now",
        "deploy --binary",
        "deploy --binary /nowhere",
        "deploy server.example",
        "deploy --binary ops.sh more",
        "deploy-docker --pul",
        "deploy-docker --pull --now",
        "status --dokcer",
        "status --docker now",
    ] {
        let ended = rehearsal.ops(line);
        assert_eq!(ended.code, Some(64), "{line}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("ops.sh: "),
            "{line}: {}",
            ended.stderr
        );
    }
    assert_eq!(rehearsal.called(), "");
}

/// What the Go gateway's `ops.sh` was told goes on working.
#[test]
fn what_is_understood_is_done() {
    let rehearsal = Rehearsal::new();
    for (line, called) in [
        ("uninstall", "ops/service.sh uninstall"),
        ("uninstall --purge", "ops/service.sh uninstall --purge"),
        ("install", "ops/service.sh program ./ai-gateway"),
    ] {
        let _ = std::fs::remove_file(rehearsal.0.path().join("called"));
        // Without root it is sudo that is asked.
        rehearsal.ops(line);
        let seen = rehearsal.called();
        assert!(seen.trim_end().ends_with(called), "{line}: {seen}");
    }
}

#[test]
fn without_systemd_status_and_logs_say_what_to_ask_instead() {
    if Path::new("/run/systemd/system").exists() {
        return;
    }
    let rehearsal = Rehearsal::new();
    for command in ["status", "logs", "logs -n 5"] {
        let ended = rehearsal.ops(command);
        assert_eq!(ended.code, Some(69), "{command}");
        for word in [
            "does not run systemd",
            "SSH_HOST=",
            "--docker",
            "healthcheck",
        ] {
            assert!(ended.stderr.contains(word), "{command}: {}", ended.stderr);
        }
    }
    assert_eq!(rehearsal.called(), "");
}
