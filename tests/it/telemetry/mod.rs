//! Traces, logs and metrics as a collector receives them, and what happens when it does not.

mod dashboard;
mod export;
mod logs;
mod metrics;
mod traces;
mod trouble;

use crate::support::{Collector, Config, Script, Upstream, openai};

/// A route `r` whose first step fails with 503, and whose second one answers.
fn failover(collector: &Collector) -> (Config, [Upstream; 2]) {
    let a = Upstream::always(Script::json(503, &openai::error("overheated", "x")));
    let b = Upstream::saying("from b");
    let config = Config::new()
        .provider("a", &a)
        .provider("b", &b)
        .route("r", [("a", "model-a"), ("b", "model-b")]);
    (collector.configure(config), [a, b])
}

/// A route `r` with one step that answers.
fn plain(collector: &Collector) -> (Config, Upstream) {
    let a = Upstream::saying("from a");
    let config = Config::new()
        .provider("a", &a)
        .route("r", [("a", "model-a")]);
    (collector.configure(config), a)
}
