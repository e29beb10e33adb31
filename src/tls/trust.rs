//! Trust in a server's certificate: the built-in roots, and what `ca_file` names.
//!
//! An authority in `ca_file` vouches for what it has signed. Any other certificate there vouches for itself alone: local
//! servers have one that they have signed themselves, and mostly it is marked as an authority's as well, since that is how
//! `openssl req -x509` makes it; `webpki` refuses those as a server's.

use std::path::Path;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use webpki::{EndEntityCert, KeyUsage};

/// The certificates to trust.
#[derive(Clone, Copy, Debug)]
pub enum Trusted<'a> {
    /// The built-in roots, and the certificates of a file besides.
    BuiltInAnd(Option<&'a Path>),
    /// The certificates of a file alone.
    Only(&'a Path),
}

/// The verifier of servers' certificates. It is rustls's own but for `ca_file`, put together from the same parts: the one
/// that rustls builds brings the reading of revocation lists along, which are not used here (33 KB).
#[derive(Debug)]
pub(super) struct Trust {
    algorithms: WebPkiSupportedAlgorithms,
    roots: RootCertStore,
    /// The certificates of `ca_file`, each of which is trusted as a server's, under its own names and in its time.
    named: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// # Errors
    /// A file that is unreadable or holds no certificate, in words.
    pub fn new(
        trusted: Trusted<'_>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, String> {
        let (built_in, file) = match trusted {
            Trusted::BuiltInAnd(file) => (webpki_roots::TLS_SERVER_ROOTS, file),
            Trusted::Only(file) => (&[][..], Some(file)),
        };
        let mut roots = RootCertStore {
            roots: built_in.to_vec(),
        };
        let mut named = Vec::new();
        if let Some(path) = file {
            let in_file = |why| format!("{}: {why}", path.display());
            named = certificates(path).map_err(in_file)?;
            for certificate in named
                .iter()
                .filter(|named| is_authority(named, &algorithms))
            {
                let added = roots.add(certificate.clone());
                added.map_err(|error| in_file(error.to_string()))?;
            }
        }
        Ok(Self {
            algorithms,
            roots,
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
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let (roots, algorithms) = (&self.roots, self.algorithms.all);
        match verify_server_cert_signed_by_trust_anchor(
            &certificate,
            roots,
            intermediates,
            now,
            algorithms,
        ) {
            Err(error) if is_about_issuer(&error) && self.named.contains(end_entity) => {}
            signed => signed?,
        }
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
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
fn is_authority(certificate: &CertificateDer<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
    let Ok(parsed) = EndEntityCert::try_from(certificate) else {
        return true;
    };
    let usage = KeyUsage::server_auth();
    let at = |time| {
        let verified = parsed.verify_for_usage(algorithms.all, &[], &[], time, usage, None, None);
        verified.err()
    };
    let refusal = match at(UnixTime::since_unix_epoch(Duration::ZERO)) {
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
