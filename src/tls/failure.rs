//! Failures of TLS, in words for people: what is wrong, and what to do about it.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, OtherError};
use time::OffsetDateTime;

use super::trust::is_of_an_authority;

/// The words of a failure that came through `std::io`.
pub fn words_of_io(error: &io::Error) -> String {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    of_tls.map_or_else(|| format!("TLS: {error}"), words)
}

/// The words of a failure.
pub fn words(error: &Error) -> String {
    let words = match error {
        Error::InvalidCertificate(error) => return format!("TLS: the certificate {}", of(error)),
        Error::InvalidMessage(_) => {
            "what came back is no TLS: does the URL have to begin with http://?".to_owned()
        }
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            format!(
                "the two ends have no version or cipher in common, 1.2 is the oldest here ({error})"
            )
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know the name in the URL".to_owned()
        }
        error => error.to_string(),
    };
    format!("TLS: {words}")
}

/// The fault of a certificate.
fn of(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "is not signed by an authority we know: put it, or its authority's, into the file of `ca_file`".to_owned()
        }
        CertificateError::Other(other) if is_of_an_authority(other) => {
            "is signed by itself, and not the one in `ca_file`: put exactly it into that file".to_owned()
        }
        CertificateError::Other(OtherError(error))
            if matches!(error.downcast_ref(), Some(webpki::Error::UnsupportedCertVersion)) =>
        {
            "is of X.509 version 1, which names no host: make one of version 3, with a subjectAltName".to_owned()
        }
        CertificateError::BadSignature => {
            "is not signed by the authority that it names: if it was renewed, put the new one into the file of `ca_file`"
                .to_owned()
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "is not valid before {}; is this machine's clock right (it says {})?",
            date(*not_before),
            date(*time)
        ),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "has expired: it was valid until {}; if this machine's clock is right (it says {}), the provider has to renew it",
            date(*not_after),
            date(*time)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!("is for {}, not for {}", names(presented), expected.to_str()),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not meant for servers (extended key usage)".to_owned()
        }
        CertificateError::BadEncoding => "cannot be read: it is damaged".to_owned(),
        error => format!("is refused: {error}"),
    }
}

/// The most names of a certificate that are told.
const MOST_NAMES: usize = 5;

/// The names of a certificate, which `webpki` writes as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = presented.iter().map(|name| {
        let inner = name.split_once('(').map(|(_, inner)| inner);
        let inner = inner.and_then(|inner| inner.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"')
    });
    let mut told: Vec<&str> = bare.take(MOST_NAMES).collect();
    if presented.len() > MOST_NAMES {
        told.push("others");
    }
    if told.is_empty() {
        return "no name at all (it has no subjectAltName)".to_owned();
    }
    told.join(", ")
}

/// A point in time as people write it, to the minute.
fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(
        |_| "the end of time".to_owned(),
        |at| format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute()),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::InvalidMessage;
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn every_failure_says_what_to_do() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expected = ServerName::try_from("api.example.com").unwrap();
        let presented = |count: usize| {
            let names = (0..count).map(|index| format!("DnsName(\"{index}.lan\")"));
            let names = names.chain(["IpAddress(10.0.0.1)".to_owned()]);
            names.take(count).collect()
        };
        let misnamed = |count| CertificateError::NotValidForNameContext {
            expected: expected.clone(),
            presented: presented(count),
        };
        for (error, said) in [
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "begin with http://",
            ),
            (
                CertificateError::UnknownIssuer.into(),
                "put it, or its authority's, into the file of `ca_file`",
            ),
            (
                CertificateError::NotValidYetContext {
                    time: at(0),
                    not_before: at(1_800_000_000),
                }
                .into(),
                "not valid before 2027-01-15 08:00 UTC; is this machine's clock right (it says 1970-01-01 00:00 UTC)?",
            ),
            (
                CertificateError::ExpiredContext {
                    time: at(1_800_000_000),
                    not_after: at(60),
                }
                .into(),
                "valid until 1970-01-01 00:01 UTC; if this machine's clock is right (it says 2027-01-15 08:00 UTC)",
            ),
            (misnamed(1).into(), "is for 0.lan, not for api.example.com"),
            (
                misnamed(7).into(),
                "is for 0.lan, 1.lan, 2.lan, 3.lan, 4.lan, others, not for",
            ),
            (misnamed(0).into(), "no name at all"),
        ] {
            let told = words(&error);
            assert!(told.starts_with("TLS: ") && told.contains(said), "{told}");
            assert_eq!(words_of_io(&io::Error::other(error)), told);
        }
        let other = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(words_of_io(&other).starts_with("TLS: "), "{other}");
    }
}
