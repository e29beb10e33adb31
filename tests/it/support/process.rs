//! Child processes, their folders and what they print.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::PATIENCE;

/// The binary under test without the environment of whoever runs the tests: proxy variables, for one.
/// `AI_GATEWAY_BINARY` names another build to try, such as the release one.
pub fn command() -> Command {
    let other = std::env::var_os("AI_GATEWAY_BINARY");
    let binary = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_ai-gateway").into());
    let mut command = Command::new(binary);
    command.env_clear();
    command
}

/// The binary under test, in this folder.
pub fn command_in(folder: &Path) -> Command {
    inside(folder, &command())
}

/// The same command, its arguments and variables, in this folder, to which `env` goes: std forks for
/// [`Command::current_dir`] where libc is linked statically, and the fork of a process of this size takes 50 times the
/// time of a start that shares the memory until its `exec`.
pub fn inside(folder: &Path, command: &Command) -> Command {
    let mut there = Command::new("/usr/bin/env");
    there.env_clear().arg("-C").arg(folder);
    there.arg(command.get_program()).args(command.get_args());
    let variables = command.get_envs();
    there.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    there
}

/// The binary, started by a shell after these commands, such as `ulimit -n 64`. `"$@"` is the binary with its arguments.
pub fn command_behind(commands: &str) -> Command {
    let binary = command().get_program().to_owned();
    let mut command = Command::new("/bin/sh");
    command.env_clear().arg("-c").arg(commands).arg("sh");
    command.arg(binary);
    command
}

/// Whether the tests that take long are wanted; otherwise says so.
pub fn has_time() -> bool {
    let has_time = std::env::var_os("AI_GATEWAY_LONG_TESTS").is_some();
    if !has_time {
        println!("skipped: it takes long (./ops.sh test --long)");
    }
    has_time
}

/// Allows this process, and those it starts, as many descriptors as the system lets it.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit is always allowed");
}

/// A folder of its own, removed in the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("it-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and tells its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// All lines of both outputs, with someone to wait for them.
#[derive(Clone, Default)]
pub struct Output(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    /// How many of the two outputs have ended.
    ended: usize,
}

impl Output {
    /// Collects until the other side closes.
    pub fn collect(&self, source: impl Read + Send + 'static) -> JoinHandle<()> {
        let shared = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                shared.0.lock().unwrap().all.push(line);
                shared.1.notify_all();
            }
            shared.0.lock().unwrap().ended += 1;
            shared.1.notify_all();
        })
    }

    pub fn text(&self) -> String {
        self.0.0.lock().unwrap().all.join("\n")
    }

    /// Waits until both outputs have ended.
    pub fn wait_for_end(&self) {
        let lines = self.0.0.lock().unwrap();
        let ended = self
            .0
            .1
            .wait_timeout_while(lines, PATIENCE, |lines| lines.ended < 2);
        assert!(!ended.unwrap().1.timed_out(), "its outputs do not end");
    }

    /// Waits for a line this makes something of; `None` when the process ended or the time is over.
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.0.0.lock().unwrap();
        let mut seen = 0;
        loop {
            if let Some(found) = lines.all[seen..].iter().find_map(|line| find(line)) {
                return Some(found);
            }
            seen = lines.all.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if lines.ended == 2 || left.is_zero() {
                return None;
            }
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
    }
}

/// A process that has ended.
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs to the end, which must come within [`PATIENCE`].
pub fn run(command: &mut Command) -> Ended {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let (stdout, stderr) = (Output::default(), Output::default());
    let readers = [
        stdout.collect(child.stdout.take().unwrap()),
        stderr.collect(child.stderr.take().unwrap()),
    ];
    let code = wait(&mut child);
    for reader in readers {
        reader.join().unwrap();
    }
    let (stdout, stderr) = (stdout.text(), stderr.text());
    let Some(code) = code else {
        panic!("it does not end:\n{stdout}\n{stderr}");
    };
    Ended {
        code,
        stdout,
        stderr,
    }
}

/// The exit code when the process ends by itself; otherwise it is killed.
pub fn wait(child: &mut Child) -> Option<Option<i32>> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status.code());
        }
        thread::sleep(Duration::from_millis(5));
    }
    drop(child.kill());
    drop(child.wait());
    None
}
