//! Debian's nginx and haproxy as they are put in front of services, each as a child process.
//!
//! They listen on a Unix socket: neither can be told to take any free port and say which.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::PATIENCE;
use crate::support::process::{self, Folder, Output};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Haproxy,
}

/// A running proxy. It is killed in the end.
pub struct Proxy {
    kind: Kind,
    child: Child,
    socket: PathBuf,
    folder: Folder,
    output: Output,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Debian has them where only root looks.
    fn path(self) -> Option<PathBuf> {
        let path = std::env::var("PATH").unwrap_or_default();
        let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
        let mut programs = folders.map(|folder| Path::new(folder).join(self.program()));
        programs.find(|program| program.is_file())
    }

    /// Starts it in front of this gateway. `None`, with a word about it, where it is not installed.
    pub fn before(self, gateway: SocketAddr) -> Option<Proxy> {
        let Some(path) = self.path() else {
            let name = self.program();
            println!(
                "skipped: {name} is not installed (./ops.sh test installs it as root on Debian)"
            );
            return None;
        };
        let folder = Folder::new();
        let socket = socket_path();
        let mut command = Command::new(path);
        match self {
            Self::Nginx => {
                let file = folder.file("nginx.conf", &nginx(&folder, &socket, gateway));
                command.arg("-c").arg(file).arg("-p").arg(folder.path());
                command.arg("-e").arg("stderr");
            }
            Self::Haproxy => {
                let file = folder.file("haproxy.cfg", &haproxy(&socket, gateway));
                command.arg("-db").arg("-f").arg(file);
            }
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the proxy starts");
        let output = Output::default();
        output.collect(child.stdout.take().unwrap());
        output.collect(child.stderr.take().unwrap());
        let proxy = Proxy {
            kind: self,
            child,
            socket,
            folder,
            output,
        };
        proxy.wait_until_it_listens();
        Some(proxy)
    }
}

impl Proxy {
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).expect("the proxy accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn wait_until_it_listens(&self) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = UnixStream::connect(&self.socket) {
            let early = matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            );
            assert!(
                early && Instant::now() < deadline,
                "{error}\n{}",
                self.output.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, and gives the `X-Request-Id` of every request it has read.
    pub fn into_seen(mut self) -> Vec<String> {
        let pid = Pid::from_child(&self.child);
        // At once, nginx leaves requests out of its log whose clients have gone before their end.
        let gracefully = match self.kind {
            Kind::Nginx => Signal::QUIT,
            Kind::Haproxy => Signal::TERM,
        };
        kill_process(pid, gracefully).expect("it runs");
        process::wait(&mut self.child).expect("the proxy does not end");
        let log = match self.kind {
            Kind::Nginx => fs::read_to_string(self.folder.path().join("access.log")).unwrap(),
            Kind::Haproxy => {
                self.output.wait_for_end();
                self.output.text()
            }
        };
        let ids = log.lines().filter_map(|line| line.split("id=<").nth(1));
        let ids = ids.filter_map(|rest| rest.split('>').next());
        ids.filter(|id| !matches!(*id, "-" | ""))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_file(&self.socket));
        if std::thread::panicking() {
            eprintln!("the proxy said:\n{}", self.output.text());
        }
    }
}

/// Outside the build folder, whose path may be longer than the 107 bytes that the name of a socket can have.
fn socket_path() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    std::env::temp_dir().join(format!("ai-gateway-{}-{number}.sock", std::process::id()))
}

/// Without buffering of requests, which hides from the gateway what the client does, and with connections kept to it,
/// without which no request can be smuggled into another's.
fn nginx(folder: &Folder, socket: &Path, gateway: SocketAddr) -> String {
    let folder = folder.path().display();
    let socket = socket.display();
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
        events {{ worker_connections 256; }}
        http {{
            log_format ids 'id=<$http_x_request_id> $status';
            access_log {folder}/access.log ids;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            client_header_timeout 400ms; client_body_timeout 400ms; ignore_invalid_headers off;
            underscores_in_headers on;
            upstream gateway {{ server {gateway}; keepalive 4; }}
            server {{
                listen unix:{socket};
                location / {{
                    proxy_pass http://gateway; proxy_http_version 1.1;
                    proxy_set_header Host $http_host; proxy_set_header Connection '';
                    proxy_request_buffering off; proxy_buffering off; proxy_next_upstream off;
                }}
            }}
        }}
"
    )
}

fn haproxy(socket: &Path, gateway: SocketAddr) -> String {
    let socket = socket.display();
    format!(
        "global
    log stdout format raw local0
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 400ms
    timeout http-request 400ms
    timeout http-keep-alive 400ms
    timeout server 5s
    retries 0
frontend front
    bind unix@{socket}
    http-request capture req.hdr(x-request-id) len 64
    log-format \"id=<%[capture.req.hdr(0)]> %ST\"
    default_backend back
backend back
    http-reuse always
    server gateway {gateway}
"
    )
}
