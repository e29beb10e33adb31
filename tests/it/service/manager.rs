//! The messages to a service manager, and the sockets from it.

use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Instant;

use rustix::process::Signal as Kill;

use super::config;
use crate::support::process::{Folder, command_in, run};
use crate::support::{Config, Connection, PATIENCE, Script, Upstream, gateway, openai};

/// The service manager's end.
struct Manager(UnixDatagram);

impl Manager {
    fn at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next message that has such a line, and all its lines.
    fn wait_for(&self, wanted: &str) -> Vec<String> {
        // Others may come for ever.
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut message = [0; 4096];
            let length = self.0.recv(&mut message).expect("a message");
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line == wanted) {
                return lines;
            }
        }
        panic!("{wanted} has not come");
    }
}

fn notifying(config: Config, folder: &Folder) -> (Manager, Config) {
    let path = folder.path().join("notify");
    let manager = Manager::at(&SocketAddr::from_pathname(&path).unwrap());
    let config = config.environment("NOTIFY_SOCKET", &path.to_string_lossy());
    (manager, config)
}

#[test]
fn it_is_ready_when_it_answers_and_says_how_it_is() {
    let folder = Folder::new();
    let limited = Upstream::always(Script::json(429, &openai::error("slow", "rate_limit")));
    let upstream = Upstream::saying("fine");
    let config = Config::new()
        .provider("a", &limited)
        .provider("b", &upstream)
        .with("default_step_cooldown: 1m")
        .route("r", [("a", "model-a"), ("b", "model-b")]);
    let (manager, config) = notifying(config, &folder);
    let mut gateway = config.environment("WATCHDOG_USEC", "300000").start();
    let ready = manager.wait_for("READY=1");
    assert!(
        ready.contains(&"STATUS=1 route, 0 steps cooling".to_owned()),
        "{ready:?}"
    );
    manager.wait_for("WATCHDOG=1");
    assert_eq!(gateway.ask("r", false).status, 200);
    let alive = manager.wait_for("STATUS=1 route, 1 step cooling");
    assert!(alive.contains(&"WATCHDOG=1".to_owned()), "{alive:?}");

    gateway.signal(Kill::HUP);
    let reloading = manager.wait_for("RELOADING=1");
    assert!(
        reloading
            .iter()
            .any(|line| line.starts_with("MONOTONIC_USEC="))
    );
    manager.wait_for("READY=1");
    gateway.rewrite("port: x");
    gateway.signal(Kill::HUP);
    manager.wait_for("RELOADING=1");
    let refused = manager.wait_for("READY=1");
    assert!(
        refused
            .iter()
            .any(|line| line.contains("still with the old one")),
        "{refused:?}"
    );

    gateway.signal(Kill::TERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(gateway.wait(), Some(0));
    let said = gateway.output.text();
    assert!(
        !said.contains("readyz"),
        "a line every few seconds:\n{said}"
    );
}

/// Containers hand an abstract address through.
#[test]
fn an_abstract_address_is_understood() {
    let name = format!("ai-gateway-test-{}", std::process::id());
    let manager = Manager::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let upstream = Upstream::saying("fine");
    let _gateway = config(&upstream)
        .environment("NOTIFY_SOCKET", &format!("@{name}"))
        .start();
    manager.wait_for("READY=1");
}

/// Whoever connects while nobody serves gets an answer, not a refusal.
#[test]
fn connections_wait_in_an_inherited_socket_until_it_is_served() {
    let upstream = Upstream::saying("fine");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let for_the_next = listener.try_clone().unwrap();
    let mut early = Connection::open(address);
    early.send(gateway::chat(&openai::request("r", false)));
    let mut first = config(&upstream).start_on(listener);
    assert_eq!(first.address, address);
    assert_eq!(early.response().status, 200);
    drop(early);
    first.signal(Kill::TERM);
    assert_eq!(first.wait(), Some(0));

    TcpStream::connect(address).expect("it is not refused");
    let mut between = Connection::open(address);
    between.send(gateway::chat(&openai::request("r", false)));
    let _second = config(&upstream).start_on(for_the_next);
    assert_eq!(between.response().status, 200);
}

/// A child of an activated process inherits its variables; it must not take what is not its own.
#[test]
fn variables_meant_for_another_process_are_not_heeded() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .environment("LISTEN_FDS", "1")
        .environment("LISTEN_PID", "1")
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
}

#[test]
fn a_setting_that_no_restart_mends_ends_with_the_code_that_says_so() {
    let folder = Folder::new();
    let upstream = Upstream::saying("fine");
    folder.file(
        "config.yaml",
        &config(&upstream).with("ca_file: /nowhere/ca.pem").text(),
    );
    let ended = run(&mut command_in(folder.path()));
    assert_eq!(ended.code, Some(78), "{}", ended.stdout);
    folder.file("config.yaml", &config(&upstream).text());
    let ended = run(command_in(folder.path()).env("LOG_LEVEL", "loud"));
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
}
