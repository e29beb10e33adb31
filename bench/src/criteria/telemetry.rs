//! What exporting telemetry costs a request, with the gateway's own exporting threads.

use std::io;

use crate::exports::EXPORTS;
use crate::report::{Report, Target};
use crate::rounds::{Contestant, Plain};
use crate::servers::{self, Server, Setup, request};

use super::Effort;

pub fn measure(setup: &Setup<'_>, effort: Effort, report: &mut Report) -> io::Result<()> {
    let gateways: io::Result<Vec<Server>> = EXPORTS
        .iter()
        .map(|export| servers::gateway(setup, &export.wrapper(setup.upstream)))
        .collect();
    let gateways = gateways?;
    let contestants: Vec<Contestant<'_>> = gateways
        .iter()
        .map(|gateway| Contestant {
            address: gateway.address,
            process: Some(&gateway.process),
            request: request("", "plain", 300, false),
        })
        .collect();
    let plain = Plain {
        connections: 32,
        rounds: effort.rounds,
        duration: effort.duration,
    };
    let summaries = plain.run(&contestants)?;
    report.went_wrong(summaries.iter().map(|summary| summary.wrong));
    let Some((nothing, others)) = summaries.split_first() else {
        return Ok(());
    };
    for (export, summary) in EXPORTS.iter().skip(1).zip(others) {
        report.line(
            &format!("{}: CPU", export.name),
            summary.cpu / nothing.cpu,
            "",
            Target::AtMost(2.2),
            &format!(
                "{:.1} us at {:.0}/s, of {:.1} us at {:.0}/s without",
                summary.cpu, summary.a_second, nothing.cpu, nothing.a_second
            ),
        );
    }
    Ok(())
}
