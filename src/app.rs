//! The composition root: puts the rooms together, and takes them down in order.

mod collector;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use collector::Export;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::Config;
use crate::explain;
use crate::gateway::Gateway;
use crate::http;
use crate::telemetry::otlp::Otlp;
use crate::telemetry::{self, Format, Levels, Tracer};
use crate::upstream::{self, Call, Client, Method};

/// How long `healthcheck` waits.
const HEALTHCHECK_LIMIT: Duration = Duration::from_secs(3);

/// Serves until a signal ends it.
pub fn serve(path: &Path, config: Config) -> ExitCode {
    let export = Export::start(&config);
    if let Err(problem) = start_log(export.otlp.as_ref()) {
        eprintln_quietly(&problem);
        return ExitCode::FAILURE;
    }
    export.tell();
    let served = serve_until_stopped(path, config, &export);
    if let Err(error) = &served {
        log::error!(error:% = error; "cannot serve");
    }
    export.close();
    log::logger().flush();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve_until_stopped(
    path: &Path,
    config: Config,
    export: &Export,
) -> Result<(), Box<dyn std::error::Error>> {
    let server = http::Server::bind(&config.listen, config.server.clone())?;
    let otlp = export.otlp.as_ref();
    let gateway = Gateway::new(config, server.stats())?.exported_by(
        Tracer::new(otlp.and_then(Otlp::tracer)),
        otlp.map(Otlp::healths).unwrap_or_default(),
    );
    let gateway = Arc::new(gateway);
    stop_on_signal(server.stopper())?;
    for address in server.local_addrs() {
        log::info!(address:% = address, config:% = path.display(), version = env!("CARGO_PKG_VERSION"); "listening");
    }
    let drained = server.run(gateway.clone())?;
    gateway.close();
    log::info!(unfinished = drained.unfinished; "stopped");
    Ok(())
}

/// Starts the log as `LOG_FORMAT` and `LOG_LEVEL` say, exported as well if there is something to export it.
///
/// # Errors
/// What is wrong with them.
pub fn start_log(otlp: Option<&Otlp>) -> Result<(), String> {
    let format = std::env::var("LOG_FORMAT").unwrap_or_default();
    let format = Format::named(&format)
        .ok_or_else(|| format!("LOG_FORMAT is {format:?}; it can be json or text"))?;
    let levels = std::env::var("LOG_LEVEL").unwrap_or_default();
    let levels = Levels::parse(&levels).map_err(|directive| {
        format!(
            "LOG_LEVEL: {directive:?} is no level; they are off, error, warn, info, debug and trace"
        )
    })?;
    telemetry::start(format, levels, otlp).map_err(|error| error.to_string())
}

/// The first SIGTERM or SIGINT drains, a second one ends the process at once.
///
/// # Errors
/// When the signals cannot be caught.
pub fn stop_on_signal(stopper: http::Stopper) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset, and sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&asked))?;
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            // An error here would mean that no signal can be waited for: stopping is the safe side.
            let _ = io::Read::read(&mut reader, &mut [0]);
            stopper.stop();
        })?;
    Ok(())
}

/// Asks `/health` of the gateway that runs with this configuration.
///
/// # Errors
/// Why it cannot be called healthy.
pub fn healthcheck(config: &Config) -> Result<String, String> {
    let (status, body) = ask_running(config, "/health", &[])?;
    if status == 200 {
        Ok(format!("{}\n", body.trim()))
    } else {
        Err(format!("/health answered {status}"))
    }
}

/// A route as this configuration has it and, if a gateway runs with it, what is cooling there.
///
/// # Errors
/// When there is no such route.
pub fn explain(name: &str, config: &Config) -> Result<String, String> {
    let route = config.route(name).ok_or_else(|| {
        let names: Vec<&str> = config
            .routes
            .iter()
            .map(|route| route.name.as_str())
            .collect();
        format!("there is no route {name:?}; there are {}", names.join(", "))
    })?;
    let running = running_state(config);
    Ok(explain::explain(
        route,
        config.server.connect_timeout,
        running.as_ref().map_err(String::as_str),
    ))
}

/// What the running gateway tells a client that may see all routes, else the first client.
fn running_state(config: &Config) -> Result<explain::Running, String> {
    let client = config.clients.iter().find(|client| client.routes.is_none());
    let client = client.or(config.clients.first()).ok_or("no client key")?;
    let headers = [("X-Api-Key", client.key.expose())];
    let (status, body) = ask_running(config, "/v1/diagnostics/routes", &headers)?;
    if status != 200 {
        return Err(format!(
            "the running gateway answered {status}: is it another configuration's?"
        ));
    }
    serde_json::from_str(&body)
        .map_err(|error| format!("the running gateway's answer is not understood: {error}"))
}

/// One GET to the gateway that runs with this configuration.
fn ask_running(
    config: &Config,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(u16, String), String> {
    let address = config.listen.first().ok_or("no listen address")?;
    let url = format!("http://{}{path}", reachable(*address));
    let client = Client::new(upstream::Settings {
        proxy: None,
        ..Gateway::upstream_settings(config)
    })
    .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + HEALTHCHECK_LIMIT;
    let response = client
        .call(Call {
            method: Method::Get,
            url: &url,
            headers,
            body: None,
            deadline,
            hangup: None,
        })
        .map_err(|error| format!("{url}: {error}"))?;
    let status = response.head.status;
    let body = response
        .body
        .read_to_end(config.server.max_answer, deadline)
        .map_err(|error| format!("{url}: {error}"))?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Where a listen address is reached from this machine: a wildcard is no destination.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // The wildcard socket takes IPv4 too, and is an IPv4 one where IPv6 is off.
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn eprintln_quietly(problem: &str) {
    let _ = io::Write::write_all(
        &mut io::stderr(),
        format!("ai-gateway: {problem}\n").as_bytes(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_reached_over_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:9", "127.0.0.1:9"),
            ("[::1]:9", "[::1]:9"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(
                reachable(listen.parse().unwrap()),
                reached.parse().unwrap(),
                "{listen}"
            );
        }
    }
}
