//! Standard output belongs to somebody else: it may be full, or gone, and it may be systemd's journal.

use std::fs::File;
use std::process::{Child, Stdio};

use crate::support::collector::attribute;
use crate::support::process::{Folder, Output, command, wait};
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
