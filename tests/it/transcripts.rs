//! Transcripts: whole exchanges with the gateway, byte for byte, in `tests/golden/transcripts/`.
//!
//! A transcript has the configuration, what the client sends and what the providers answer (`client in`, `provider in`),
//! and then everything that the gateway made of it: its calls (`provider out`), its answer (`client out`), its log lines,
//! its spans, and the lines of `/metrics` that have changed. In and out are the gateway's. The inputs are written by
//! hand; the outputs are compared with those of a run, and recorded anew with
//!
//! ```sh
//! RECORD_TRANSCRIPTS=1 cargo test --test it transcripts
//! ```
//!
//! A new case is a file with its inputs alone, recorded once. What a change of the gateway does to its clients is then
//! the difference of the files. How bytes are spelled is told in `notation.rs`. Bodies in chunks are shown, and written,
//! without their framing: where one chunk ends and the next begins is chance.

mod difference;
mod file;
mod mask;
mod notation;
mod replay;
mod series;
mod spans;

use std::any::Any;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use file::Transcript;

/// Transcripts that are replayed at the same time: most of their time is waiting.
const AT_ONCE: usize = 6;

/// Folders of transcripts, each with a test of its own below.
const FOLDERS: [&str; 13] = [
    "answers",
    "audio",
    "broken",
    "completions",
    "endpoints",
    "exhausted",
    "failover",
    "images",
    "messages",
    "ollama",
    "refusals",
    "responses",
    "settings",
];

/// Clients of every kind read these answers, and providers these requests, as they stand there.
#[test]
fn an_answer_reaches_its_client_as_ever() {
    replay_all("answers");
}

/// Voice assistants hear and speak through these, and nobody listens twice to find out what was said.
#[test]
fn sound_becomes_text_and_text_sound_as_ever() {
    replay_all("audio");
}

/// Editors ask with every key.
#[test]
fn a_text_is_completed_as_ever() {
    replay_all("completions");
}

/// A picture costs, also one that is thrown away.
#[test]
fn pictures_are_made_as_ever() {
    replay_all("images");
}

/// A stream that breaks after its first content must look broken, or half an answer passes for a whole one.
#[test]
fn a_broken_stream_is_told_as_ever() {
    replay_all("broken");
}

/// Monitors, drop-downs and dashboards are built on what the other paths say.
#[test]
fn other_endpoints_answer_as_ever() {
    replay_all("endpoints");
}

/// The status of an error is what clients decide by whether to try again.
#[test]
fn a_request_without_an_answer_ends_as_ever() {
    replay_all("exhausted");
}

/// A client with a second step behind its first one must not notice that the first one failed.
#[test]
fn the_next_step_answers_as_ever() {
    replay_all("failover");
}

/// A client library shows its user the words of a refusal, and retries by its status.
#[test]
fn a_refusal_is_spelled_as_ever() {
    replay_all("refusals");
}

/// Codex, agents and n8n read these events as they stand there.
#[test]
fn a_response_reaches_its_client_as_ever() {
    replay_all("responses");
}

/// Claude Code and Anthropic's libraries read these events as they stand there.
#[test]
fn a_message_reaches_its_client_as_ever() {
    replay_all("messages");
}

/// Home Assistant, Open WebUI and LangChain parse these lines one by one.
#[test]
fn a_line_reaches_its_client_as_ever() {
    replay_all("ollama");
}

/// Whoever has configured an adapter, a header or a trace relies on what reaches the provider.
#[test]
fn settings_do_what_they_ever_did() {
    replay_all("settings");
}

/// A transcript in a folder without a test would never be replayed, and guard nothing.
#[test]
fn every_transcript_is_replayed() {
    let found: BTreeSet<String> = fs::read_dir(root())
        .expect("the folder of transcripts")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = FOLDERS.map(str::to_owned).into();
    assert_eq!(found, known);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/transcripts")
}

/// Replays all transcripts of a folder, and tells of each that went another way.
fn replay_all(folder: &str) {
    let files = fs::read_dir(root().join(folder)).expect("a folder of transcripts");
    let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "no transcripts in {folder}");
    let left = Mutex::new(files);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(path) = { left.lock().unwrap().pop() } {
                    if let Err(why) = check(&path) {
                        let name = path.file_name().unwrap().to_string_lossy();
                        let failure = format!("{folder}/{name}, {why}");
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n\n"));
}

fn check(path: &Path) -> Result<(), String> {
    let expected = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let transcript = Transcript::parse(&expected)?;
    // A panic of the scripted parties ends this transcript, not the others.
    let replayed = catch_unwind(AssertUnwindSafe(|| replay::replay(&transcript)));
    let recorded = replayed.unwrap_or_else(|panic| Err(words(&*panic)))?;
    let actual = transcript.with(&recorded);
    if std::env::var_os("RECORD_TRANSCRIPTS").is_some() {
        return fs::write(path, actual).map_err(|error| error.to_string());
    }
    difference::first(&expected, &actual).map_or(Ok(()), Err)
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}
