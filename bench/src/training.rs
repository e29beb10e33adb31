//! Training for a build after a profile (`./ops.sh build --profiled`): the ways through the gateway that most requests and
//! events take, each a fixed number of times.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::load::{End, Load};
use crate::servers::{self, Directory, Server, request, request_of_responses};
use crate::streams::Streams;
use crate::upstream;

/// Connections of each kind of request: so many that workers also wait for each other.
const CONNECTIONS: usize = 16;
/// Answers that each connection has for each kind of request.
const ANSWERS: u64 = 100;
const STREAMS: usize = 16;
const EVENTS: u32 = 50;

/// Every binary is at work; an instrumented one leaves its profile when it is told to stop.
///
/// # Errors
/// A gateway that does not start or stop, or an answer that is missing.
pub fn run(binaries: &[PathBuf]) -> io::Result<()> {
    let directory = Directory::new()?;
    for setup in servers::setups(binaries, &directory, upstream::start()?, &[EVENTS]) {
        let gateway = servers::gateway(&setup, &[])?;
        for (route, prompt_bytes) in [
            ("plain", 300),
            ("plain", 32 * 1024),
            ("limited-first", 300),
            ("failing-first", 300),
        ] {
            answered(&gateway, &request("", route, prompt_bytes, false))?;
        }
        let route = format!("stream-{EVENTS}");
        streamed(&gateway, &request("", &route, 300, true))?;
        streamed(&gateway, &request_of_responses(&route, 300))?;
        gateway.process.stop(Duration::from_secs(60))?;
    }
    Ok(())
}

fn answered(gateway: &Server, request: &[u8]) -> io::Result<()> {
    let load = Load {
        address: gateway.address,
        request,
        connections: CONNECTIONS,
        end: End::Answers(ANSWERS),
    };
    nothing_wrong(load.run()?.errors)
}

fn streamed(gateway: &Server, request: &[u8]) -> io::Result<()> {
    let streams = Streams {
        address: gateway.address,
        request,
        count: STREAMS,
        begin_within: Duration::ZERO,
        events: EVENTS,
    };
    nothing_wrong(streams.run()?.errors)
}

fn nothing_wrong(errors: u64) -> io::Result<()> {
    match errors {
        0 => Ok(()),
        _ => Err(io::Error::other(format!("{errors} answers were wrong"))),
    }
}
