//! Which endpoint a path names. Base URLs are pasted in every form, so `/v1` may be absent, and slashes may be
//! doubled or trailing.

use percent_encoding::percent_decode_str;

use crate::config::Config;

/// Something a client can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Health,
    /// The process serves connections.
    Live,
    /// It takes new requests: not while it stops, and not while it is full.
    Ready,
    UpstreamModels,
    RouteDiagnostics,
    /// What the status page shows.
    Status,
    Metrics,
    Models,
    /// One route, by its decoded name.
    Model(String),
    ChatCompletions,
}

impl Endpoint {
    /// The endpoint of a raw path, if there is one.
    pub fn of(path: &str) -> Option<Self> {
        let mut segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .peekable();
        let _ = segments.next_if_eq(&"v1");
        let first = segments.next()?;
        let behind = segments.clone();
        match (first, segments.next(), segments.next()) {
            ("health", None, _) => Some(Self::Health),
            ("livez", None, _) => Some(Self::Live),
            ("readyz", None, _) => Some(Self::Ready),
            ("diagnostics", Some("upstream-models"), None) => Some(Self::UpstreamModels),
            ("diagnostics", Some("routes"), None) => Some(Self::RouteDiagnostics),
            ("diagnostics", Some("status"), None) => Some(Self::Status),
            ("metrics", None, _) => Some(Self::Metrics),
            ("models", None, _) => Some(Self::Models),
            ("models", Some(_), _) => Some(Self::Model(decoded(&behind.collect::<Vec<_>>())?)),
            ("chat", Some("completions"), None) => Some(Self::ChatCompletions),
            _ => None,
        }
    }

    /// The methods it answers, as `Allow` lists them.
    pub fn allow(&self) -> &'static str {
        match self {
            Self::ChatCompletions => "POST, OPTIONS",
            Self::Health
            | Self::Live
            | Self::Ready
            | Self::UpstreamModels
            | Self::RouteDiagnostics
            | Self::Status
            | Self::Metrics
            | Self::Models
            | Self::Model(_) => "GET, HEAD, OPTIONS",
        }
    }

    pub fn allows(&self, method: &str) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method)
    }

    /// The path with its variable part named, for traces.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::UpstreamModels => "/v1/diagnostics/upstream-models",
            Self::RouteDiagnostics => "/v1/diagnostics/routes",
            Self::Status => "/v1/diagnostics/status",
            Self::Models => "/v1/models",
            Self::Model(_) => "/v1/models/{model}",
            Self::ChatCompletions => "/v1/chat/completions",
        }
    }

    /// Whether requests for it are worth a trace; monitors and open pages ask for the others all the time.
    pub fn is_traced(&self) -> bool {
        match self {
            Self::Health | Self::Live | Self::Ready | Self::Metrics | Self::Status => false,
            Self::UpstreamModels
            | Self::RouteDiagnostics
            | Self::Models
            | Self::Model(_)
            | Self::ChatCompletions => true,
        }
    }

    /// Whether it is answered without a key, in this configuration.
    pub fn is_open(&self, config: &Config) -> bool {
        match self {
            Self::Health | Self::Live | Self::Ready | Self::UpstreamModels => true,
            Self::Metrics => !config.metrics_need_key,
            Self::RouteDiagnostics
            | Self::Status
            | Self::Models
            | Self::Model(_)
            | Self::ChatCompletions => false,
        }
    }
}

/// Names come percent-encoded (`dynamic%2Fn8n`) and, from less careful clients, with bare slashes.
fn decoded(segments: &[&str]) -> Option<String> {
    let name = segments.join("/");
    Some(percent_decode_str(&name).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_be_pasted_in_any_form() {
        for (path, endpoint) in [
            ("/health", Some(Endpoint::Health)),
            ("/health/", Some(Endpoint::Health)),
            ("/livez", Some(Endpoint::Live)),
            ("/readyz", Some(Endpoint::Ready)),
            ("/v1/chat/completions", Some(Endpoint::ChatCompletions)),
            ("/chat/completions", Some(Endpoint::ChatCompletions)),
            ("/v1//chat/completions/", Some(Endpoint::ChatCompletions)),
            ("/v1/v1/chat/completions", None),
            ("//v1/models", Some(Endpoint::Models)),
            ("/v1/models/", Some(Endpoint::Models)),
            (
                "/v1/models/dynamic%2Fn8n",
                Some(Endpoint::Model("dynamic/n8n".into())),
            ),
            (
                "/models/dynamic/n8n",
                Some(Endpoint::Model("dynamic/n8n".into())),
            ),
            ("/v1/models/%FF", None),
            (
                "/v1/diagnostics/upstream-models",
                Some(Endpoint::UpstreamModels),
            ),
            ("/v1/diagnostics/status", Some(Endpoint::Status)),
            ("/metrics", Some(Endpoint::Metrics)),
            ("/v1/diagnostics", None),
            ("/v2/models", None),
            ("/", None),
            ("", None),
            ("/v1", None),
            ("/Health", None),
        ] {
            assert_eq!(Endpoint::of(path), endpoint, "{path}");
        }
    }

    #[test]
    fn the_allow_header_and_the_check_agree() {
        assert!(Endpoint::ChatCompletions.allows("POST"));
        assert!(!Endpoint::ChatCompletions.allows("GET"));
        assert!(Endpoint::Models.allows("HEAD"));
        assert!(!Endpoint::Models.allows("post"));
    }
}
