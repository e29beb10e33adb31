//! Several gateways that count together through a server: what its owner sees, and what nobody may see.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as Kill, kill_process};
use serde_json::Value;

use crate::support::process::{Folder, command, run};
use crate::support::{Config, Exposition, Gateway, PATIENCE, Upstream};

const PASSWORD: &str = "valkey-pass-71c3";

/// A server of its own with a password, which ends with the value.
struct Server {
    process: Child,
    folder: Folder,
    port: u16,
}

impl Server {
    /// A server with these settings besides; `None` where no program is installed, which is only allowed outside CI.
    fn start(settings: &str) -> Option<Self> {
        let there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
        let Some(program) = ["valkey-server", "redis-server"].into_iter().find(there) else {
            let is_ci = std::env::var_os("CI").is_some();
            assert!(!is_ci, "CI needs redis-server or valkey-server");
            println!("skipped: neither valkey-server nor redis-server is installed");
            return None;
        };
        let folder = Folder::new();
        // Another process may take the port in between: then it is tried again.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let plain = if settings.contains("tls-port") {
                0
            } else {
                port
            };
            let settings = settings.replace("{port}", &port.to_string());
            let text = format!(
                "bind 127.0.0.1\nport {plain}\nunixsocket s.sock\nsave \"\"\nappendonly no\ndir {}\n{settings}\n",
                folder.path().display()
            );
            let file = folder.file("server.conf", &text);
            let mut process = Command::new(program)
                .arg(&file)
                .current_dir(folder.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            let mut lines = lines.map_while(Result::ok);
            if lines.any(|line| line.contains("s.sock") && line.contains("at ")) {
                return Some(Self {
                    process,
                    folder,
                    port,
                });
            }
            process.wait().unwrap();
        }
        panic!("{program} does not start");
    }

    fn with_password() -> Option<Self> {
        Self::start(&format!("requirepass {PASSWORD}"))
    }

    fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    fn signal(&self, signal: Kill) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/upstream/tests/fixtures")
        .join(name)
}

fn sharing(upstream: &Upstream, members: &str) -> Config {
    Config::new()
        .with(&format!("shared: {{{members}, sync: 50ms}}"))
        .provider_with("p", upstream, &["limits: {requests: 40/day}"])
        .route("r", [("p", "m")])
}

fn report(gateway: &Gateway) -> Value {
    gateway.get("/v1/diagnostics/routes").json()["shared"].clone()
}

/// Waits until diagnostics say so.
fn wait_for(gateway: &Gateway, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE * 2;
    loop {
        let report = report(gateway);
        if holds(&report) {
            return report;
        }
        assert!(Instant::now() < deadline, "never {what}: {report}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn is_shared(report: &Value) -> bool {
    report["state"] == "shared"
}

#[test]
fn mistakes_are_told_together_and_without_the_password() {
    let folder = Folder::new();
    for (shared, message) in [
        ("{}", "url"),
        ("{url: \"http://:secret-pass-9@h\"}", "must be of the form"),
        ("{url: \"redis://h/x\"}", "url"),
        ("{url: \"redis://h\", sync: 1ms}", "sync"),
        ("{url: \"redis://h\", replicas: 0}", "replicas"),
        ("{url: \"redis://h\", prefix: \"a*\"}", "prefix"),
        ("{url: \"redis://h\", sinc: 1s}", "sinc"),
        (
            "{url: \"redis://:secret-pass-9@h\", ca_file: ca.pem}",
            "ca_file",
        ),
    ] {
        let config = Config::new()
            .with(&format!("shared: {shared}"))
            .provider("p", "http://127.0.0.1:9")
            .route("r", [("p", "m")]);
        let file = folder.file("config.yaml", &config.text());
        let ended = run(command().args(["check", "--config"]).arg(file));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_ne!(ended.code, Some(0), "{shared}: {said}");
        assert!(
            said.contains("shared") && said.contains(message),
            "{shared}: {said}"
        );
        assert!(!said.contains("secret-pass-9"), "{said}");
    }
}

/// Would break for whoever renews certificates: the gateway would start, and trust nobody.
#[test]
fn certificates_that_are_not_there_are_told_at_the_start() {
    let upstream = Upstream::saying("hello");
    let url = "url: \"rediss://:secret-pass-9@localhost\", ca_file: /nowhere/ca.pem";
    let folder = Folder::new();
    let file = folder.file("config.yaml", &sharing(&upstream, url).text());
    let ended = run(command().arg("--config").arg(file));
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(ended.code.is_some_and(|code| code != 0), "{said}");
    assert!(
        said.contains("/nowhere/ca.pem") && !said.contains("secret-pass-9"),
        "{said}"
    );
}

#[test]
fn two_gateways_count_together_and_everybody_can_see_it() {
    let Some(server) = Server::with_password() else {
        return;
    };
    let upstream = Upstream::saying("hello");
    let config = sharing(&upstream, &format!("url: \"{}\"", server.url()));
    let gateways = [config.start(), config.start()];
    for gateway in &gateways {
        let report = wait_for(gateway, "two", |report| {
            report["members"] == 2 && is_shared(report)
        });
        assert_eq!(
            report["server"],
            format!("redis://127.0.0.1:{}/0", server.port)
        );
        assert!(
            report["version"].as_str().unwrap().contains('.'),
            "{report}"
        );
        assert!(report["clock_offset_ms"].as_i64().is_some(), "{report}");
        assert!(report.get("error").is_none(), "{report}");
    }
    for number in 0..60 {
        let status = gateways[number % 2].ask("r", false).status;
        assert!(status == 200 || status == 429, "{status}");
    }
    assert!(
        upstream.requests().len() <= 40,
        "more than the limit of both"
    );
    let metrics = Exposition::of(&gateways[0]);
    assert_eq!(metrics.value("ai_gateway_shared_up"), 1.0);
    assert_eq!(metrics.value("ai_gateway_shared_replicas"), 2.0);
    let granted = "ai_gateway_shared_portions_total{outcome=\"granted\"}";
    assert!(metrics.value(granted) > 0.0, "{metrics}");
    for name in [
        "ai_gateway_shared_round_trip_seconds_count",
        "ai_gateway_shared_local_seconds_total",
        "ai_gateway_shared_clock_offset_seconds",
        "ai_gateway_shared_errors_total{kind=\"timeout\"}",
    ] {
        assert!(metrics.get(name).is_some(), "{name}: {metrics}");
    }
}

/// Would break for monitors: they would take all gateways out of the balancer because a side matter is away.
#[test]
fn a_server_that_is_away_is_told_once_and_changes_no_answer() {
    let Some(server) = Server::with_password() else {
        return;
    };
    let upstream = Upstream::saying("hello");
    let config = sharing(
        &upstream,
        &format!("url: \"{}\", replicas: 1", server.url()),
    );
    let gateway = config.start();
    wait_for(&gateway, "shared", is_shared);
    server.signal(Kill::STOP);
    let report = wait_for(&gateway, "local", |report| report["state"] == "local");
    assert!(report["error"].as_str().is_some(), "{report}");
    assert_eq!(gateway.get("/readyz").status, 200);
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(Exposition::of(&gateway).value("ai_gateway_shared_up"), 0.0);
    server.signal(Kill::CONT);
    wait_for(&gateway, "back", is_shared);
    let away =
        gateway.wait_for_log(|line| line["msg"] == "the shared server is away: limits are split");
    assert_eq!(
        (&away["level"], &away["replicas"]),
        (&"warn".into(), &1.into())
    );
    let text = gateway.output.text();
    let lines = |words: &str| text.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("the shared server is away"), 1, "{text}");
    assert_eq!(
        lines("the shared server answers"),
        2,
        "at the start, and once it was back: {text}"
    );
    assert!(!text.contains(PASSWORD), "{text}");
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let Some(server) = Server::with_password() else {
        return;
    };
    let upstream = Upstream::saying("hello");
    let url = format!("redis://:wrong-pass-55aa@127.0.0.1:{}", server.port);
    let gateway = sharing(&upstream, &format!("url: \"{url}\"")).start();
    let away =
        gateway.wait_for_log(|line| line["msg"] == "the shared server is away: limits are split");
    assert!(
        away["error"].as_str().unwrap().contains("password"),
        "{away}"
    );
    let shown = gateway.get("/v1/diagnostics/routes").text();
    assert_eq!(gateway.ask("r", false).status, 200);
    let text = gateway.output.text();
    assert!(
        !text.contains("wrong-pass-55aa") && !shown.contains("wrong-pass-55aa"),
        "{text}"
    );
}

#[test]
fn a_user_of_an_access_control_list_on_a_unix_socket_suffices() {
    // The least that a user needs, as docs/replicas.md has it.
    let settings = format!(
        "user default off\nuser gateway on >{PASSWORD} ~aigw:* +@read +@write -@dangerous +@connection +time +info"
    );
    let Some(server) = Server::start(&settings) else {
        return;
    };
    let upstream = Upstream::saying("hello");
    let socket = server.folder.path().join("s.sock");
    let url = format!("unix://gateway:{PASSWORD}@{}", socket.display());
    let gateway = sharing(&upstream, &format!("url: \"{url}\"")).start();
    let report = wait_for(&gateway, "shared", is_shared);
    assert_eq!(
        report["server"],
        format!("unix://{}?db=0", socket.display())
    );
    assert_eq!(gateway.ask("r", false).status, 200);
}

#[test]
fn tls_trusts_the_named_authority_and_no_other() {
    let pem = |name| fixture(name).display().to_string();
    let settings = format!(
        "tls-port {{port}}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no",
        pem("server.pem"),
        pem("server.key"),
        pem("ca.pem")
    );
    let Some(server) = Server::start(&settings) else {
        return;
    };
    let upstream = Upstream::saying("hello");
    let url = format!("url: \"rediss://localhost:{}\"", server.port);
    let known = sharing(&upstream, &format!("{url}, ca_file: \"{}\"", pem("ca.pem"))).start();
    wait_for(&known, "shared", is_shared);
    let stranger = sharing(&upstream, &url).start();
    let away =
        stranger.wait_for_log(|line| line["msg"] == "the shared server is away: limits are split");
    assert_eq!(away["kind"], "tls", "{away}");
    assert_eq!(stranger.ask("r", false).status, 200);
}
