//! Trust in a provider's certificate: the built-in roots, and what `ca_file` names.
//!
//! An authority in `ca_file` vouches for what it has signed. Any other certificate there vouches for itself alone: local
//! servers have one that they have signed themselves, and mostly it is marked as an authority's as well, since that is how
//! `openssl req -x509` makes it; `webpki` refuses those as a server's.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use webpki::{EndEntityCert, KeyUsage};

/// The verifier of providers' certificates.
#[derive(Debug)]
pub(super) struct Trust {
    by_authority: Arc<WebPkiServerVerifier>,
    /// The certificates of `ca_file`, each of which is trusted as a server's, under its own names and in its time.
    named: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Trust in the built-in roots, and in the certificates of `ca_file` besides.
    ///
    /// # Errors
    /// A `ca_file` that is unreadable or holds no certificate, in words.
    pub fn new(ca_file: Option<&Path>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let mut named = Vec::new();
        if let Some(path) = ca_file {
            let in_file = |why| format!("{}: {why}", path.display());
            named = certificates(path).map_err(in_file)?;
            for certificate in named.iter().filter(|named| is_authority(named, provider)) {
                let added = roots.add(certificate.clone());
                added.map_err(|error| in_file(error.to_string()))?;
            }
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Ok(Self {
            by_authority: verifier.build().map_err(|error| error.to_string())?,
            named,
        })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_authority = self.by_authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match by_authority {
            Err(error) if is_about_issuer(&error) && self.named.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// The certificates of a PEM file (one at least).
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = found.collect();
    match found {
        Ok(found) if found.is_empty() => Err("no PEM certificate in it".to_owned()),
        found => found.map_err(|error| error.to_string()),
    }
}

/// Whether a certificate may vouch for others. Those of X.509 version 1 cannot say; they are of no use but as authorities.
///
/// `webpki` tells so by its refusal of an authority as a server. It looks at the time first, so it is asked about a time
/// when the certificate is valid.
fn is_authority(certificate: &CertificateDer<'_>, provider: &CryptoProvider) -> bool {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else {
        return true;
    };
    let algorithms = provider.signature_verification_algorithms.all;
    let usage = KeyUsage::server_auth();
    let at = |time| {
        let verified = parsed.verify_for_usage(algorithms, &[], &[], time, usage, None, None);
        verified.err()
    };
    let refusal = match at(UnixTime::since_unix_epoch(std::time::Duration::ZERO)) {
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => at(not_before),
        refusal => refusal,
    };
    matches!(refusal, Some(webpki::Error::CaUsedAsEndEntity))
}

/// Whether a certificate was refused for want of an authority that vouches for it. `webpki` looks at its time before, and
/// at its names after that.
fn is_about_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => is_of_an_authority(other),
        _ => false,
    }
}

/// Whether a certificate was refused as a server's because it is marked as an authority's.
pub(super) fn is_of_an_authority(OtherError(error): &OtherError) -> bool {
    matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
