//! The client: settings, pool, and the call itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::call::{Call, Response};
use super::connect::{Begin, Dial};
use super::error::{CallError, Phase};
use super::in_progress::{InProgress, Scope};
use super::names::Lookup;
use super::resolver::{CachingResolver, ask_system};
use super::stats::{Counts, Stats};
use super::tls::{self, Tls};

/// Idle connections kept, per provider and in all. ureq goes through all of them under one lock at every call, so more
/// would cost every call; fewer would cost TLS handshakes after each burst. An idle one holds no buffers.
const IDLE_PER_HOST: usize = 64;
const IDLE: usize = 256;

/// How long a connection may be idle. Servers close theirs after 60 s (nginx: 75 s) or so; those are found out by the
/// probe before use, and a call that meets one anyway is repeated.
const IDLE_AGE: Duration = Duration::from_secs(90);

/// Bytes of an answer's head. The number of its fields is bounded by ureq-proto (128).
const MAX_HEAD: usize = 64 * 1024;

/// What a client is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// PEM certificates trusted besides the built-in roots.
    pub ca_file: Option<PathBuf>,
    /// `http://[user:password@]host:port`, asked to CONNECT for every call. The environment is not read.
    pub proxy: Option<String>,
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            ca_file: None,
            proxy: None,
            user_agent: concat!("ai-gateway/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Makes calls and keeps connections for later ones. Shared by all threads.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    connect_timeout: Duration,
    counts: Arc<Counts>,
}

/// A call that failed, and whether it is worth a fresh connection.
struct Failure {
    error: CallError,
    /// The connection came from the pool and ended before any byte of an answer: it had been closed at the other end.
    stale: bool,
}

impl Client {
    /// # Errors
    /// Says what is wrong with the settings: an unreadable or empty `ca_file`, a proxy that is not `http`.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Self::with_lookup(settings, Box::new(ask_system))
    }

    /// As [`Client::new`], with another way of looking names up.
    pub(super) fn with_lookup(settings: Settings, lookup: Box<Lookup>) -> Result<Self, String> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(settings.proxy.as_deref().map(proxy).transpose()?)
            .user_agent(settings.user_agent)
            .accept_encoding("identity")
            .max_response_header_size(MAX_HEAD)
            .max_idle_connections(IDLE)
            .max_idle_connections_per_host(IDLE_PER_HOST)
            .max_idle_age(IDLE_AGE)
            .build();
        let tls = Tls {
            config: tls::client_config(settings.ca_file.as_deref())?,
        };
        let connector = Begin
            .chain(ConnectProxyConnector::default())
            .chain(Dial)
            .chain(tls);
        let counts = Arc::new(Counts::default());
        let resolver = CachingResolver::new(lookup, Arc::clone(&counts));
        Ok(Self {
            agent: Agent::with_parts(config, connector, resolver),
            connect_timeout: settings.connect_timeout,
            counts,
        })
    }

    /// Sends the request and waits for the head of the answer, whatever its status is. A pooled connection that turns
    /// out to be dead before the first byte of an answer is replaced once, silently.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call(&self, call: Call<'_>) -> Result<Response, CallError> {
        match self.attempt(&call, false) {
            Err(failure) if failure.stale => self.attempt(&call, true),
            other => other,
        }
        .map_err(|failure| failure.error)
    }

    /// What this client has done so far.
    pub fn stats(&self) -> Stats {
        self.counts.read()
    }

    /// Closes all connections, the ones in use too, and refuses new ones.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    fn attempt(&self, call: &Call<'_>, fresh_only: bool) -> Result<Response, Failure> {
        let mut state = InProgress::new(Phase::Resolve, call.deadline, call.hangup.cloned());
        // A timeout beyond the end of time is none.
        let connect_end = Instant::now().checked_add(self.connect_timeout);
        state.connect_deadline = connect_end.map_or(call.deadline, |end| end.min(call.deadline));
        state.fresh_only = fresh_only;
        let scope = Scope::enter(state);

        let answer = self.run(call);
        let progress = scope.progress();
        if !progress.phase.is_connecting() {
            self.counts.connection(progress.pooled);
        }
        match answer {
            Ok(answer) => Ok(Response::new(answer, call.hangup.cloned(), progress.pooled)),
            Err(error) => {
                let error = CallError::classify(error, progress.phase, progress.answered);
                let died = matches!(error, CallError::Unreachable(_));
                Err(Failure {
                    stale: died && progress.pooled && !progress.answered,
                    error,
                })
            }
        }
    }

    fn run(&self, call: &Call<'_>) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let head = call.head()?;
        match call.content() {
            Some(content) => self.agent.run(head.body(content)?),
            None => self.agent.run(head.body(())?),
        }
    }
}

fn proxy(url: &str) -> Result<Proxy, String> {
    // Its text is not repeated: it may hold a password.
    let proxy = Proxy::new(url).map_err(|_| "not a proxy URL".to_owned())?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(proxy),
        _ => Err("only http and https proxies are supported".to_owned()),
    }
}
