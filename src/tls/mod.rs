//! The set-up of TLS as a client: trust in a server's certificate, and its failures in words. The wires themselves are
//! those of the rooms that have a socket.

mod failure;
mod trust;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

pub use failure::{words, words_of_io};
use trust::Trust;
pub use trust::Trusted;

/// The bound of remembered TLS sessions, which make the next handshake shorter. Providers are few (64).
const SESSIONS: usize = 64;

/// A configuration for servers that speak a protocol of this name (ALPN); `None` for those that are asked for none.
///
/// # Errors
/// A file that is unreadable or holds no certificate, in words.
pub fn client_config(
    trusted: Trusted<'_>,
    protocol: Option<&[u8]>,
) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(CryptoProvider {
        key_provider: &NoKeys,
        ..rustls::crypto::ring::default_provider()
    });
    let trust = Trust::new(trusted, provider.signature_verification_algorithms)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth();
    config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// The reader of private keys, of which there are none: no server asks for a client's certificate. The code that signs
/// stays out of the program with it.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("no keys are read".to_owned()))
    }
}
