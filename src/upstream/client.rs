//! The client: settings, pool, and the call itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::HeaderValue;
use ureq::{Agent, Proxy, ProxyProtocol};

use super::body::Body;
use super::call::{Call, Head, Response};
use super::connection::{Connection, origin};
use super::dialer::{Dialer, Sockets};
use super::error::{CallError, Phase};
use super::exchange;
use super::in_progress::{self, InProgress, Scope};
use super::names::Lookup;
use super::pool::Pool;
use super::resolver::{CachingResolver, ask_system};
use super::stats::{Counts, Stats};
use super::tls::{self, Tls};
use super::unasked::Distrusted;

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
    /// Idle connections kept, and fewer while others are in use: idle ones go before there are more than this in all.
    /// With as many as there can be calls at a time, no burst opens a connection that the one before it had already.
    pub max_idle: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            ca_file: None,
            proxy: None,
            user_agent: concat!("ai-gateway/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_idle: 256,
        }
    }
}

/// Makes calls and keeps connections for later ones. Shared by all threads.
pub struct Client {
    dialer: Arc<Dialer>,
    pool: Arc<Pool>,
    connect_timeout: Duration,
    user_agent: HeaderValue,
    counts: Arc<Counts>,
    distrusted: Arc<Distrusted>,
}

/// A call that failed, and whether it is worth a fresh connection.
struct Failure {
    error: CallError,
    /// The connection came from the pool, and has brought nothing that can be an answer to this call: it had been
    /// closed at the other end, or what it brings may be an answer to another call.
    stale: bool,
}

impl Client {
    /// # Errors
    /// Says what is wrong with the settings: an unreadable or empty `ca_file`, a proxy that is not `http`.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Self::with_lookup(settings, Box::new(ask_system))
    }

    /// A client with other settings that knows what this one has learned of its peers, and goes on counting where this
    /// one is.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn successor(&self, settings: Settings) -> Result<Self, String> {
        let (counts, distrusted) = (Arc::clone(&self.counts), Arc::clone(&self.distrusted));
        Self::with(settings, Box::new(ask_system), counts, distrusted)
    }

    /// As [`Client::new`], with another way of looking names up.
    pub(super) fn with_lookup(settings: Settings, lookup: Box<Lookup>) -> Result<Self, String> {
        Self::with(settings, lookup, Arc::default(), Arc::default())
    }

    fn with(
        settings: Settings,
        lookup: Box<Lookup>,
        counts: Arc<Counts>,
        distrusted: Arc<Distrusted>,
    ) -> Result<Self, String> {
        let config = Agent::config_builder()
            .proxy(settings.proxy.as_deref().map(proxy).transpose()?)
            .user_agent(settings.user_agent.as_str())
            .build();
        let dialer = Dialer {
            config,
            resolver: CachingResolver::new(lookup, Arc::clone(&counts)),
            tls: Tls {
                config: tls::client_config(settings.ca_file.as_deref())?,
            },
            sockets: Sockets::default(),
        };
        Ok(Self {
            dialer: Arc::new(dialer),
            pool: Arc::new(Pool::new(settings.max_idle, Arc::clone(&distrusted))),
            connect_timeout: settings.connect_timeout,
            user_agent: HeaderValue::try_from(settings.user_agent)
                .map_err(|_| "not a user agent".to_owned())?,
            counts,
            distrusted,
        })
    }

    /// Sends the request and waits for the head of the answer, whatever its status is. A pooled connection that turns
    /// out to be dead before the first byte of an answer is replaced once, silently.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call(&self, call: Call<'_>) -> Result<Response, CallError> {
        if let Some(pooled) = self.pool.take(origin(call.url), Instant::now()) {
            match self.over(&call, Some(pooled)) {
                Err(failure) if failure.stale => {}
                other => return other.map_err(|failure| failure.error),
            }
        }
        self.over(&call, None).map_err(|failure| failure.error)
    }

    /// How often the provider at this URL has sent bytes that no request had asked for.
    pub fn unasked(&self, url: &str) -> u64 {
        self.distrusted.signs(origin(url))
    }

    /// What this client has done so far.
    pub fn stats(&self) -> Stats {
        self.counts.read()
    }

    /// Closes the idle connections, and from now on each one that comes back. Calls that are in flight go on.
    pub fn retire(&self) {
        self.pool.close();
    }

    /// Closes all connections, the ones in use too, and refuses new ones.
    pub fn shutdown(&self) {
        self.pool.close();
        self.dialer.sockets.shut_down();
    }

    /// The call over a connection from the pool, or a fresh one.
    fn over(&self, call: &Call<'_>, pooled: Option<Box<Connection>>) -> Result<Response, Failure> {
        let reused = pooled.is_some();
        let scope = self.enter(call, reused);
        let mut doubtful = false;
        let answer = self.send(call, pooled).and_then(|mut connection| {
            let (head, rest) = exchange::receive(&mut connection)?;
            if reused && self.pool.distrusts(origin(call.url), Instant::now()) {
                doubtful = true;
                let why = "the answer may be another call's".to_owned();
                return Err(CallError::Unreachable(why).into());
            }
            Ok(Response {
                head: Head::new(head, reused),
                body: Body::new(rest, connection, &self.pool, call.client.cloned()),
            })
        });
        let progress = scope.progress();
        if progress.unasked {
            self.pool.note_unasked(origin(call.url), Instant::now());
        }
        if !progress.phase.is_connecting() {
            self.counts.connection(reused);
        }
        answer.map_err(|error| {
            let error = CallError::classify(error, progress.phase, progress.answered);
            let died = matches!(error, CallError::Unreachable(_));
            Failure {
                stale: reused && (progress.unasked || doubtful || died && !progress.answered),
                error,
            }
        })
    }

    fn enter(&self, call: &Call<'_>, reused: bool) -> Scope {
        let mut state = InProgress::new(Phase::Resolve, call.deadline, call.client.cloned());
        state.reused = reused;
        // A timeout beyond the end of time is none.
        let connect_end = Instant::now().checked_add(self.connect_timeout);
        state.connect_deadline = connect_end.map_or(call.deadline, |end| end.min(call.deadline));
        Scope::enter(state)
    }

    /// Sends the request over a connection that is there or has to be made.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn send(
        &self,
        call: &Call<'_>,
        pooled: Option<Box<Connection>>,
    ) -> Result<Box<Connection>, ureq::Error> {
        let request = call.head(&self.user_agent)?;
        let mut connection = match pooled {
            Some(connection) => connection,
            None => {
                let counted = self.pool.one_more();
                let wire = self.dialer.dial(request.uri())?;
                Box::new(Connection::new(origin(call.url), wire, counted))
            }
        };
        in_progress::sending();
        let head_size = call.head_size(&request);
        exchange::send(&mut connection, request, head_size, call.content())?;
        Ok(connection)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
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
