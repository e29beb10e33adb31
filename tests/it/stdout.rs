//! Standard output belongs to somebody else: it may be full, or gone, and it may be systemd's journal.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::collector::attribute;
use crate::support::process::{Folder, Output, command, wait};
use crate::support::standstill::spent_since;
use crate::support::{Collector, Config, Connection, Upstream, openai};

struct Running {
    child: Child,
    _folder: Folder,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A gateway that writes to this, in this format. Where it listens is told to the collector.
fn start(
    collector: &Collector,
    upstream: &Upstream,
    stdout: Stdio,
    variables: &[(&str, &str)],
) -> Running {
    let folder = Folder::new();
    let config = Config::new()
        .provider("a", upstream)
        .route("r", [("a", "m")]);
    let file = folder.file("config.yaml", &config.text());
    let child = command()
        .arg("--config")
        .arg(file)
        .env("OTLP_ENDPOINT", collector.address())
        .env("OTEL_BLRP_SCHEDULE_DELAY", "20")
        .envs(variables.iter().copied())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running {
        child,
        _folder: folder,
    }
}

fn ask(collector: &Collector) -> u16 {
    let listening = collector.wait_for_record("listening");
    let address = attribute(&listening.attributes, "address").parse().unwrap();
    let mut connection = Connection::open(address);
    connection.send(crate::support::gateway::chat(&openai::request("r", false)));
    connection.response().status
}

#[test]
fn a_full_output_does_not_stop_the_service() {
    for format in ["json", "text"] {
        for journal in ["", "8:1"] {
            let (collector, upstream) = (Collector::new(), Upstream::saying("x"));
            let full = File::options().write(true).open("/dev/full").unwrap();
            let variables = [("LOG_FORMAT", format), ("JOURNAL_STREAM", journal)];
            let mut running = start(&collector, &upstream, full.into(), &variables);
            for _ in 0..3 {
                assert_eq!(ask(&collector), 200, "{format}");
            }
            assert!(running.child.try_wait().unwrap().is_none());
        }
    }
}

#[test]
fn a_closed_output_does_not_stop_the_service() {
    for format in ["json", "text"] {
        let (collector, upstream) = (Collector::new(), Upstream::saying("x"));
        let mut running = start(
            &collector,
            &upstream,
            Stdio::piped(),
            &[("LOG_FORMAT", format)],
        );
        drop(running.child.stdout.take());
        for _ in 0..3 {
            assert_eq!(ask(&collector), 200, "{format}");
        }
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&running.child),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        assert_eq!(wait(&mut running.child), Some(Some(0)), "{format}");
    }
}

/// The journal has the time, and takes the level from a number: `journalctl -p warning` works.
#[test]
fn the_journal_gets_levels_and_no_time() {
    for (journal, format, beginning) in [
        ("8:1234", "text", "<6>listening "),
        ("", "text", "20"),
        ("8:1234", "json", "{\"ts\":"),
    ] {
        let (collector, upstream) = (Collector::new(), Upstream::saying("x"));
        let variables = [("JOURNAL_STREAM", journal), ("LOG_FORMAT", format)];
        let mut running = start(&collector, &upstream, Stdio::piped(), &variables);
        let output = Output::default();
        output.collect(running.child.stdout.take().unwrap());
        let line = output.wait_for(|line| line.contains("listening").then(|| line.to_owned()));
        let line = line.expect("a line");
        assert!(line.starts_with(beginning), "{line}");
    }
}

/// Sends this many requests on one connection. The debug log repeats 3 KB of each, which soon fills a pipe and the queue
/// behind it.
fn ask_at_length(address: SocketAddr, count: usize) {
    let message = format!(r#"{{"role":"user","content":"{}"}}"#, "x".repeat(100));
    let messages = vec![message; 20].join(",");
    let body = format!(r#"{{"model":"r","messages":[{messages}]}}"#);
    let request = crate::support::gateway::chat(&body);
    let mut connection = Connection::open(address);
    for _ in 0..count {
        connection.send(&request);
        assert_eq!(connection.response().status, 200);
    }
}

fn listening(collector: &Collector) -> SocketAddr {
    let listening = collector.wait_for_record("listening");
    attribute(&listening.attributes, "address").parse().unwrap()
}

fn terminate(running: &mut Running) -> Option<Option<i32>> {
    let pid = rustix::process::Pid::from_child(&running.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait(&mut running.child)
}

/// A pager, a paused terminal, a log shipper in trouble: the pipe is open, and nothing is taken out of it.
#[test]
fn a_reader_that_stalls_does_not_stop_the_service() {
    for (format, journal) in [("json", ""), ("text", ""), ("text", "8:1")] {
        let (collector, upstream) = (Collector::new(), Upstream::saying("x"));
        let variables = [
            ("LOG_FORMAT", format),
            ("JOURNAL_STREAM", journal),
            ("LOG_LEVEL", "debug"),
        ];
        let mut running = start(&collector, &upstream, Stdio::piped(), &variables);
        let address = listening(&collector);
        ask_at_length(address, 600);
        for path in ["/readyz", "/health"] {
            let mut connection = Connection::open(address);
            connection.send(crate::support::gateway::anonymous("GET", path, &[], ""));
            assert_eq!(connection.response().status, 200, "{format} {path}");
        }
        let mut connection = Connection::open(address);
        connection.send(crate::support::gateway::anonymous(
            "GET",
            "/metrics",
            &[],
            "",
        ));
        let page = connection.response().text();
        let lost = page
            .lines()
            .find_map(|line| line.strip_prefix("ai_gateway_log_lines_lost_total "));
        let lost: u64 = lost.expect("the count").parse().unwrap();
        assert!(lost > 0, "{format}");
        let stopped = Instant::now();
        assert_eq!(terminate(&mut running), Some(Some(0)), "{format}");
        assert!(spent_since(stopped) < Duration::from_secs(5), "{format}");
    }
}

/// A reader that takes its time gets whole lines only, whatever was dropped between them.
#[test]
fn a_slow_reader_gets_whole_lines() {
    let (collector, upstream) = (Collector::new(), Upstream::saying("x"));
    let variables = [("LOG_LEVEL", "debug")];
    let mut running = start(&collector, &upstream, Stdio::piped(), &variables);
    let stdout = running.child.stdout.take().unwrap();
    let output = Output::default();
    output.collect(Slowly(stdout));
    ask_at_length(listening(&collector), 600);
    assert_eq!(terminate(&mut running), Some(Some(0)));
    let text = output.text();
    assert!(text.lines().count() > 10, "{text}");
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
}

/// Reads a little, and rests.
struct Slowly(std::process::ChildStdout);

impl Read for Slowly {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        std::thread::sleep(Duration::from_millis(1));
        let length = buffer.len().min(1024);
        self.0.read(&mut buffer[..length])
    }
}

#[test]
fn every_line_arrives_before_the_end() {
    for format in ["json", "text"] {
        let (collector, upstream) = (Collector::new(), Upstream::saying("x"));
        let variables = [("LOG_FORMAT", format)];
        let mut running = start(&collector, &upstream, Stdio::piped(), &variables);
        let output = Output::default();
        let reader = output.collect(running.child.stdout.take().unwrap());
        ask_at_length(listening(&collector), 300);
        assert_eq!(terminate(&mut running), Some(Some(0)), "{format}");
        reader.join().unwrap();
        let text = output.text();
        assert_eq!(text.matches("/v1/chat/completions").count(), 300, "{text}");
        assert!(text.lines().last().unwrap().contains("stopped"), "{text}");
    }
}
