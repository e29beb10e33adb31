//! Endpoints beside chat whose bodies are large: vectors of a hundred texts, and a recording of ten megabytes.

use std::io;
use std::time::Duration;

use crate::load::{End, Load, Outcome};
use crate::report::{Report, Target};
use crate::rounds::{Contestant, Plain, Summary, Wrong};
use crate::servers::{self, Server, Setup, http_request};

use super::Effort;

/// Texts of a request, which is what vector stores send at once.
const TEXTS: usize = 100;
/// Clients at the same time: bodies of this size are not asked for by crowds.
const CONNECTIONS: usize = 4;
const RECORDING: usize = 10 << 20;
/// Time from the first answer of a gateway to the look at its memory.
const SETTLING: Duration = Duration::from_millis(50);

/// The same work for nginx and for the gateway.
struct Work {
    name: &'static str,
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    /// The provider's name, which is the route's and the first part of nginx's path.
    route: &'static str,
}

impl Work {
    fn embeddings() -> Self {
        let text =
            "The fox and the hound are old friends by now, whatever is said of them. ".repeat(3);
        let texts = vec![format!("\"{text}\""); TEXTS].join(",");
        Self {
            name: "100 embeddings",
            path: "/v1/embeddings",
            content_type: "application/json",
            body: format!("{{\"model\":\"vectors\",\"input\":[{texts}]}}").into_bytes(),
            route: "vectors",
        }
    }

    fn transcription() -> Self {
        let mut body =
            b"--bench\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
                         Content-Type: audio/wav\r\n\r\n"
                .to_vec();
        // Bytes as sound has them, the first of a boundary among them.
        let mut seed = 1_u32;
        body.extend((0..RECORDING).map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        }));
        body.extend_from_slice(
            b"\r\n--bench\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nheard\r\n--bench--\r\n",
        );
        Self {
            name: "10 MB transcription",
            path: "/v1/audio/transcriptions",
            content_type: "multipart/form-data; boundary=bench",
            body,
            route: "heard",
        }
    }

    fn request(&self, prefix: &str) -> Vec<u8> {
        http_request(
            &format!("{prefix}{}", self.path),
            self.content_type,
            &self.body,
        )
    }

    /// One request to a gateway; `None` if that has no such endpoint.
    fn once(&self, gateway: &Server) -> io::Result<Option<Outcome>> {
        if !servers::has_endpoint(gateway.address, self.path)? {
            return Ok(None);
        }
        let request = self.request("");
        let load = Load {
            address: gateway.address,
            request: &request,
            connections: 1,
            end: End::Answers(1),
        };
        load.run().map(Some)
    }
}

/// Rates and processor time beside nginx.
pub fn speed(setups: &[Setup<'_>], effort: Effort, report: &mut Report) -> io::Result<()> {
    let Some(setup) = setups.first() else {
        return Ok(());
    };
    let nginx = servers::nginx(setup.directory, setup.upstream)?;
    let gateways = servers::of_each(setups, |setup| servers::gateway(setup, &[]))?;
    for work in [Work::embeddings(), Work::transcription()] {
        let mut missing = false;
        for gateway in &gateways {
            missing |= work.once(gateway)?.is_none();
        }
        if missing {
            report.skipped(work.name, &format!("no {} here yet", work.path));
        } else {
            compare(&work, &nginx, &gateways, effort, report)?;
        }
    }
    Ok(())
}

fn compare(
    work: &Work,
    nginx: &Server,
    gateways: &[Server],
    effort: Effort,
    report: &mut Report,
) -> io::Result<()> {
    let proxied = work.request(&format!("/{}", work.route));
    let mut contestants = vec![Contestant::new(nginx, proxied)];
    contestants.extend(
        gateways
            .iter()
            .map(|gateway| Contestant::new(gateway, work.request(""))),
    );
    let plain = Plain {
        connections: CONNECTIONS,
        rounds: effort.rounds.min(3),
        duration: effort.duration,
    };
    let summaries = plain.run(&contestants)?;
    let [nginx, gateways @ ..] = summaries.as_slice() else {
        return Err(io::Error::other("not one summary for each contestant"));
    };
    report.went_wrong(&[nginx.wrong], gateways.iter().map(|gateway| gateway.wrong));
    let ms = |summary: &Summary| summary.cpu / 1e3;
    report.line(
        &format!("{}: requests/s, of nginx's", work.name),
        "",
        Target::Open,
        gateways,
        |gateway| gateway.a_second / nginx.a_second,
        |gateway| {
            let (own, of_nginx) = (ms(gateway), ms(nginx));
            format!(
                "{:.0}/s at {own:.1} ms CPU, nginx {:.0}/s at {of_nginx:.1} ms",
                gateway.a_second, nginx.a_second
            )
        },
    );
    Ok(())
}

/// Peak of one recording above the memory of the idle gateway before it: a body lies in memory once.
pub fn memory(setups: &[Setup<'_>], report: &mut Report) -> io::Result<()> {
    let work = Work::transcription();
    let mut results = Vec::new();
    for setup in setups {
        let gateway = servers::gateway(setup, &[])?;
        std::thread::sleep(SETTLING);
        let idle = gateway.process.size().resident_kb;
        let Some(outcome) = work.once(&gateway)? else {
            report.skipped(
                "memory, 10 MB transcription",
                &format!("no {} here yet", work.path),
            );
            return Ok(());
        };
        results.push((idle, gateway.process.size().peak_kb, Wrong::of(&outcome)));
    }
    report.went_wrong(&[], results.iter().map(|(.., wrong)| *wrong));
    report.line(
        "memory, 10 MB transcription: above idle",
        " MB",
        Target::AtMost(13.5),
        &results,
        |(idle, peak, _)| peak.saturating_sub(*idle) as f64 / 1024.0,
        |(_, peak, _)| format!("peak {:.1} MB", *peak as f64 / 1024.0),
    );
    Ok(())
}
