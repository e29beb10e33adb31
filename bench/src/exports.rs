//! Exports of a gateway's telemetry while it is measured.

use std::net::SocketAddr;

pub struct Export {
    pub name: &'static str,
    /// End of the names of its profiles.
    pub suffix: &'static str,
    to_collector: bool,
    variables: &'static [&'static str],
}

/// Bound of what a request costs while telemetry is exported, in CPU or instructions. Sampling is there for deployments
/// to which that is too much (times the cost with nothing exported).
pub const MOST_TIMES: f64 = 2.2;

/// Exports from nothing to everything.
pub const EXPORTS: [Export; 3] = [
    Export {
        name: "nothing exported",
        suffix: "",
        to_collector: false,
        variables: &["OTEL_SDK_DISABLED=true"],
    },
    Export {
        name: "logs exported",
        suffix: "-logs",
        to_collector: true,
        variables: &["OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none"],
    },
    Export {
        name: "traces, logs and metrics exported",
        suffix: "-all",
        to_collector: true,
        variables: &[],
    },
];

impl Export {
    /// Command that the gateway is run under. The provider is the collector as well.
    pub fn wrapper(&self, upstream: SocketAddr) -> Vec<String> {
        let collector = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{upstream}/otlp");
        let mut wrapper = vec!["env".to_owned()];
        wrapper.extend(self.to_collector.then_some(collector));
        wrapper.extend(self.variables.iter().map(|&variable| variable.to_owned()));
        wrapper
    }
}
