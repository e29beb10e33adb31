//! Questions of the other commands to the gateway that runs.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;

use super::{eprintln_quietly, probe};
use crate::config::{Config, Route, Source};
use crate::control_socket::{self, ControlRequest};
use crate::explain;
use crate::recent::{Follow, RecentRequests, Tail};
use crate::service_manager::Running;
use crate::usage_table::{self, Selection};

/// The timeout of a report.
const LIMIT: Duration = Duration::from_secs(3);

/// The time between two looks at the last requests.
const PACE: Duration = Duration::from_secs(1);

/// The timeout of a reload: a `${file:...}` may be on a slow disk.
const RELOAD_LIMIT: Duration = Duration::from_secs(10);

/// The first line of the answer to a reload that was taken over; what needs a restart stands behind it.
const TAKEN_OVER: &str = "taken over\n";

/// The first line of the answer to a reload that was refused; the problems stand behind it.
const REFUSED: &str = "refused\n";

/// The answer of the gateway that was asked for a reload, for [`reload`] to read.
pub fn verdict(outcome: Result<Vec<&str>, String>) -> Vec<u8> {
    let text = match outcome {
        Ok(late) => format!("{TAKEN_OVER}{}", late.join(", ")),
        Err(problem) => format!("{REFUSED}{problem}"),
    };
    text.into_bytes()
}

/// Has the gateway that runs read its configuration again, and waits for the outcome.
///
/// The process is found by `$MAINPID`, which systemd sets for `ExecReload=`; by the port of the configuration, as far as that can
/// be read; by the pid file; and as process 1 in a container.
///
/// # Errors
/// It is not found, not ours to signal, or did not take the configuration: with all that is wrong in it.
pub fn reload(source: &Source) -> Result<String, String> {
    if let Some(running) = Running::named() {
        return reload_process(&running);
    }
    let found = Running::find();
    let expected = found.as_ref().ok().map(|running| running.pid);
    let port = source.address().port();
    let asked = control_socket::ask(port, ControlRequest::Reload, expected, RELOAD_LIMIT);
    match (asked, found) {
        (Ok(answer), _) => read_verdict(answer.pid, &answer.bytes),
        (Err(_), Ok(running)) => reload_process(&running),
        (Err(error), Err(not_found)) => {
            let others = control_socket::running(None).into_iter();
            let others = others.map(|(port, pid)| format!("\nprocess {pid} has the port {port}"));
            Err(format!(
                "{error}; {not_found}{}",
                others.collect::<String>()
            ))
        }
    }
}

/// Has a process reload: by its control socket, or by a signal where it has none.
fn reload_process(running: &Running) -> Result<String, String> {
    let sockets = control_socket::running(Some(running.pid)).into_iter();
    let of_process = |(port, pid)| (pid == running.pid).then_some(port);
    let asked = sockets.filter_map(of_process).next().map(|port| {
        control_socket::ask(
            port,
            ControlRequest::Reload,
            Some(running.pid),
            RELOAD_LIMIT,
        )
    });
    match asked {
        Some(Ok(answer)) => read_verdict(answer.pid, &answer.bytes),
        Some(Err(_)) | None => signal(running),
    }
}

fn read_verdict(pid: Pid, answer: &[u8]) -> Result<String, String> {
    let answer = String::from_utf8_lossy(answer);
    if let Some(problem) = answer.strip_prefix(REFUSED) {
        return Err(format!("refused, the old configuration stays:\n{problem}"));
    }
    match answer.strip_prefix(TAKEN_OVER) {
        Some("") => Ok(format!("process {pid} has taken the configuration over\n")),
        Some(late) => Ok(format!(
            "process {pid} has taken the configuration over; with a restart only: {late}\n"
        )),
        None => Err(format!(
            "process {pid} has not said what came of it; its log may"
        )),
    }
}

fn signal(running: &Running) -> Result<String, String> {
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

/// Asks `/health` of the gateway that runs with this configuration, of which only the address is read: a broken file
/// does not make a healthy process unhealthy.
///
/// # Errors
/// Why it cannot be called healthy.
pub fn healthcheck(source: &Source) -> Result<String, String> {
    let address = probe::reachable(source.address());
    match probe::get(address, "/health") {
        Ok((200, body)) => Ok(format!("{}\n", body.trim())),
        Ok((status, _)) => Err(format!("http://{address}/health answered {status}")),
        Err(error) => Err(format!("http://{address}/health: {error}")),
    }
}

/// A route as this configuration has it, or every route for an empty name; and, if a gateway runs with it, their steps
/// that are cooling.
///
/// # Errors
/// When there is no such route.
pub fn explain(name: &str, config: &Config) -> Result<String, String> {
    let routes: Vec<&Arc<Route>> = if name.is_empty() {
        config.routes.iter().collect()
    } else {
        config.route(name).into_iter().collect()
    };
    if routes.is_empty() {
        let names = config.routes.iter().map(|route| route.name.as_str());
        let names: Vec<&str> = names.collect();
        return Err(format!(
            "there is no route {name:?}; there are {}",
            names.join(", ")
        ));
    }
    let running = state_of_running(config);
    let texts = routes
        .into_iter()
        .map(|route| explain::explain(route, config, running.as_ref().map_err(String::as_str)));
    let texts: Vec<String> = texts.collect();
    Ok(texts.join("\n"))
}

/// The story of a request, of the gateway that runs with this configuration, of which only the address is read.
///
/// # Errors
/// No gateway answers, or it does not remember the request.
pub fn explain_request(source: &Source, id: &str) -> Result<String, String> {
    let recent = recent_requests(source)?;
    recent.story(id).ok_or_else(|| {
        let ids: Vec<&str> = recent.ids(3).collect();
        match ids.is_empty() {
            true => "the gateway remembers no request: it has had none, or history: 0".to_owned(),
            false => format!(
                "the gateway does not remember {id:?}; the last ones are {}",
                ids.join(", ")
            ),
        }
    })
}

/// Follows the requests of the gateway that runs with this configuration: prints a line for each that ends, until the
/// process is ended or nobody reads any more.
///
/// # Errors
/// No gateway answers, or it has no such route.
pub fn tail(source: &Source, mut follow: Follow) -> Result<String, String> {
    if let Some(name) = &follow.route {
        let running: explain::RunningRoutes =
            told(source.address().port(), ControlRequest::Routes)?;
        follow.route = Some(running.meant(name)?);
    }
    let mut tail = Tail::new(follow);
    let mut is_away = false;
    let mut recent = recent_requests(source)?;
    loop {
        let mut out = std::io::stdout().lock();
        let lines = tail.lines(&recent);
        if out
            .write_all(lines.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            return Ok(String::new());
        }
        drop(out);
        recent = loop {
            std::thread::sleep(PACE);
            match recent_requests(source) {
                Ok(recent) => break recent,
                // A restart takes a moment, and is no reason to stop looking.
                Err(error) if !is_away => eprintln_quietly(&format!("{error}; waiting for it")),
                Err(_) => {}
            }
            is_away = true;
        };
        is_away = false;
    }
}

fn recent_requests(source: &Source) -> Result<RecentRequests, String> {
    told(source.address().port(), ControlRequest::Requests)
}

/// The usage of clients, of the gateway that runs with this configuration, of which only the address is read.
///
/// # Errors
/// No gateway answers, or it knows of no such client.
pub fn usage(source: &Source, selection: &Selection, as_csv: bool) -> Result<String, String> {
    let list = told(source.address().port(), ControlRequest::Usage)?;
    match as_csv {
        true => usage_table::csv(&list, selection),
        false => usage_table::table(&list, selection),
    }
}

/// The routes of the running gateway. No key is sent: another process may have the port.
fn state_of_running(config: &Config) -> Result<explain::RunningRoutes, String> {
    let address = config.listen.first().ok_or("no listen address")?;
    told(address.port(), ControlRequest::Routes)
}

/// The report of the gateway with this port.
fn told<T: DeserializeOwned>(port: u16, question: ControlRequest) -> Result<T, String> {
    let running = Running::find().ok().map(|running| running.pid);
    let report = control_socket::ask(port, question, running, LIMIT)?;
    serde_json::from_slice(&report.bytes)
        .map_err(|error| format!("the running gateway's answer is not understood: {error}"))
}
