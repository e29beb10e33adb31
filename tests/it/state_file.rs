//! What the gateway remembers over a restart, and what it does when it cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::client::Response;
use crate::support::config::provider_key;
use crate::support::process::Folder;
use crate::support::{Config, PATIENCE, Script, Step, Upstream, openai};

fn limited() -> Upstream {
    Upstream::always(Script::body(
        429,
        &[("Retry-After", "600")],
        openai::error("slow down", "rate_limit_exceeded"),
    ))
}

fn two_steps(a: &Upstream, b: &Upstream, state: &Path) -> Config {
    Config::new()
        .with(&format!("state_file: {}", state.display()))
        .provider("a", a)
        .provider("b", b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
}

fn via(response: &Response) -> &str {
    response
        .header("x-routed-via")
        .unwrap_or_else(|| panic!("nowhere: {response}"))
}

/// Waits until the file holds this.
fn wait_for(path: &Path, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::read_to_string(path) {
            Ok(written) if written.contains(text) => return written,
            _ if Instant::now() > deadline => panic!("{text} never came to {}", path.display()),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A stop, and a crash once the file was written: neither makes the gateway ask again before the time that was stated.
#[test]
fn deadlines_survive_a_restart() {
    for signal in [Signal::TERM, Signal::KILL] {
        let (a, b) = (limited(), Upstream::saying("from b"));
        let folder = Folder::new();
        let state = folder.path().join("state.json");
        let config = two_steps(&a, &b, &state);
        let mut gateway = config.start();
        assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
        if signal == Signal::KILL {
            wait_for(&state, "full_until_ms");
        }
        gateway.signal(signal);
        gateway.wait();
        let gateway = config.start();
        let response = gateway.ask("r", false);
        assert_eq!(via(&response), "b/model-b");
        let left = response.steps()[0]["retry_after_ms"].as_u64();
        assert!(left.is_some_and(|left| left > 500_000), "{response}");
        assert_eq!(a.requests().len(), 1, "asked again after {signal:?}");
    }
}

/// The file lies on a disk that others back up and read.
#[test]
fn the_file_holds_no_secret_and_is_its_owners() {
    let (a, b) = (limited(), Upstream::saying("from b"));
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let gateway = two_steps(&a, &b, &state).start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let written = wait_for(&state, "full_until_ms");
    for key in ["a", "b"].map(provider_key) {
        assert!(!written.contains(&key), "{written}");
    }
    let mode = fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let entries = fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let own: Vec<String> = names.filter(|name| name.starts_with("state")).collect();
    assert_eq!(own, ["state.json"]);
}

/// Half a file, another program's file, a folder: they cost what they held, not the service.
#[test]
fn a_damaged_file_is_ignored_with_a_warning() {
    let (a, b) = (limited(), Upstream::saying("from b"));
    let folder = Folder::new();
    let state = folder.path().join("state.json");
    let config = two_steps(&a, &b, &state);
    let mut gateway = config.start();
    assert_eq!(gateway.ask("r", false).status, 200);
    gateway.signal(Signal::TERM);
    gateway.wait();
    let whole = fs::read(&state).unwrap();
    let half = &whole[..whole.len() / 2];
    let large = vec![b' '; 5 << 20];
    for (count, damaged) in [half, b"", b"\xff\xfe", &large].into_iter().enumerate() {
        fs::write(&state, damaged).unwrap();
        let mut gateway = config.start();
        let warning = gateway.wait_for_log(|line| line["msg"] == "the state file is ignored");
        assert_eq!(warning["level"], "warn", "{warning}");
        assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
        assert_eq!(a.requests().len(), count + 2, "it still remembers");
        gateway.signal(Signal::TERM);
        gateway.wait();
        assert!(
            fs::read_to_string(&state)
                .unwrap()
                .contains("full_until_ms")
        );
    }
}

/// A disk that is full or not there must not take the answers with it, nor fill the log.
#[test]
fn a_file_that_cannot_be_written_stops_nothing() {
    let (a, b) = (limited(), Upstream::saying("from b"));
    let folder = Folder::new();
    let state = folder.path().join("missing").join("state.json");
    let config = two_steps(&a, &b, &state).route("s", [Step::new("a", "another")]);
    let mut gateway = config.start();
    assert_eq!(via(&gateway.ask("r", false)), "b/model-b");
    let warned = |line: &serde_json::Value| line["msg"] == "the state file cannot be written";
    let warning = gateway.wait_for_log(warned);
    assert_eq!(warning["level"], "warn", "{warning}");
    assert!(warning["error"].is_string(), "{warning}");
    assert_eq!(gateway.ask("s", false).status, 429);
    assert_eq!(via(&gateway.ask("r", true)), "b/model-b");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait(), Some(0));
    let text = gateway.output.text();
    assert_eq!(text.matches("/state.json").count(), 1, "{text}");
}

/// Under systemd there is a folder for it, and nothing to configure.
#[test]
fn the_service_managers_folder_is_used_unasked() {
    let (a, b) = (limited(), Upstream::saying("from b"));
    let folder = Folder::new();
    let gateway = Config::new()
        .environment("STATE_DIRECTORY", folder.path().to_str().unwrap())
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "model-a"), ("b", "model-b")])
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    wait_for(&folder.path().join("state.json"), "full_until_ms");
}
