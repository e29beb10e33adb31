//! The URL of a signal, from the address that the operator wrote.

use crate::config::BaseUrl;

use super::signal::Signal;

/// The port of HTTPS, which says enough about a scheme that was left out.
const HTTPS: u16 = 443;

/// The URL of a signal below a collector's base address: `host:port`, or a URL with or without a path. The signal's
/// path is appended exactly once, whatever signal's path the address already ends in.
///
/// # Errors
/// The reason, which does not show the address.
pub fn below(address: &str, signal: Signal) -> Result<String, &'static str> {
    let url = with_scheme(address)?;
    let endpoint = BaseUrl::parse(&url)?;
    Ok(format!(
        "{}{}{}",
        origin(&endpoint),
        base(endpoint.path),
        signal.path()
    ))
}

/// The URL that a signal's own variable names: as it stands (OpenTelemetry's rule), unless it has no path at all, where
/// no collector listens.
///
/// # Errors
/// The reason, which does not show the address.
pub fn exact(address: &str, signal: Signal) -> Result<String, &'static str> {
    let url = with_scheme(address)?;
    if BaseUrl::parse(&url)?.path.is_empty() {
        return below(address, signal);
    }
    Ok(url)
}

/// The address with a scheme: HTTPS if it has none, as a key may go along; HTTP for the operator's own machines, which
/// have no certificates.
fn with_scheme(address: &str) -> Result<String, &'static str> {
    if address.contains("://") {
        return Ok(address.to_owned());
    }
    let secure = format!("https://{address}");
    let endpoint = BaseUrl::parse(&secure)?;
    if endpoint.is_private() && endpoint.port != Some(HTTPS) {
        Ok(format!("http://{address}"))
    } else {
        Ok(secure)
    }
}

fn origin(endpoint: &BaseUrl<'_>) -> String {
    let port = endpoint.port.map(|port| format!(":{port}"));
    let port = port.unwrap_or_default();
    format!("{}://{}{port}", endpoint.scheme, endpoint.host)
}

/// The path without a signal's own. A lone `/v1` is the beginning of one: some vendors give their address so, and
/// there is no collector at `/v1/v1`.
fn base(path: &str) -> &str {
    let ends = Signal::ALL.map(Signal::path);
    let stripped = ends.iter().find_map(|end| path.strip_suffix(end));
    stripped
        .or_else(|| path.strip_suffix("/v1"))
        .unwrap_or(path)
        .trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signals_path_is_appended_exactly_once() {
        for (address, url) in [
            ("localhost:4318", "http://localhost:4318/v1/traces"),
            ("collector:4318", "http://collector:4318/v1/traces"),
            ("[::1]:4318", "http://[::1]:4318/v1/traces"),
            ("otlp.example.com", "https://otlp.example.com/v1/traces"),
            ("10.0.0.7:443", "https://10.0.0.7:443/v1/traces"),
            (
                "otlp.example.com:4318/x",
                "https://otlp.example.com:4318/x/v1/traces",
            ),
            ("http://host:4318", "http://host:4318/v1/traces"),
            ("HTTPS://host/", "https://host/v1/traces"),
            ("https://host/otlp", "https://host/otlp/v1/traces"),
            ("https://host/otlp//", "https://host/otlp/v1/traces"),
            ("https://host/v1/traces", "https://host/v1/traces"),
            (
                "https://host/otlp/v1/traces/",
                "https://host/otlp/v1/traces",
            ),
            ("https://host/otlp/v1/logs", "https://host/otlp/v1/traces"),
            ("https://host/otlp/v1", "https://host/otlp/v1/traces"),
            (
                "https://host/xv1/traces",
                "https://host/xv1/traces/v1/traces",
            ),
        ] {
            assert_eq!(
                below(address, Signal::Traces).as_deref(),
                Ok(url),
                "{address}"
            );
        }
        assert_eq!(
            below("https://host/otlp/v1/traces", Signal::Metrics).as_deref(),
            Ok("https://host/otlp/v1/metrics")
        );
    }

    #[test]
    fn a_signals_own_address_stands_as_it_is() {
        for (address, url) in [
            ("https://host/ingest/", "https://host/ingest/"),
            ("https://host/v1/traces", "https://host/v1/traces"),
            ("https://host", "https://host/v1/logs"),
            ("localhost:4318", "http://localhost:4318/v1/logs"),
            ("localhost:4318/in", "http://localhost:4318/in"),
        ] {
            assert_eq!(
                exact(address, Signal::Logs).as_deref(),
                Ok(url),
                "{address}"
            );
        }
    }

    /// The reasons go into the log, and an address may hold a password.
    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for address in [
            "",
            "grpc://host:4317",
            "https://user:hunter2@host",
            "https://host/?key=hunter2",
            "host:port",
            "https://",
        ] {
            for refused in [below(address, Signal::Logs), exact(address, Signal::Logs)] {
                assert!(!refused.unwrap_err().contains("hunter2"), "{address}");
            }
        }
    }
}
