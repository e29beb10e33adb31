//! A Valkey or Redis server of its own for a test, on a socket of the file system.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::process::Folder;

pub struct SharedServer {
    process: Option<Child>,
    program: &'static str,
    folder: Folder,
}

impl SharedServer {
    /// `None` where no program is installed, which is only allowed outside CI.
    pub fn start() -> Option<Self> {
        let there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
        let Some(program) = ["valkey-server", "redis-server"].into_iter().find(there) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI needs redis-server or valkey-server"
            );
            eprintln!("skipped: neither valkey-server nor redis-server is installed");
            return None;
        };
        let mut server = Self {
            process: None,
            program,
            folder: Folder::new(),
        };
        server.restart();
        Some(server)
    }

    /// Starts it with no data at all.
    pub fn restart(&mut self) {
        self.kill();
        let socket = self.socket();
        let folder = self.folder.path().display();
        let text = format!(
            "port 0\nunixsocket {}\nsave \"\"\nappendonly no\ndir {folder}\n",
            socket.display()
        );
        let file = self.folder.file("server.conf", &text);
        let mut process = Command::new(self.program)
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let is_ready = |line: &String| line.contains("at ") && line.contains("s.sock");
        let ready = lines.by_ref().map_while(Result::ok).find(is_ready);
        assert!(ready.is_some(), "{} does not start", self.program);
        // What it says further on is read, lest it wait for a reader.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.process = Some(process);
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s.sock")
    }

    /// Its address, as the configuration has it.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The same data, as another client sees them.
    pub fn other_client(&self) -> redis::Connection {
        redis::Client::open(self.url())
            .unwrap()
            .get_connection()
            .unwrap()
    }
}

impl Drop for SharedServer {
    fn drop(&mut self) {
        self.kill();
    }
}
