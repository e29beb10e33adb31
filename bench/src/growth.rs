//! Cost of more of everything, as a table in Markdown.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::process::Size;
use crate::rounds::{Contestant, Plain, Streamed, Summary};
use crate::servers::{self, Directory, Server, Setup, request};
use crate::upstream;

const DURATION: Duration = Duration::from_secs(2);
const EVENTS: u32 = 150;

pub fn measure(binaries: &[PathBuf]) -> io::Result<()> {
    let directory = Directory::new()?;
    let growth = Growth {
        setups: servers::setups(binaries, &directory, upstream::start()?, &[EVENTS]),
    };
    println!(
        "| case | per second | CPU each (us) | p50 (us) | p99 (us) | RSS (MB) | threads | errors |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for connections in [1, 8, 32, 128, 512, 1000] {
        growth.plain(&format!("{connections} connections"), connections, 0, 300)?;
    }
    for routes in [1, 10, 100] {
        growth.plain(
            &format!("32 connections, {routes} routes"),
            32,
            routes - 1,
            300,
        )?;
    }
    for (name, bytes) in [
        ("1 KB", 1 << 10),
        ("32 KB", 1 << 15),
        ("1 MB", 1 << 20),
        ("10 MB", 10 << 20),
    ] {
        growth.plain(&format!("8 connections, prompts of {name}"), 8, 0, bytes)?;
    }
    for streams in [1, 10, 100, 200, 500, 1000] {
        growth.streams(streams)?;
    }
    Ok(())
}

struct Growth<'g> {
    setups: Vec<Setup<'g>>,
}

impl Growth<'_> {
    fn plain(
        &self,
        case: &str,
        connections: usize,
        more_routes: usize,
        prompt: usize,
    ) -> io::Result<()> {
        let plain = Plain {
            connections,
            rounds: 3,
            duration: DURATION,
        };
        let request = request("", "plain", prompt, false);
        self.rows(case, more_routes, &request, |all| plain.run(all))
    }

    fn streams(&self, streams: usize) -> io::Result<()> {
        let streamed = Streamed {
            streams,
            events: EVENTS,
            rounds: 1,
        };
        let case = format!("{streams} streams: events, first at p50, lag at p99");
        let request = request("", &format!("stream-{EVENTS}"), 300, true);
        self.rows(&case, 0, &request, |all| streamed.run(all))
    }

    /// Rows of a case, one for each binary. Each has a gateway of its own, so that the memory is that of the case.
    fn rows(
        &self,
        case: &str,
        more_routes: usize,
        request: &[u8],
        run: impl Fn(&[Contestant<'_>]) -> io::Result<Vec<Summary>>,
    ) -> io::Result<()> {
        for (setup, beside) in self.setups.iter().zip(["", ", against"]) {
            let setup = Setup {
                more_routes,
                ..*setup
            };
            let gateway = servers::gateway(&setup, &[])?;
            let contestants = [Contestant::new(&gateway, request.to_owned())];
            let (summaries, size) = watched(&gateway, || run(&contestants))?;
            row(&format!("{case}{beside}"), &summaries, size);
        }
        Ok(())
    }
}

/// Result of `run`, and the largest size of the gateway meanwhile.
fn watched(
    gateway: &Server,
    run: impl FnOnce() -> io::Result<Vec<Summary>>,
) -> io::Result<(Vec<Summary>, Size)> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let size = scope.spawn(|| crate::crowd::watch_size(&gateway.process, &is_over));
        let summaries = run();
        is_over.store(true, Ordering::SeqCst);
        let size = size
            .join()
            .map_err(|_| io::Error::other("the watching thread panicked"))?;
        Ok((summaries?, size))
    })
}

fn row(case: &str, summaries: &[Summary], size: Size) {
    for summary in summaries {
        println!(
            "| {case} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} | {} | {} |",
            summary.a_second,
            summary.cpu,
            summary.p50,
            summary.p99,
            size.resident_kb as f64 / 1024.0,
            size.threads,
            summary.wrong.errors + summary.wrong.starved as u64,
        );
    }
}
