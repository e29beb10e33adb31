//! From a URL to a connection: the name, TCP, perhaps a proxy, TLS.

use std::sync::{Arc, Mutex, Weak};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, Either, NextTimeout, ShutdownHandle,
    Transport,
};

use crate::sync::lock;

use super::connect::connect;
use super::connection::Wire;
use super::error::{CallError, Phase};
use super::in_progress;
use super::plain::Plain;
use super::resolver::CachingResolver;
use super::socket::Socket;
use super::tls::Tls;

/// Makes connections, and remembers them for the day when all have to be closed.
pub(super) struct Dialer {
    /// For ureq's connector to proxies.
    pub config: Config,
    pub resolver: CachingResolver,
    pub tls: Tls,
    pub sockets: Sockets,
}

impl Dialer {
    /// A connection that takes requests for this URL.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn dial(self: &Arc<Self>, uri: &Uri) -> Result<Wire, ureq::Error> {
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(CallError::Unreachable("not an http URL".to_owned()).into()),
        };
        let host = uri.host().unwrap_or_default();
        let plain = if self.config.proxy().is_some() {
            Plain::Tunnel(self.tunnel(uri)?)
        } else {
            Plain::Direct(self.socket(&self.resolve(uri)?)?)
        };
        Ok(if secure {
            Wire::Secure(self.tls.negotiate(host, plain)?)
        } else {
            Wire::Plain(plain)
        })
    }

    fn resolve(&self, uri: &Uri) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.resolver
            .resolve(uri, &self.config, NextTimeout::default())
    }

    fn socket(&self, addresses: &ResolvedSocketAddrs) -> Result<Socket, ureq::Error> {
        in_progress::enter_phase(Phase::Connect);
        let socket = Socket::new(connect(addresses)?);
        self.sockets.register(socket.shutdown_handle())?;
        Ok(socket)
    }

    /// A connection that the proxy has made. The name is the proxy's to resolve.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn tunnel(self: &Arc<Self>, uri: &Uri) -> Result<Box<dyn Transport>, ureq::Error> {
        let (near, sockets) = (Arc::clone(self), Arc::clone(self));
        let details = ConnectionDetails {
            uri,
            addrs: self.resolver.empty(),
            config: &self.config,
            request_level: false,
            resolver: &self.resolver,
            now: Instant::now(),
            timeout: NextTimeout::default(),
            current_time: Arc::new(Instant::now),
            run_connector: Arc::new(move |proxy| near.to_proxy(proxy)),
            register_shutdown: Arc::new(move |handle| sockets.sockets.register(handle)),
        };
        match ConnectProxyConnector::default().connect(&details, None::<()>)? {
            Some(Either::B(tunnel)) => Ok(tunnel),
            Some(Either::A(())) | None => {
                Err(CallError::Unreachable("the proxy was not used".to_owned()).into())
            }
        }
    }

    fn to_proxy(&self, proxy: &ConnectionDetails<'_>) -> Result<Box<dyn Transport>, ureq::Error> {
        let socket = self.socket(&proxy.addrs)?;
        if !proxy.needs_tls() {
            return Ok(Box::new(socket));
        }
        let host = proxy.uri.host().unwrap_or_default();
        let secure = self.tls.negotiate(host, Plain::Direct(socket))?;
        in_progress::enter_phase(Phase::Connect);
        Ok(secure)
    }
}

/// The sockets in use, the idle ones too.
#[derive(Default)]
pub(super) struct Sockets(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    open: Vec<Weak<dyn ShutdownHandle>>,
    /// Closed ones are dropped when there are so many.
    sweep_at: usize,
    shut_down: bool,
}

impl Sockets {
    /// Fewer than this are not worth a look for closed ones.
    const FEW: usize = 64;

    fn register(&self, handle: Weak<dyn ShutdownHandle>) -> Result<(), ureq::Error> {
        let mut registry = lock(&self.0);
        if registry.shut_down {
            return Err(CallError::Unreachable("the gateway is stopping".to_owned()).into());
        }
        if registry.open.len() >= registry.sweep_at.max(Self::FEW) {
            registry.open.retain(|handle| handle.strong_count() > 0);
            registry.sweep_at = registry.open.len() * 2;
        }
        registry.open.push(handle);
        Ok(())
    }

    /// Ends whatever goes on over them, and lets no new ones in.
    pub fn shut_down(&self) {
        let open = {
            let mut registry = lock(&self.0);
            registry.shut_down = true;
            std::mem::take(&mut registry.open)
        };
        for socket in open.iter().filter_map(Weak::upgrade) {
            socket.shutdown();
        }
    }
}
