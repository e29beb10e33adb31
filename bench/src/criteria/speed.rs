//! Speed of plain requests, of failover and of streams.

use std::io;
use std::net::SocketAddr;

use crate::report::{Report, Target};
use crate::rounds::{Contestant, Plain, Streamed, Summary};
use crate::servers::{self, Server, Setup, request, request_of_responses};

use super::Effort;

const SHORT_PROMPT: usize = 300;
const LONG_PROMPT: usize = 32 * 1024;
const STREAMS: usize = 200;

struct Arena {
    upstream: SocketAddr,
    nginx: Server,
    /// Gateway of each binary.
    gateways: Vec<Server>,
    effort: Effort,
}

/// Summaries of the same work in the same rounds.
struct Comparison {
    direct: Summary,
    nginx: Summary,
    /// Summary of each binary.
    gateways: Vec<Summary>,
}

pub fn measure(setups: &[Setup<'_>], effort: Effort, report: &mut Report) -> io::Result<()> {
    let Some(setup) = setups.first() else {
        return Ok(());
    };
    let arena = Arena {
        upstream: setup.upstream,
        nginx: servers::nginx(setup.directory, setup.upstream)?,
        gateways: servers::of_each(setups, |setup| servers::gateway(setup, &[]))?,
        effort,
    };
    arena.at_32_connections(report)?;
    arena.at_one_connection(report)?;
    arena.with_long_prompts(report)?;
    arena.with_failover(report)?;
    arena.with_streams(report)?;
    arena.with_translated_streams(report)
}

impl Arena {
    fn at_32_connections(&self, report: &mut Report) -> io::Result<()> {
        let Comparison {
            nginx, gateways, ..
        } = self.compare_plain(32, SHORT_PROMPT, report)?;
        report.line(
            "32 connections: requests/s, of nginx's",
            "",
            Target::AtLeast(0.6),
            &gateways,
            |gateway| gateway.a_second / nginx.a_second,
            |gateway| format!("{:.0}/s, nginx {:.0}/s", gateway.a_second, nginx.a_second),
        );
        report.line(
            "32 connections: CPU per request, of nginx's",
            "",
            Target::AtMost(2.6),
            &gateways,
            |gateway| gateway.cpu / nginx.cpu,
            |gateway| format!("{:.1} us, nginx {:.1} us", gateway.cpu, nginx.cpu),
        );
        Ok(())
    }

    fn at_one_connection(&self, report: &mut Report) -> io::Result<()> {
        let Comparison {
            direct,
            nginx,
            gateways,
        } = self.compare_plain(1, SHORT_PROMPT, report)?;
        report.line(
            "1 connection: added at p50",
            " us",
            Target::AtMost(60.0),
            &gateways,
            |gateway| gateway.p50 - direct.p50,
            |gateway| {
                format!(
                    "{:.0} us, provider {:.0} us, nginx adds {:.0} us",
                    gateway.p50,
                    direct.p50,
                    nginx.p50 - direct.p50
                )
            },
        );
        Ok(())
    }

    fn with_long_prompts(&self, report: &mut Report) -> io::Result<()> {
        let Comparison {
            nginx, gateways, ..
        } = self.compare_plain(32, LONG_PROMPT, report)?;
        report.line(
            "32 KB prompts: requests/s, of nginx's",
            "",
            Target::AtLeast(0.4),
            &gateways,
            |gateway| gateway.a_second / nginx.a_second,
            |gateway| {
                format!(
                    "{:.0}/s at {:.0} us CPU, nginx {:.0}/s at {:.0} us",
                    gateway.a_second, gateway.cpu, nginx.a_second, nginx.cpu
                )
            },
        );
        Ok(())
    }

    fn with_failover(&self, report: &mut Report) -> io::Result<()> {
        let routes = |gateway| {
            ["plain", "limited-first"]
                .map(|route| Contestant::new(gateway, request("", route, SHORT_PROMPT, false)))
        };
        let contestants: Vec<Contestant<'_>> = self.gateways.iter().flat_map(routes).collect();
        let summaries = self.plain(32).run(&contestants)?;
        let (pairs, _) = summaries.as_chunks::<2>();
        report.went_wrong(
            &[],
            pairs
                .iter()
                .map(|[plain, failover]| plain.wrong + failover.wrong),
        );
        report.line(
            "failover after 429: CPU, of a plain request's",
            "",
            Target::AtMost(2.2),
            pairs,
            |[plain, failover]| failover.cpu / plain.cpu,
            |[plain, failover]| format!("{:.1} us, plain {:.1} us", failover.cpu, plain.cpu),
        );
        Ok(())
    }

    fn with_streams(&self, report: &mut Report) -> io::Result<()> {
        let events = self.effort.events;
        let streamed = Streamed {
            streams: STREAMS,
            events,
            rounds: self.effort.rounds.min(3),
        };
        let proxied = request(&format!("/stream/{events}"), "", SHORT_PROMPT, true);
        let routed = request("", &format!("stream-{events}"), SHORT_PROMPT, true);
        let Comparison {
            direct,
            nginx,
            gateways,
        } = self.compare(proxied, routed, report, |all| streamed.run(all))?;
        report.line(
            "200 streams: first event, added at p50",
            " ms",
            Target::AtMost(1.0),
            &gateways,
            |gateway| (gateway.p50 - direct.p50) / 1e3,
            |_| format!("nginx adds {:.2} ms", (nginx.p50 - direct.p50) / 1e3),
        );
        report.line(
            "200 streams x 50 events/s: lag at p99",
            " ms",
            Target::AtMost(1.0),
            &gateways,
            |gateway| gateway.p99 / 1e3,
            |_| {
                format!(
                    "provider {:.2} ms, nginx {:.2} ms",
                    direct.p99 / 1e3,
                    nginx.p99 / 1e3
                )
            },
        );
        report.line(
            "200 streams: CPU per event, of nginx's",
            "",
            Target::AtMost(1.8),
            &gateways,
            |gateway| gateway.cpu / nginx.cpu,
            |gateway| format!("{:.1} us, nginx {:.1} us", gateway.cpu, nginx.cpu),
        );
        Ok(())
    }

    /// The same events, relayed to clients of chat and translated for clients of Responses.
    fn with_translated_streams(&self, report: &mut Report) -> io::Result<()> {
        let events = self.effort.events;
        let streamed = Streamed {
            streams: STREAMS,
            events,
            rounds: self.effort.rounds.min(3),
        };
        let route = format!("stream-{events}");
        let forms = |gateway| {
            [
                request("", &route, SHORT_PROMPT, true),
                request_of_responses(&route, SHORT_PROMPT),
            ]
            .map(|request| Contestant::new(gateway, request))
        };
        let contestants: Vec<Contestant<'_>> = self.gateways.iter().flat_map(forms).collect();
        let summaries = streamed.run(&contestants)?;
        let (pairs, _) = summaries.as_chunks::<2>();
        report.went_wrong(
            &[],
            pairs
                .iter()
                .map(|[relayed, translated]| relayed.wrong + translated.wrong),
        );
        report.line(
            "200 translated streams: CPU per event, of a relayed one's",
            "",
            Target::AtMost(3.0),
            pairs,
            |[relayed, translated]| translated.cpu / relayed.cpu,
            |[relayed, translated]| {
                format!(
                    "{:.1} us, relayed {:.1} us; lag at p99 {:.2} ms, relayed {:.2} ms",
                    translated.cpu,
                    relayed.cpu,
                    translated.p99 / 1e3,
                    relayed.p99 / 1e3
                )
            },
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

    fn compare_plain(
        &self,
        connections: usize,
        prompt: usize,
        report: &mut Report,
    ) -> io::Result<Comparison> {
        let proxied = request("/plain", "plain", prompt, false);
        let routed = request("", "plain", prompt, false);
        self.compare(proxied, routed, report, |all| {
            self.plain(connections).run(all)
        })
    }

    /// Rounds of the provider itself and nginx, which get the request `proxied`, and of the gateways.
    fn compare(
        &self,
        proxied: Vec<u8>,
        routed: Vec<u8>,
        report: &mut Report,
        run: impl Fn(&[Contestant<'_>]) -> io::Result<Vec<Summary>>,
    ) -> io::Result<Comparison> {
        let direct = Contestant {
            address: self.upstream,
            process: None,
            request: proxied.clone(),
        };
        let mut contestants = vec![direct, Contestant::new(&self.nginx, proxied)];
        let gateways = self.gateways.iter();
        contestants.extend(gateways.map(|gateway| Contestant::new(gateway, routed.clone())));
        let summaries = run(&contestants)?;
        let [direct, nginx, gateways @ ..] = summaries.as_slice() else {
            return Err(io::Error::other("not one summary for each contestant"));
        };
        report.went_wrong(
            &[direct.wrong, nginx.wrong],
            gateways.iter().map(|gateway| gateway.wrong),
        );
        Ok(Comparison {
            direct: *direct,
            nginx: *nginx,
            gateways: gateways.to_vec(),
        })
    }
}
