//! Life under a service manager: another configuration without a restart, sockets and messages of its own, the end.

mod manager;
mod reload;
mod stop;

use crate::support::{Config, Upstream};

/// A configuration with one route `r`.
fn config(upstream: &Upstream) -> Config {
    Config::new()
        .provider("a", upstream)
        .route("r", [("a", "model-a")])
}
