//! Cost of exporting telemetry for a request, with the gateway's own exporting threads.

use std::io;

use crate::exports::{EXPORTS, MOST_TIMES};
use crate::report::{Report, Target};
use crate::rounds::{Contestant, Plain, Summary, Wrong};
use crate::servers::{self, Server, Setup, request};

use super::Effort;

pub fn measure(setups: &[Setup<'_>], effort: Effort, report: &mut Report) -> io::Result<()> {
    let of_setup = |setup: &Setup<'_>| {
        let gateways = EXPORTS.iter().map(|export| {
            let wrapper = export.wrapper(setup.upstream);
            servers::gateway(setup, &wrapper)
        });
        gateways.collect::<io::Result<Vec<Server>>>()
    };
    let gateways = servers::of_each(setups, of_setup)?;
    let contestants: Vec<Contestant<'_>> = gateways
        .iter()
        .flatten()
        .map(|gateway| Contestant::new(gateway, request("", "plain", 300, false)))
        .collect();
    let plain = Plain {
        connections: 32,
        rounds: effort.rounds,
        duration: effort.duration,
    };
    let summaries = plain.run(&contestants)?;
    let (of_each, _) = summaries.as_chunks::<{ EXPORTS.len() }>();
    let wrong = |summaries: &[Summary; _]| {
        let all = summaries.iter().map(|summary| summary.wrong);
        all.fold(Wrong::default(), |sum, wrong| sum + wrong)
    };
    report.went_wrong(&[], of_each.iter().map(wrong));
    for (number, export) in EXPORTS.iter().enumerate().skip(1) {
        report.line(
            &format!("{}: CPU", export.name),
            "",
            Target::AtMost(MOST_TIMES),
            of_each,
            |summaries| summaries[number].cpu / summaries[0].cpu,
            |summaries| {
                let (nothing, exporting) = (summaries[0], summaries[number]);
                format!(
                    "{:.1} us at {:.0}/s, of {:.1} us at {:.0}/s without",
                    exporting.cpu, exporting.a_second, nothing.cpu, nothing.a_second
                )
            },
        );
    }
    Ok(())
}
