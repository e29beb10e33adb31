//! Questions of the other subcommands to the gateway that runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::config::Config;
use crate::control_socket;
use crate::explain;
use crate::gateway::Context;
use crate::service_manager::Running;
use crate::upstream::{self, Call, Client, Method};

/// The timeout of an answer.
const LIMIT: Duration = Duration::from_secs(3);

/// The timeout of a reload: a `${file:...}` may be on a slow disk.
const RELOAD_LIMIT: Duration = Duration::from_secs(10);

/// Has the gateway that runs read its configuration again, and waits for the outcome where there is a pid file.
///
/// # Errors
/// It is not found, not ours to signal, or did not take the configuration: with all that is wrong in it.
pub fn reload() -> Result<String, String> {
    let running = Running::find()?;
    let pid = running.pid;
    let before = running.reloads();
    kill_process(pid, Signal::HUP).map_err(|error| format!("process {pid}: {error}"))?;
    let Some((before, _)) = before else {
        return Ok(format!(
            "process {pid} reads its configuration again; its log says whether it was taken over\n"
        ));
    };
    let deadline = Instant::now() + RELOAD_LIMIT;
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        match running.reloads() {
            Some((number, None)) if number > before => {
                return Ok(format!("process {pid} has taken the configuration over\n"));
            }
            Some((number, Some(problem))) if number > before => {
                return Err(format!("refused, the old configuration stays:\n{problem}"));
            }
            _ => {}
        }
    }
    Err(format!(
        "process {pid} has not said within {RELOAD_LIMIT:?} what came of it; its log may"
    ))
}

/// Asks `/health` of the gateway that runs with this configuration.
///
/// # Errors
/// Why it cannot be called healthy.
pub fn healthcheck(config: &Config) -> Result<String, String> {
    let (status, body) = ask_running(config, "/health")?;
    if status == 200 {
        Ok(format!("{}\n", body.trim()))
    } else {
        Err(format!("/health answered {status}"))
    }
}

/// A route as this configuration has it and, if a gateway runs with it, its steps that are cooling.
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
    let running = state_of_running(config);
    Ok(explain::explain(
        route,
        config,
        running.as_ref().map_err(String::as_str),
    ))
}

/// The routes of the running gateway. No key is sent: another process may have the port.
fn state_of_running(config: &Config) -> Result<explain::RunningRoutes, String> {
    let address = config.listen.first().ok_or("no listen address")?;
    let running = Running::find().ok().map(|running| running.pid);
    let report = control_socket::ask(address.port(), running)?;
    serde_json::from_slice(&report)
        .map_err(|error| format!("the running gateway's answer is not understood: {error}"))
}

/// The status and body of a GET to the gateway that runs with this configuration.
fn ask_running(config: &Config, path: &str) -> Result<(u16, String), String> {
    let address = config.listen.first().ok_or("no listen address")?;
    let url = format!("http://{}{path}", reachable(*address));
    let client = Client::new(upstream::Settings {
        proxy: None,
        ..Context::upstream_settings(config)
    })
    .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + LIMIT;
    let response = client
        .call(Call {
            method: Method::Get,
            url: &url,
            headers: &[],
            body: None,
            deadline,
            client: None,
        })
        .map_err(|error| format!("{url}: {error}"))?;
    let status = response.head.status;
    let body = response
        .body
        .read_to_end(config.server.max_answer, deadline)
        .map_err(|error| format!("{url}: {error}"))?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

/// The address at which a listen address is reached from this machine: a wildcard is no destination.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // The wildcard socket takes IPv4 too, and is an IPv4 one where IPv6 is off.
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
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
