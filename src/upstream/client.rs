//! The client: settings, pool, and the call itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::{Agent, Proxy, ProxyProtocol};

use crate::dns::StubResolver;
use crate::secret::Secret;
use crate::tls::{Trusted, client_config};

use super::answer_head::Head;
use super::body::Body;
use super::call::{Call, Field, HeadedCall, Method, Response};
use super::call_state::CallState;
use super::connection::{Connection, origin};
use super::dialer::Dialer;
use super::error::{CallError, Phase};
use super::exchange::{self, AfterHead};
use super::host_names::Lookup;
use super::pool::ConnectionPool;
use super::request_head::{CallHead, HeadLines};
use super::resolver::Resolver;
use super::socket::Sockets;
use super::stats::{CallCounts, Stats};
use super::tls::Tls;
use super::unasked::Distrusted;

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The timeout of name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// PEM certificates trusted besides the built-in roots.
    pub ca_file: Option<PathBuf>,
    /// `http://[user:password@]host:port`, asked to CONNECT for calls. The environment is not read.
    pub proxy: Option<Secret>,
    /// Whether calls to loopback and private addresses go through the proxy, too.
    pub proxy_private: bool,
    /// The servers that are called past the proxy, by host and port.
    pub direct: Vec<(String, u16)>,
    pub user_agent: String,
    /// The bound of idle connections, and of all as long as there are idle ones among them. With as many as there can
    /// be calls at a time, no burst opens a connection that the one before it had already.
    pub max_idle: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            ca_file: None,
            proxy: None,
            proxy_private: false,
            direct: Vec::new(),
            user_agent: concat!("ai-gateway/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_idle: 256,
        }
    }
}

/// The client that calls providers, and keeps connections for later calls. All threads share it.
pub struct Client {
    dialer: Dialer,
    pool: Arc<ConnectionPool>,
    connect_timeout: Duration,
    user_agent: String,
    counts: Arc<CallCounts>,
    distrusted: Arc<Distrusted>,
}

/// The head of an answer, its body, and the connection that brings them.
type Received = (Head, AfterHead, Box<Connection>);

impl Client {
    /// # Errors
    /// Settings that cannot be used, in words: an unreadable or empty `ca_file`, a proxy that is not `http`.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let lookup = system_lookup(&settings);
        Self::with_lookup(settings, lookup)
    }

    /// A client with other settings that goes on counting where this one is, and distrusts the same providers.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn successor(&self, settings: Settings) -> Result<Self, String> {
        let (counts, distrusted) = (Arc::clone(&self.counts), Arc::clone(&self.distrusted));
        let lookup = system_lookup(&settings);
        Self::with(settings, lookup, counts, distrusted)
    }

    /// As [`Client::new`], with another way of looking names up.
    pub(super) fn with_lookup(settings: Settings, lookup: Box<Lookup>) -> Result<Self, String> {
        Self::with(settings, lookup, Arc::default(), Arc::default())
    }

    fn with(
        settings: Settings,
        lookup: Box<Lookup>,
        counts: Arc<CallCounts>,
        distrusted: Arc<Distrusted>,
    ) -> Result<Self, String> {
        let config = Agent::config_builder()
            .proxy(settings.proxy.as_ref().map(proxy).transpose()?)
            .user_agent(settings.user_agent.as_str())
            .build();
        let trusted = Trusted::BuiltInAnd(settings.ca_file.as_deref());
        let dialer = Dialer {
            config,
            proxy_private: settings.proxy_private,
            direct: settings.direct,
            resolver: Resolver::new(lookup, Arc::clone(&counts)),
            tls: Tls {
                config: client_config(trusted, Some(b"http/1.1"))?,
            },
            sockets: Sockets::default(),
        };
        Ok(Self {
            dialer,
            pool: Arc::new(ConnectionPool::new(
                settings.max_idle,
                Arc::clone(&distrusted),
            )),
            connect_timeout: settings.connect_timeout,
            user_agent: settings.user_agent,
            counts,
            distrusted,
        })
    }

    /// The head of calls to a URL, for [`Client::send`]: with these fields before those of each call, and those behind
    /// them. On the heap, as a worker that waits keeps a small stack.
    ///
    /// # Errors
    /// `Unreachable` when it cannot be put on the wire.
    pub fn head(
        &self,
        method: Method,
        url: &str,
        before: &[Field<'_>],
        behind: &[Field<'_>],
    ) -> Result<Box<CallHead>, CallError> {
        CallHead::new(method, url, before, behind, &self.user_agent).map(Box::new)
    }

    /// Makes one call, as [`Client::send`] does.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call(&self, call: Call<'_>) -> Result<Response, CallError> {
        let head = self.head(call.method, call.url, call.headers, &[])?;
        self.send(HeadedCall {
            head: &head,
            fields: &[],
            body: call.body,
            deadline: call.deadline,
            client: call.client,
        })
    }

    /// Sends the request and waits for the head of the answer, whatever its status is. A pooled connection that turns
    /// out to be dead before the first byte of an answer, or not to be trusted, is replaced once, silently.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn send(&self, call: HeadedCall<'_>) -> Result<Response, CallError> {
        let mut may_reuse = true;
        loop {
            let now = Instant::now();
            let mut state = self.begin(&call, now);
            let pooled = may_reuse.then_some(now);
            let received = self.exchange(&call, pooled, &mut state);
            if !state.phase.is_connecting() {
                self.counts.connection(state.reused);
            }
            if state.reused && self.is_void(received.as_ref(), &state, call.head.origin()) {
                may_reuse = false;
                continue;
            }
            let (mut head, rest, connection) = received?;
            head.reused = state.reused;
            return Ok(Response {
                head,
                body: Body::new(rest, connection, &self.pool, state),
            });
        }
    }

    /// The number of times that the provider at a URL has sent bytes that no request had asked for.
    pub fn unasked(&self, url: &str) -> u64 {
        self.distrusted.signs(origin(url))
    }

    /// The client's counters.
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

    fn begin(&self, call: &HeadedCall<'_>, now: Instant) -> CallState {
        // A timeout beyond the end of time is none.
        let connect_end = now.checked_add(self.connect_timeout);
        let connect_end = connect_end.unwrap_or(call.deadline);
        CallState::new(call.deadline, connect_end, call.client.cloned())
    }

    fn exchange(
        &self,
        call: &HeadedCall<'_>,
        pooled: Option<Instant>,
        state: &mut CallState,
    ) -> Result<Received, CallError> {
        let mut connection = self.sent(call, pooled, state)?;
        let (head, rest) = exchange::receive(&mut connection, state)?;
        Ok((head, rest, connection))
    }

    /// The connection over which the request was sent: one from the pool, if it may be and the time is told, or else a
    /// fresh one.
    fn sent(
        &self,
        call: &HeadedCall<'_>,
        pooled: Option<Instant>,
        state: &mut CallState,
    ) -> Result<Box<Connection>, CallError> {
        let content = call.content();
        let length = content.iter().map(|slice| slice.len()).sum();
        // Made first, so that nothing is left to do between a look at a connection and its use.
        let mut head = HeadLines::default();
        call.head.complete(call.fields, length, &mut head)?;
        let origin = call.head.origin();
        let pooled = pooled.and_then(|now| self.pool.take(origin, now));
        let mut connection = match pooled {
            Some(connection) => {
                state.reused = true;
                connection
            }
            None => {
                let counted = self.pool.one_more();
                let uri = call.head.url().parse().map_err(|error| {
                    CallError::Unreachable(format!("the URL cannot be asked for: {error}"))
                })?;
                let wire = self.dialer.dial(&uri, state)?;
                Box::new(Connection::new(origin, wire, counted))
            }
        };
        state.phase = Phase::Send;
        exchange::send(&mut connection, head.as_bytes(), content, state)?;
        Ok(connection)
    }

    /// Whether a connection from the pool has brought nothing that is sure to be an answer to this call: it had been
    /// closed at the other end, or may be out of step with its calls.
    fn is_void(
        &self,
        received: Result<&Received, &CallError>,
        state: &CallState,
        origin: &str,
    ) -> bool {
        if state.unasked {
            self.pool.note_unasked(origin, Instant::now());
        }
        match received {
            Err(CallError::Timeout(_) | CallError::Cancelled) => false,
            _ if self.pool.distrusts(origin) => true,
            Err(CallError::Unreachable(_)) => !state.answered,
            Ok(_) | Err(CallError::BadResponse(_)) => false,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// The lookup of names as the system's files say.
fn system_lookup(settings: &Settings) -> Box<Lookup> {
    let resolver = StubResolver::for_calls_of(settings.connect_timeout);
    Box::new(move |name| resolver.look_up(name))
}

fn proxy(url: &Secret) -> Result<Proxy, String> {
    // Its text is not repeated: it may hold a password.
    let proxy = Proxy::new(url.expose()).map_err(|_| "not a proxy URL".to_owned())?;
    match proxy.protocol() {
        ProxyProtocol::Http | ProxyProtocol::Https => Ok(proxy),
        _ => Err("only http and https proxies are supported".to_owned()),
    }
}
