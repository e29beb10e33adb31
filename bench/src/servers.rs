//! Servers under comparison: the gateway, and nginx as a plain keep-alive proxy in front of the same provider.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Process, free_address};

pub const KEY: &str = "bench-key";

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: bench\r\n\r\n";

/// A directory of this run, removed at its end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ai-gateway-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        // The worker of an nginx started by root is another user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub struct Server {
    pub process: Process,
    pub address: SocketAddr,
    /// Time from its start to its first answer with status 200.
    pub started_in: Duration,
}

/// Gateway, started with the routes `plain`, `slow`, `limited-first`, `failing-first`, `open`, `vectors`, `heard`, `stream-N` for each of `streams`, and as
/// many others as `more_routes`; `wrapper` is a command to run it under.
pub fn gateway(setup: &Setup<'_>, wrapper: &[String]) -> io::Result<Server> {
    let address = free_address()?;
    let file = setup
        .directory
        .join(format!("gateway-{}.yaml", address.port()));
    fs::write(&file, configuration(setup, address))?;
    let mut command = match wrapper.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(setup.binary);
            command
        }
        None => Command::new(setup.binary),
    };
    command
        .arg("--config")
        .arg(&file)
        .env_remove("LOG_LEVEL")
        .env_remove("LOG_FORMAT");
    let begun = Instant::now();
    let process = Process::start(&mut command)?;
    await_answer(process, address, begun)
}

/// Gateway binary and the surroundings that it is started in.
#[derive(Clone, Copy)]
pub struct Setup<'s> {
    pub binary: &'s Path,
    pub directory: &'s Path,
    pub upstream: SocketAddr,
    pub streams: &'s [u32],
    pub more_routes: usize,
}

/// Setups of the binaries under comparison, equal in all else: the first is judged, the others stand beside it.
pub fn setups<'s>(
    binaries: &'s [PathBuf],
    directory: &'s Directory,
    upstream: SocketAddr,
    streams: &'s [u32],
) -> Vec<Setup<'s>> {
    let setup = |binary: &'s PathBuf| Setup {
        binary,
        directory: directory.path(),
        upstream,
        streams,
        more_routes: 0,
    };
    binaries.iter().map(setup).collect()
}

/// Results of `measure` for one setup after the other.
pub fn of_each<S, T>(setups: &[S], measure: impl FnMut(&S) -> io::Result<T>) -> io::Result<Vec<T>> {
    setups.iter().map(measure).collect()
}

fn configuration(setup: &Setup<'_>, address: SocketAddr) -> String {
    let mut providers = String::new();
    let mut routes = String::new();
    let mut provider = |name: &str, path: &str| {
        let _ = writeln!(
            providers,
            "  - {{name: {name}, base_url: \"http://{}/{path}/v1\", api_key: provider-key}}",
            setup.upstream
        );
    };
    let mut route = |name: &str, providers: &[&str]| {
        let _ = writeln!(routes, "  - name: {name}\n    steps:");
        for provider in providers {
            let _ = writeln!(routes, "      - {{provider: {provider}, model: mock-1}}");
        }
    };
    for name in [
        "plain", "slow", "limited", "failing", "open", "vectors", "heard",
    ] {
        provider(name, name);
    }
    for number in 0..setup.more_routes {
        route(&format!("other-{number}"), &["plain"]);
    }
    route("plain", &["plain"]);
    route("slow", &["slow"]);
    route("limited-first", &["limited", "plain"]);
    route("failing-first", &["failing", "plain"]);
    route("open", &["open"]);
    route("vectors", &["vectors"]);
    route("heard", &["heard"]);
    for events in setup.streams {
        let name = format!("stream-{events}");
        provider(&name, &format!("stream/{events}"));
        route(&name, &[&name]);
    }
    format!(
        "listen: {address}\napi_key: {KEY}\ndefault_step_cooldown: 0s\n\
         server: {{max_concurrent_requests: 1100, max_connections: 6000}}\n\
         providers:\n{providers}routes:\n{routes}"
    )
}

/// Nginx, started with one worker, without a log, and with a pool of upstream connections.
pub fn nginx(directory: &Path, upstream: SocketAddr) -> io::Result<Server> {
    let address = free_address()?;
    let prefix = directory.join("nginx");
    fs::create_dir_all(&prefix)?;
    let file = prefix.join("nginx.conf");
    fs::write(&file, nginx_configuration(address, upstream))?;
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(&prefix)
        .arg("-c")
        .arg(&file)
        .args(["-e", "/dev/null"]);
    let begun = Instant::now();
    let process = Process::start(&mut command)?;
    await_answer(process, address, begun)
}

/// A prompt of 32 KB and a recording of 10 MB stay in memory, as in the gateway; streams are passed on at once, as in the gateway.
fn nginx_configuration(address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid nginx.pid;
error_log /dev/null crit;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 64m;
    client_body_buffer_size 64k;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    upstream provider {{
        server {upstream};
        keepalive 1100;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        proxy_set_header Authorization \"Bearer provider-key\";
        location / {{ proxy_pass http://provider; }}
        location /stream/ {{ proxy_pass http://provider; proxy_buffering off; }}
        location /heard/ {{ proxy_pass http://provider; client_body_buffer_size 16m; }}
        location = /health {{ return 200 healthy; }}
    }}
}}
"
    )
}

fn await_answer(mut process: Process, address: SocketAddr, begun: Instant) -> io::Result<Server> {
    while !answers(address) {
        if process.has_ended() {
            return Err(io::Error::other(
                "a server ended at once; is its configuration valid?",
            ));
        }
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "a server does not start",
            ));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(Server {
        process,
        address,
        started_in: begun.elapsed(),
    })
}

fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        socket.write_all(HEALTH)?;
        let mut start = [0; 12];
        socket.read_exact(&mut start)?;
        Ok(start.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}

/// A chat request for the gateway's route, or for the provider's path (behind nginx, or asked directly).
pub fn request(path: &str, route: &str, prompt_bytes: usize, stream: bool) -> Vec<u8> {
    let prompt = "Measure twice. ".repeat(prompt_bytes / 15 + 1);
    let prompt = &prompt[..prompt_bytes];
    let stream = if stream { ",\"stream\":true" } else { "" };
    let body = format!(
        "{{\"model\":\"{route}\",\"messages\":[{{\"role\":\"system\",\"content\":\"Be brief.\"}},\
         {{\"role\":\"user\",\"content\":\"{prompt}\"}}],\"temperature\":0.7{stream}}}"
    );
    let path = format!("{path}/v1/chat/completions");
    http_request(&path, "application/json", body.as_bytes())
}

/// A request for a stream of Responses, which gateways translate for the provider.
pub fn request_of_responses(route: &str, prompt_bytes: usize) -> Vec<u8> {
    let prompt = "Measure twice. ".repeat(prompt_bytes / 15 + 1);
    let prompt = &prompt[..prompt_bytes];
    let body = format!(
        "{{\"model\":\"{route}\",\"instructions\":\"Be brief.\",\"input\":\"{prompt}\",\
         \"temperature\":0.7,\"stream\":true}}"
    );
    http_request("/v1/responses", "application/json", body.as_bytes())
}

/// A request with a body and a key.
pub fn http_request(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: {content_type}\r\nAccept: application/json\r\nUser-Agent: bench/1\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Whether a gateway has something at a path.
pub fn has_endpoint(address: SocketAddr, path: &str) -> io::Result<bool> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let head =
        format!("OPTIONS {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    socket.write_all(head.as_bytes())?;
    let mut start = [0; 12];
    socket.read_exact(&mut start)?;
    Ok(!start.ends_with(b"404"))
}

/// `GET /health`.
pub fn health_request() -> &'static [u8] {
    HEALTH
}
