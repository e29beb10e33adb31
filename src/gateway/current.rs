//! The gateway that answers now. A reload puts one with another configuration in its place.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::config::Config;
use crate::http::{Exchange, Handler, Head, Response};
use crate::sync::lock;
use crate::telemetry::metrics::Family;

use super::Gateway;

/// Hands each request to the gateway of the moment. A request that is in flight during a reload ends with the one that
/// it began with; what that one still learns of the providers is not passed on.
pub struct Current {
    gateway: Mutex<Arc<Gateway>>,
}

impl Current {
    pub fn new(gateway: Gateway) -> Self {
        Self {
            gateway: Mutex::new(Arc::new(gateway)),
        }
    }

    /// Takes another configuration for all requests from now on. What is cooling stays so where the new one has the
    /// same provider, key and model. `listen` and the limits of the edge are not the gateway's to change.
    ///
    /// # Errors
    /// As [`Gateway::new`]; then all stays as it was.
    pub fn reload(&self, config: Config) -> Result<(), String> {
        let old = self.gateway();
        let new = Arc::new(old.successor(config)?);
        *lock(&self.gateway) = new;
        old.client.retire();
        Ok(())
    }

    /// The configuration of the moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.gateway().config)
    }

    /// `/readyz` says no from now on.
    pub fn announce_stop(&self) {
        self.gateway().ready.store(false, Ordering::Release);
    }

    /// Whether [`Self::announce_stop`] was called.
    pub fn is_stopping(&self) -> bool {
        !self.gateway().ready.load(Ordering::Acquire)
    }

    /// For a person who asks how the service is: `3 routes, 1 step cooling`.
    pub fn status(&self) -> String {
        let gateway = self.gateway();
        let now = Instant::now();
        let routes = gateway.config.routes.len();
        let steps = gateway.config.routes.iter().flat_map(|route| &route.steps);
        let ledger = gateway.memory.ledger();
        let cooling = steps.filter(|step| ledger.cooling_of(step, now).is_some());
        format!(
            "{}, {} cooling",
            counted(routes, "route"),
            counted(cooling.count(), "step")
        )
    }

    /// Everything that is measured, as it is now.
    pub fn families(&self) -> Vec<Family> {
        self.gateway().families()
    }

    /// Closes the connections to the providers and writes down what has to survive.
    pub fn close(&self) {
        self.gateway().close();
    }

    fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(&lock(&self.gateway))
    }
}

impl Handler for Current {
    fn handle(&self, exchange: Exchange<'_>) {
        self.gateway().handle(exchange);
    }

    fn instant(&self, head: &Head) -> Option<Response> {
        self.gateway().instant(head)
    }
}

fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
