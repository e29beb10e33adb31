//! From a URL to a wire: the name, TCP, perhaps a proxy, TLS.

use ureq::config::Config;
use ureq::http::Uri;

use crate::config::is_private;

use super::call_state::CallState;
use super::connect::connect;
use super::error::{CallError, Phase};
use super::proxy;
use super::resolver::{Resolver, server};
use super::socket::{Socket, Sockets};
use super::tls::Tls;
use super::wire::Wire;

/// The maker of connections, which also has the list of them for the day when all have to be closed.
pub(super) struct Dialer {
    /// ureq's configuration, which holds the proxy if there is one.
    pub config: Config,
    /// Whether calls to loopback and private addresses go through the proxy, too.
    pub proxy_private: bool,
    /// The servers that are called past the proxy.
    pub direct: Vec<(String, u16)>,
    pub resolver: Resolver,
    pub tls: Tls,
    pub sockets: Sockets,
}

impl Dialer {
    /// A wire that carries requests for this URL.
    pub fn dial(&self, uri: &Uri, state: &mut CallState) -> Result<Box<dyn Wire>, CallError> {
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(CallError::Unreachable("not an http URL".to_owned())),
        };
        let proxy = self.config.proxy().filter(|_| !self.is_direct(uri));
        let wire = match proxy {
            Some(proxy) => self.tunnel(proxy.uri(), uri, secure, state)?,
            None => self.socket(uri, secure, state)?,
        };
        if secure {
            self.negotiate(uri, wire, state)
        } else {
            Ok(wire)
        }
    }

    /// Whether a server is called past the proxy, by its name as the URL has it: behind a proxy there may be no way to look
    /// names up, and a look-up that has to fail first would delay each connection.
    fn is_direct(&self, uri: &Uri) -> bool {
        let Some((host, port)) = server(uri) else {
            return false;
        };
        let mut direct = self.direct.iter();
        direct.any(|(of, at)| *at == port && of.eq_ignore_ascii_case(host))
            || (!self.proxy_private && is_private(host))
    }

    /// A wire through the proxy. The name of the provider is the proxy's to resolve.
    fn tunnel(
        &self,
        proxy: &Uri,
        uri: &Uri,
        secure: bool,
        state: &mut CallState,
    ) -> Result<Box<dyn Wire>, CallError> {
        let secure_proxy = proxy.scheme_str() == Some("https");
        let mut wire = self.socket(proxy, secure || secure_proxy, state)?;
        if secure_proxy {
            wire = self.negotiate(proxy, wire, state)?;
            state.phase = Phase::Connect;
        }
        proxy::tunnel(wire, uri, &self.config, state)
    }

    fn socket(
        &self,
        uri: &Uri,
        carries_records: bool,
        state: &mut CallState,
    ) -> Result<Box<dyn Wire>, CallError> {
        let addresses = self.resolver.resolve(uri, state)?;
        state.phase = Phase::Connect;
        let socket = Socket::new(connect(&addresses, state)?, carries_records);
        self.sockets.register(&socket)?;
        Ok(Box::new(socket))
    }

    fn negotiate(
        &self,
        uri: &Uri,
        wire: Box<dyn Wire>,
        state: &mut CallState,
    ) -> Result<Box<dyn Wire>, CallError> {
        let host = uri.host().unwrap_or_default();
        Ok(Box::new(self.tls.negotiate(host, wire, state)?))
    }
}
