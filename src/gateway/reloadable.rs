//! The gateway that answers now. A reload puts one with another configuration in its place.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::config::Config;
use crate::sync::lock;

use super::context::Context;
use super::history::Filter;
use super::pages;
use super::reloads::Reload;

/// Hands each request to the gateway of the moment. A request that is in flight during a reload ends with the one that
/// it began with; what that one still learns of the providers is not passed on.
pub struct Reloadable {
    context: Mutex<Arc<Context>>,
}

impl Reloadable {
    pub fn new(context: Context) -> Self {
        Self {
            context: Mutex::new(Arc::new(context)),
        }
    }

    /// Takes another configuration for all requests from now on. What is cooling stays so where the new one has the
    /// same provider, key and model. `listen` and the limits of the edge are not the gateway's to change.
    ///
    /// # Errors
    /// As [`Context::new`]; then all stays as it was.
    pub fn reload(&self, config: Config) -> Result<(), String> {
        let old = self.current();
        let new = Arc::new(old.successor(config)?);
        let replicas = new.replicas.clone();
        *lock(&self.context) = new;
        old.client.retire();
        if let Some(before) = &old.replicas
            && replicas.is_none_or(|now| !Arc::ptr_eq(&now, before))
        {
            before.close();
        }
        Ok(())
    }

    /// The configuration of the moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.current().config)
    }

    /// Sets the way in which an operator has the configuration read again from the status page.
    pub fn reload_by(&self, reload: Reload) {
        self.current().reloads.serve(reload);
    }

    /// Tells the status page how a reload ended: with these problems, or with none.
    pub fn reload_ended(&self, problem: Option<&str>) {
        self.current().reloads.ended(problem);
    }

    /// `/readyz` says no from now on.
    pub fn announce_stop(&self) {
        self.current().announce_stop();
    }

    /// Whether [`Self::announce_stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.current().is_stopping()
    }

    /// For a person who asks how the service is: `3 routes, 1 step cooling`.
    pub fn status(&self) -> String {
        let context = self.current();
        let now = Instant::now();
        let routes = context.config.routes.len();
        let steps = context.config.routes.iter().flat_map(|route| &route.steps);
        let ledger = context.ledger.lock();
        let cooling = steps.filter(|step| ledger.cooling_of(step, now).is_some());
        format!(
            "{}, {} cooling",
            counted(routes, "route"),
            counted(cooling.count(), "step")
        )
    }

    /// The steps of all routes that are cooling, as `/v1/diagnostics/routes` tells them.
    pub fn routes_report(&self) -> Vec<u8> {
        pages::routes::report_on_all(&self.current())
    }

    /// The last requests, as `/v1/diagnostics/requests` tells them.
    pub fn requests_report(&self) -> Vec<u8> {
        let history = &self.current().history;
        history
            .records(&Filter::default(), pages::requests::MOST)
            .into_bytes()
    }

    /// The usage of all clients, as `/v1/usage` tells it to an administrator.
    pub fn usage_report(&self) -> Vec<u8> {
        pages::usage::report_on_all(&self.current())
    }

    /// Closes the connections to the providers and writes down what has to survive.
    pub fn close(&self) {
        self.current().close();
    }

    /// The gateway of this moment; a reload does not change it.
    pub fn current(&self) -> Arc<Context> {
        Arc::clone(&lock(&self.context))
    }
}

fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
