//! Speed of plain requests, of failover and of streams.

use std::io;
use std::net::SocketAddr;

use crate::report::{Report, Target};
use crate::rounds::{Contestant, Plain, Streamed, Summary};
use crate::servers::{self, Server, Setup, request};

use super::Effort;

const SHORT_PROMPT: usize = 300;
const LONG_PROMPT: usize = 32 * 1024;
const STREAMS: usize = 200;

struct Arena {
    upstream: SocketAddr,
    nginx: Server,
    gateway: Server,
    effort: Effort,
}

pub fn measure(setup: &Setup<'_>, effort: Effort, report: &mut Report) -> io::Result<()> {
    let arena = Arena {
        upstream: setup.upstream,
        nginx: servers::nginx(setup.directory, setup.upstream)?,
        gateway: servers::gateway(setup, &[])?,
        effort,
    };
    arena.at_32_connections(report)?;
    arena.at_one_connection(report)?;
    arena.with_long_prompts(report)?;
    arena.with_failover(report)?;
    arena.with_streams(report)
}

impl Arena {
    fn at_32_connections(&self, report: &mut Report) -> io::Result<()> {
        let [_, nginx, gateway] = self.compare(&self.plain(32), SHORT_PROMPT, report)?;
        report.line(
            "32 connections: requests/s, of nginx's",
            gateway.a_second / nginx.a_second,
            "",
            Target::AtLeast(0.6),
            &format!("{:.0}/s, nginx {:.0}/s", gateway.a_second, nginx.a_second),
        );
        report.line(
            "32 connections: CPU per request, of nginx's",
            gateway.cpu / nginx.cpu,
            "",
            Target::AtMost(2.6),
            &format!("{:.1} us, nginx {:.1} us", gateway.cpu, nginx.cpu),
        );
        Ok(())
    }

    fn at_one_connection(&self, report: &mut Report) -> io::Result<()> {
        let [direct, nginx, gateway] = self.compare(&self.plain(1), SHORT_PROMPT, report)?;
        report.line(
            "1 connection: added at p50",
            gateway.p50 - direct.p50,
            " us",
            Target::AtMost(60.0),
            &format!(
                "{:.0} us, provider {:.0} us, nginx adds {:.0} us",
                gateway.p50,
                direct.p50,
                nginx.p50 - direct.p50
            ),
        );
        Ok(())
    }

    fn with_long_prompts(&self, report: &mut Report) -> io::Result<()> {
        let [_, nginx, gateway] = self.compare(&self.plain(32), LONG_PROMPT, report)?;
        report.line(
            "32 KB prompts: requests/s, of nginx's",
            gateway.a_second / nginx.a_second,
            "",
            Target::AtLeast(0.4),
            &format!(
                "{:.0}/s at {:.0} us CPU, nginx {:.0}/s at {:.0} us",
                gateway.a_second, gateway.cpu, nginx.a_second, nginx.cpu
            ),
        );
        Ok(())
    }

    fn with_failover(&self, report: &mut Report) -> io::Result<()> {
        let routes = ["plain", "limited-first"];
        let contestants = routes.map(|route| Contestant {
            address: self.gateway.address,
            process: Some(&self.gateway.process),
            request: request("", route, SHORT_PROMPT, false),
        });
        let [plain, failover] = exactly(self.plain(32).run(&contestants)?)?;
        report.went_wrong([plain.wrong, failover.wrong]);
        report.line(
            "failover after 429: CPU, of a plain request's",
            failover.cpu / plain.cpu,
            "",
            Target::AtMost(2.2),
            &format!("{:.1} us, plain {:.1} us", failover.cpu, plain.cpu),
        );
        Ok(())
    }

    fn with_streams(&self, report: &mut Report) -> io::Result<()> {
        let events = self.effort.events;
        let route = format!("stream-{events}");
        let contestants =
            self.contestants(&format!("/stream/{events}"), &route, SHORT_PROMPT, true);
        let streamed = Streamed {
            streams: STREAMS,
            events,
            rounds: self.effort.rounds.min(3),
        };
        let [direct, nginx, gateway] = exactly(streamed.run(&contestants)?)?;
        report.went_wrong([direct.wrong, nginx.wrong, gateway.wrong]);
        report.line(
            "200 streams: first event, added at p50",
            (gateway.p50 - direct.p50) / 1e3,
            " ms",
            Target::AtMost(1.0),
            &format!("nginx adds {:.2} ms", (nginx.p50 - direct.p50) / 1e3),
        );
        report.line(
            "200 streams x 50 events/s: lag at p99",
            gateway.p99 / 1e3,
            " ms",
            Target::AtMost(1.0),
            &format!(
                "provider {:.2} ms, nginx {:.2} ms",
                direct.p99 / 1e3,
                nginx.p99 / 1e3
            ),
        );
        report.line(
            "200 streams: CPU per event, of nginx's",
            gateway.cpu / nginx.cpu,
            "",
            Target::AtMost(1.8),
            &format!("{:.1} us, nginx {:.1} us", gateway.cpu, nginx.cpu),
        );
        Ok(())
    }

    fn plain(&self, connections: usize) -> Plain {
        Plain {
            connections,
            rounds: self.effort.rounds,
            duration: self.effort.duration,
        }
    }

    fn compare(
        &self,
        plain: &Plain,
        prompt: usize,
        report: &mut Report,
    ) -> io::Result<[Summary; 3]> {
        let contestants = self.contestants("/plain", "plain", prompt, false);
        let summaries = exactly(plain.run(&contestants)?)?;
        report.went_wrong(summaries.map(|summary| summary.wrong));
        Ok(summaries)
    }

    /// The provider itself, nginx, and the gateway.
    fn contestants(
        &self,
        path: &str,
        route: &str,
        prompt: usize,
        stream: bool,
    ) -> [Contestant<'_>; 3] {
        [
            Contestant {
                address: self.upstream,
                process: None,
                request: request(path, route, prompt, stream),
            },
            Contestant {
                address: self.nginx.address,
                process: Some(&self.nginx.process),
                request: request(path, route, prompt, stream),
            },
            Contestant {
                address: self.gateway.address,
                process: Some(&self.gateway.process),
                request: request("", route, prompt, stream),
            },
        ]
    }
}

fn exactly<const N: usize>(summaries: Vec<Summary>) -> io::Result<[Summary; N]> {
    summaries
        .try_into()
        .map_err(|_| io::Error::other("not one summary for each contestant"))
}
