//! Connections: how many, how long, how they are shared and how they end.

mod crowd;
mod disconnect;
mod keep_alive;
mod refused_uploads;
mod request;
mod stop;

use crate::support::{Config, Upstream};

/// A configuration with one route `r`.
fn config(upstream: &Upstream) -> Config {
    Config::new()
        .provider("a", upstream)
        .route("r", [("a", "model-a")])
}
