//! The built binary as a child process.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::config::CLIENT_KEY;
use super::{Connection, PATIENCE, Response, openai};

/// The binary under test without the environment of whoever runs the tests: proxy variables, for one.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
    command.env_clear();
    command
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

/// A running gateway. It is killed in the end.
pub struct Gateway {
    pub address: SocketAddr,
    pub output: Output,
    pub folder: Folder,
    child: Child,
}

impl Gateway {
    /// Starts with this configuration and waits until it listens.
    pub fn with(config: &str, environment: &[(String, String)]) -> Self {
        let folder = Folder::new();
        let file = folder.file("config.yaml", config);
        let mut child = command()
            .arg("--config")
            .arg(file)
            .envs(environment.iter().cloned())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = Output::default();
        output.collect(child.stdout.take().unwrap());
        output.collect(child.stderr.take().unwrap());
        let address = output.wait_for(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let listening = line["msg"] == "listening";
            listening.then(|| line["address"].as_str()?.parse().ok())?
        });
        let Some(address) = address else {
            drop(child.kill());
            panic!("not listening:\n{config}\n{}", output.text());
        };
        Self {
            address,
            output,
            folder,
            child,
        }
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends these bytes on a connection of their own and reads one answer.
    pub fn exchange(&self, bytes: impl AsRef<[u8]>) -> Response {
        let mut connection = self.connect();
        connection.send(bytes);
        connection.response()
    }

    /// With the client's key.
    pub fn get(&self, path: &str) -> Response {
        self.exchange(request("GET", path, &[], ""))
    }

    /// With the client's key, to `/v1/chat/completions`.
    pub fn post(&self, body: &str) -> Response {
        self.exchange(chat(body))
    }

    /// A small well-formed chat request for a route.
    pub fn ask(&self, route: &str, stream: bool) -> Response {
        self.post(&openai::request(route, stream))
    }

    pub fn is_healthy(&self) -> bool {
        self.get("/health").status == 200
    }

    /// Waits for a JSON log line.
    pub fn wait_for_log(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self.output.wait_for(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            wanted(&line).then_some(line)
        });
        found.unwrap_or_else(|| panic!("no such line in\n{}", self.output.text()))
    }

    /// The most memory it has held at once, in bytes.
    pub fn peak_memory(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("a running process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<usize>().ok());
        kilobytes.expect("a peak") * 1024
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits until the process has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "still there");
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("the gateway said:\n{}", self.output.text());
        }
    }
}

/// A chat completion request with the client's key.
pub fn chat(body: &str) -> Vec<u8> {
    let fields = [("Content-Type", "application/json")];
    request("POST", "/v1/chat/completions", &fields, body)
}

/// A well-formed request with the client's key and a Content-Length.
pub fn request(method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    anonymous(method, path, &with_key(fields), body)
}

/// A well-formed request with no key but one among these fields.
pub fn anonymous(method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let mut fields = fields.to_vec();
    if !body.is_empty() || method == "POST" {
        fields.push(("Content-Length", &length));
    }
    let mut request = anonymous_head(method, path, &fields);
    request.extend_from_slice(body.as_bytes());
    request
}

/// A head with the client's key and these fields only.
pub fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    anonymous_head(method, path, &with_key(fields))
}

fn anonymous_head(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: gateway.test\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    (head + "\r\n").into_bytes()
}

fn with_key<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = fields.to_vec();
    fields.push(("X-Api-Key", CLIENT_KEY));
    fields
}
