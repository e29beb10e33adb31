//! A real server for the tests, on a socket of the file system or a free port.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::config::{Shared, SharedAddress, SharedServer};

/// A server of its own, which ends with the value.
pub struct Server {
    process: Child,
    pub folder: PathBuf,
    pub port: u16,
}

/// The program; `None` where there is none, which is only allowed outside CI.
fn program() -> Option<&'static str> {
    let there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = ["valkey-server", "redis-server"].into_iter().find(there);
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs redis-server or valkey-server"
        );
        eprintln!("skipped: neither valkey-server nor redis-server is installed");
    }
    found
}

impl Server {
    /// A server with these settings besides; `None` where no program is installed.
    pub fn start(settings: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let program = program()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("aigw-valkey-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // Another process may take the port in between: then it is tried again.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let settings = settings.replace("{port}", &port.to_string());
            let plain = if settings.contains("tls-port") {
                0
            } else {
                port
            };
            let path = folder.display();
            let file = folder.join("server.conf");
            let text = format!(
                "bind 127.0.0.1\nport {plain}\nunixsocket {path}/s.sock\nsave \"\"\nappendonly no\ndir {path}\n{settings}\n"
            );
            fs::write(&file, text).unwrap();
            let mut process = Command::new(program)
                .arg(&file)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            if lines
                .map_while(Result::ok)
                .any(|line| line.contains("at ") && line.contains("s.sock"))
            {
                return Some(Self {
                    process,
                    folder,
                    port,
                });
            }
            let _ = process.wait();
        }
        panic!("{program} does not start");
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("s.sock")
    }

    /// The sharing through this server's socket.
    pub fn shared(&self) -> Shared {
        super::shared(SharedServer {
            address: SharedAddress::Unix(self.socket()),
            user: None,
            password: None,
            database: 0,
        })
    }

    /// The same data, as another client sees them.
    pub fn other_client(&self) -> redis::Connection {
        let url = format!("unix://{}", self.socket().display());
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A certificate or key of the tests of TLS.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/upstream/tests/fixtures")
        .join(name)
}
