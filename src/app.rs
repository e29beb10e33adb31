//! The composition root: puts the rooms together, and takes them down in order.

mod alert_test;
mod clock;
mod collector;
mod file_watch;
pub mod in_process;
mod model_watch;
mod online_check;
mod probe;
mod reload;
mod running;
mod signals;
mod speech;
mod watch;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;

use collector::Export;
use reload::Reloader;

use crate::config::{Config, Environment, Loaded, Source};
use crate::control_socket::{self, ControlRequest};
use crate::gateway::{Context, Reloadable, alerts};
use crate::http::{self, Stopper};
use crate::service_manager::{self, Notifier};
use crate::telemetry::otlp::Otlp;
use crate::telemetry::{self, Levels, LogFormat};
use crate::wyoming::Service;

pub use alert_test::alert_test;
pub use online_check::online_check;
pub use running::{explain, explain_request, healthcheck, reload, tail, usage};
pub use signals::on_stop;

/// `EX_CONFIG` of sysexits.h; systemd is told not to restart after it.
pub const WRONG_CONFIGURATION: u8 = 78;

/// The process, as the gateway gets it: what it inherits, and a call that only `main.rs` can make, as it is unsafe.
#[derive(Debug, Default)]
pub struct Process {
    /// The sockets that a service manager has opened for the gateway, see [`crate::service_manager`].
    pub inherited: Vec<OwnedFd>,
    /// The call that gives back the memory of code that only the start needed; `None` where there is none to make.
    pub forget_start: Option<fn()>,
}

/// The reason why the gateway does not serve, and whether another try could help.
enum CannotServe {
    Configuration(String),
    Other(String),
}

impl<E: std::error::Error> From<E> for CannotServe {
    fn from(error: E) -> Self {
        Self::Other(error.to_string())
    }
}

/// Serves until a signal ends it. Sockets that the process has inherited stand in for `listen`.
pub fn serve(source: Source, loaded: Loaded, process: Process) -> ExitCode {
    let mut export = Export::start(&loaded.config, &loaded.environment);
    if let Err(problem) = start_log(&loaded.environment, export.otlp.as_ref()) {
        eprintln_quietly(&problem);
        return ExitCode::from(WRONG_CONFIGURATION);
    }
    export.tell();
    clock::doubt();
    let served = serve_until_stopped(source, loaded, process, &mut export);
    let (code, error) = match served {
        Ok(()) => (ExitCode::SUCCESS, None),
        Err(CannotServe::Configuration(error)) => {
            (ExitCode::from(WRONG_CONFIGURATION), Some(error))
        }
        Err(CannotServe::Other(error)) => (ExitCode::FAILURE, Some(error)),
    };
    if let Some(error) = error {
        log::error!(error = error.as_str(); "cannot serve");
    }
    export.close();
    log::logger().flush();
    code
}

fn serve_until_stopped(
    source: Source,
    loaded: Loaded,
    process: Process,
    export: &mut Export,
) -> Result<(), CannotServe> {
    let Loaded { config, files, .. } = loaded;
    let (mut server, of_speech) = listen(&config, process.inherited)?;
    if let Some(address) = config.ollama.as_ref().and_then(|ollama| ollama.listen) {
        server = server.with_side_entrance(address)?;
    }
    let gateway = Context::new(config, server.stats()).map_err(CannotServe::Configuration)?;
    let current = Arc::new(Reloadable::new(export.watch(gateway)));
    export.measure(&current);
    let notifier = Notifier::from_environment()?.map(Arc::new);
    let path = source.file.display().to_string();
    let masking = export.masking().clone();
    let reloader = Reloader::new(
        source,
        files,
        Arc::clone(&current),
        masking,
        notifier.clone(),
    );
    let on_demand = reloader.clone();
    current.reload_by(Box::new(move || on_demand.reload_apart()));
    let addresses = server.local_addrs();
    let speech = match addresses.first() {
        Some(address) => speech::start(&current, of_speech, *address, server.budget())?,
        None => None,
    };
    let stop = Stop {
        stopper: server.stopper(),
        speech: speech.clone(),
    };
    heed_signals(&current, &reloader, notifier.clone(), stop)?;
    if let Some(address) = addresses.first() {
        open_control_socket(address.port(), &current, reloader);
    }
    for address in &addresses {
        log::info!(address:% = address, config = path.as_str(), version = env!("CARGO_PKG_VERSION"); "listening");
    }
    if let (Some(notifier), Some(address)) = (notifier, addresses.first()) {
        watch::start(notifier, Arc::clone(&current), probe::reachable(*address))?;
    }
    if let Some(forget_start) = process.forget_start {
        forget_start();
    }
    alerts::attend(&current, true);
    let drained = server.run(current.clone())?;
    speech.iter().for_each(Service::close);
    alerts::close(&current);
    current.close();
    log::info!(unfinished = drained.unfinished; "stopped");
    Ok(())
}

/// The server, and the listener for speech where the service manager has one.
fn listen(
    config: &Config,
    inherited: Vec<OwnedFd>,
) -> Result<(http::Server, Option<TcpListener>), CannotServe> {
    let limits = config.server.clone();
    if inherited.is_empty() {
        return Ok((http::Server::bind(&config.listen, limits)?, None));
    }
    let listeners = service_manager::listeners(inherited);
    let mut listeners = listeners.map_err(CannotServe::Configuration)?;
    let is_for_speech = |listener: &TcpListener| {
        let mut wanted = config.wyoming.iter().map(|wyoming| wyoming.listen);
        wanted.any(|wanted| listener.local_addr().ok() == Some(wanted))
    };
    let of_speech = listeners.iter().position(is_for_speech);
    let of_speech = of_speech.map(|at| listeners.remove(at));
    let server = http::Server::on(listeners, limits)?;
    let (inherited, configured) = (server.local_addrs(), &config.listen);
    let of_ollama = config.ollama.as_ref().and_then(|ollama| ollama.listen);
    let is_meant = |address| configured.contains(address) || of_ollama == Some(*address);
    if !inherited.iter().all(is_meant) {
        log::warn!(
            sockets = list(&inherited).as_str(), configuration = list(configured).as_str();
            "the service manager listens elsewhere than the configuration says; its sockets count"
        );
    }
    Ok((server, of_speech))
}

/// The services that end first when the process is told to stop.
struct Stop {
    stopper: Stopper,
    speech: Option<Service>,
}

/// A reload on SIGHUP, the end on SIGTERM or SIGINT, which the service manager is told of.
fn heed_signals(
    current: &Arc<Reloadable>,
    reloader: &Reloader,
    notifier: Option<Arc<Notifier>>,
    stop: Stop,
) -> Result<(), CannotServe> {
    let stopped = Arc::clone(current);
    let end = move || {
        stopped.announce_stop();
        if let Some(notifier) = notifier {
            notifier.stopping("finishing the requests in flight");
        }
        // A load balancer reads `/readyz` in this time; all is served as before.
        std::thread::sleep(stopped.config().server.shutdown_delay);
        // In this order: what speech is at the gateway still answers.
        stop.speech.iter().for_each(Service::stop);
        stop.stopper.stop();
    };
    Ok(signals::with_chores(reloader.clone(), end)?)
}

fn open_control_socket(port: u16, current: &Arc<Reloadable>, reloader: Reloader) {
    let asked = Arc::clone(current);
    let answer = move |question| match question {
        ControlRequest::Routes => asked.routes_report(),
        ControlRequest::Requests => asked.requests_report(),
        ControlRequest::Usage => asked.usage_report(),
        ControlRequest::Reload => running::verdict(reloader.reload()),
    };
    if let Err(error) = control_socket::serve(port, answer) {
        log::warn!(error:% = error; "no control socket: `ai-gateway explain` will not see what is cooling");
    }
}

/// Starts the log as `LOG_FORMAT` and `LOG_LEVEL` say, exported as well if there is something to export it.
///
/// # Errors
/// The settings are wrong: the reasons in words.
pub fn start_log(environment: &dyn Environment, otlp: Option<&Otlp>) -> Result<(), String> {
    let variable = |name| {
        let value = environment.variable(name).unwrap_or_default();
        value.to_string_lossy().into_owned()
    };
    let format = variable("LOG_FORMAT");
    let format = LogFormat::named(&format)
        .ok_or_else(|| format!("LOG_FORMAT is {format:?}; it can be json or text"))?;
    let levels = variable("LOG_LEVEL");
    let levels = Levels::parse(&levels).map_err(|directive| {
        format!(
            "LOG_LEVEL: {directive:?} is no level; they are off, error, warn, info, debug and trace"
        )
    })?;
    telemetry::start(format, levels, otlp).map_err(|error| error.to_string())
}

fn list(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    texts.join(", ")
}

fn eprintln_quietly(problem: &str) {
    let _ = io::Write::write_all(
        &mut io::stderr(),
        format!("ai-gateway: {problem}\n").as_bytes(),
    );
}
