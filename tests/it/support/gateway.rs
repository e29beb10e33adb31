//! The built binary as a child process.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::config::CLIENT_KEY;
use super::process::{self, Folder, Output, command, inside};
use super::{Connection, PATIENCE, Response, openai};

/// A running gateway. It is killed in the end.
pub struct Gateway {
    pub address: SocketAddr,
    pub output: Output,
    child: Child,
    folder: Folder,
}

impl Gateway {
    /// Starts with this configuration and waits until it listens.
    pub fn with(config: &str, environment: &[(String, String)]) -> Self {
        Self::by(command(), config, environment)
    }

    /// The same with this command, which lacks but its arguments.
    pub fn by(command: Command, config: &str, environment: &[(String, String)]) -> Self {
        let folder = Folder::new();
        let file = folder.file("config.yaml", config);
        let mut command = inside(folder.path(), &command);
        command
            .arg("--config")
            .arg(file)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null());
        Self::running(command, folder)
    }

    /// Starts this command and waits until it listens.
    pub fn running(mut command: Command, folder: Folder) -> Self {
        let mut child = command
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
            panic!("{command:?} is not listening:\n{}", output.text());
        };
        Self {
            address,
            output,
            child,
            folder,
        }
    }

    /// Puts another configuration in the place of the one it was started with; it is told by a signal.
    pub fn rewrite(&self, config: &str) {
        self.folder.file("config.yaml", config);
    }

    pub fn config_file(&self) -> std::path::PathBuf {
        self.folder.path().join("config.yaml")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
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

    /// The last requests that this client sees and that pass, the newest first, once there are so many: a request is over
    /// when its last byte is sent, which its client may have read by then.
    pub fn records(&self, fields: &[(&str, &str)], query: &str, count: usize) -> Vec<Value> {
        let path = format!("/v1/diagnostics/requests{query}");
        let until = Instant::now() + PATIENCE;
        loop {
            let response = self.exchange(anonymous("GET", &path, fields, ""));
            assert_eq!(response.status, 200, "{response}");
            let data = response.json()["data"].as_array().unwrap().clone();
            if data.len() >= count {
                assert_eq!(data.len(), count, "{data:?}");
                return data;
            }
            assert!(Instant::now() < until, "{data:?}");
            thread::yield_now();
        }
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

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory it has held at once, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.status("VmHWM:") * 1024
    }

    /// The memory it holds now, in bytes, and the number of its threads.
    pub fn memory_and_threads(&self) -> (usize, usize) {
        (self.status("VmRSS:") * 1024, self.status("Threads:"))
    }

    /// The memory that it holds now, counted exactly, which takes the system a while (bytes).
    pub fn resident_memory(&self) -> usize {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let rollup = fs::read_to_string(path).expect("a running process");
        let value = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let number = value.and_then(|value| value.split_whitespace().next()?.parse::<usize>().ok());
        number.expect("a number of KiB") * 1024
    }

    fn status(&self, name: &str) -> usize {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("a running process");
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {name}"))
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Waits until the process has ended by itself; its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let code = process::wait(&mut self.child).expect("it does not end");
        // The last lines may still be on their way to the reader.
        self.output.wait_for_end();
        code
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
