//! The context of a request: all that one configuration makes of a gateway, for the rooms around this file to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::{Account, Config, Route};
use crate::http;
use crate::quota::accounts::RefusalReason;
use crate::secret::Redactor;
use crate::telemetry::Tracer;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::Health;
use crate::upstream::{self, Settings};

use super::alert_facts::AlertFacts;
use super::finish_reasons::FinishReasons;
use super::gone_models::GoneModels;
use super::history::History;
use super::kept_heads::KeptHeads;
use super::reloads::Reloads;
use super::replicas::Replicas;
use super::shared_accounts::{Places, SharedAccounts};
use super::shared_answer::SharedAnswer;
use super::shared_ledger::SharedLedger;
use super::standing_faults::StandingFaults;

/// The longest wait of a request for the server that replicas share.
const AT_MOST: Duration = Duration::from_millis(50);

/// A gateway with one configuration. [`Reloadable`](super::Reloadable) exchanges it for one with another.
pub struct Context {
    pub(super) config: Arc<Config>,
    pub(super) client: upstream::Client,
    /// The heads of calls that are like those before.
    pub(super) heads: KeptHeads,
    pub(super) ledger: SharedLedger,
    /// The accounts of clients. They outlive this configuration.
    pub(super) accounts: Arc<SharedAccounts>,
    /// The places of its clients in them.
    pub(super) places: Places,
    /// The sharing with other replicas; `None` for a gateway alone.
    pub(super) replicas: Option<Arc<Replicas>>,
    pub(super) redactor: Redactor,
    /// The providers and models whose streams name the reason of their end.
    pub(super) finish_reasons: Arc<FinishReasons>,
    /// The last requests, failures and hours. They outlive this configuration.
    pub(super) history: Arc<History>,
    /// The keys whose refusal the log has told.
    pub(super) standing_faults: StandingFaults,
    /// The facts for alerts; `None` without any.
    pub(super) alerts: Option<Arc<AlertFacts>>,
    /// The models that their providers do not list any more.
    pub(super) gone_models: Arc<GoneModels>,
    /// The latest answer of `/v1/diagnostics/upstream-models`.
    pub(super) upstream_models: SharedAnswer,
    /// The latest `/metrics`.
    pub(super) metrics_page: SharedAnswer,
    /// The latest frame of the status page.
    pub(super) status_frame: SharedAnswer,
    /// The latest data of the status page, one for each client in the configuration's order.
    pub(super) status_data: Vec<SharedAnswer>,
    /// The reloads of the process, which go on with each configuration.
    pub(super) reloads: Arc<Reloads>,
    pub(super) tracer: Tracer,
    /// The health of the exports to a collector.
    pub(super) exports: Vec<Arc<Health>>,
    pub(super) metrics: Arc<Metrics>,
    /// The counters of the server in front of this.
    pub(super) edge: http::Stats,
    /// The `created` of every listed model (seconds since 1970).
    pub(super) started: u64,
    /// The time at which the configuration was read (seconds since 1970).
    pub(super) configured: u64,
    /// False from the announcement of a stop on.
    ready: Arc<AtomicBool>,
}

impl Context {
    /// A gateway behind the server whose counters `edge` reads.
    ///
    /// # Errors
    /// The upstream client cannot be set up (a CA file or a proxy that is none), or no thread can be started.
    pub fn new(config: Config, edge: http::Stats) -> Result<Self, String> {
        let started = seconds_since_1970();
        let metrics = Metrics::new(&config);
        let ready = Arc::new(AtomicBool::new(true));
        let client = upstream::Client::new(Self::upstream_settings(&config))?;
        let kept = Kept {
            accounts: Arc::new(SharedAccounts::open(&config)),
            history: Arc::new(History::open(&config)),
            started,
            ready,
        };
        let new = Self::with(config, client, kept, metrics, edge)?;
        let replicas = Replicas::start(&new.config, new.ledger.of_replicas(), &new.accounts)?;
        Ok(Self {
            replicas: replicas.map(Arc::new),
            ..new
        })
    }

    /// A gateway with another configuration and what this one knows of the providers. This one writes no state file from
    /// now on; the instruments that both have go on counting.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn successor(&self, config: Config) -> Result<Self, String> {
        let ready = Arc::clone(&self.ready);
        let (metrics, edge) = (self.metrics.successor(&config), self.edge.clone());
        let client = self.client.successor(Self::upstream_settings(&config))?;
        Replicas::check(&config)?;
        let kept = Kept {
            accounts: Arc::clone(&self.accounts),
            history: Arc::clone(&self.history),
            started: self.started,
            ready,
        };
        let new = Self::with(config, client, kept, metrics, edge)?;
        let new = new.exported_by(self.tracer.clone(), &self.exports);
        let new = Self {
            finish_reasons: Arc::clone(&self.finish_reasons),
            reloads: Arc::clone(&self.reloads),
            gone_models: Arc::clone(&self.gone_models),
            alerts: (new.alerts.clone()).map(|new| self.alerts.clone().unwrap_or(new)),
            ..new
        };
        new.gone_models.follow(&new.config);
        if let Some(facts) = &new.alerts {
            facts.follow(&self.config, &new.config);
        }
        new.ledger
            .take_over(&new.config, &self.ledger, &self.config);
        let (config, ledger) = (&new.config, new.ledger.of_replicas());
        let same = self.replicas.as_ref();
        let same = same.filter(|replicas| replicas.attend(config, ledger));
        let replicas = match same {
            Some(replicas) => Some(Arc::clone(replicas)),
            None => {
                let before = self.replicas.as_deref();
                Replicas::start_anew(before, config, ledger, &new.accounts)?.map(Arc::new)
            }
        };
        Ok(Self { replicas, ..new })
    }

    fn with(
        config: Config,
        client: upstream::Client,
        kept: Kept,
        metrics: Metrics,
        edge: http::Stats,
    ) -> Result<Self, String> {
        let config = Arc::new(config);
        let Kept {
            accounts,
            history,
            started,
            ready,
        } = kept;
        history
            .configure(&config)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            heads: KeptHeads::new(&config),
            ledger: SharedLedger::open(&config).map_err(|error| error.to_string())?,
            places: accounts
                .configure(&config)
                .map_err(|error| error.to_string())?,
            accounts,
            replicas: None,
            redactor: config.redactor(),
            finish_reasons: Arc::default(),
            history,
            standing_faults: StandingFaults::default(),
            alerts: (!config.alerts.is_empty()).then(Arc::default),
            gone_models: Arc::default(),
            upstream_models: SharedAnswer::default(),
            metrics_page: SharedAnswer::default(),
            status_frame: SharedAnswer::default(),
            status_data: config
                .clients
                .iter()
                .map(|_| SharedAnswer::default())
                .collect(),
            reloads: Arc::default(),
            tracer: Tracer::default(),
            exports: Vec::new(),
            metrics: Arc::new(metrics),
            edge,
            started,
            configured: seconds_since_1970(),
            ready,
            config,
        })
    }

    /// The same gateway with spans of its requests and attempts, and with the counters of these exports.
    #[must_use]
    pub fn exported_by(self, tracer: Tracer, exports: &[Arc<Health>]) -> Self {
        Self {
            tracer,
            exports: exports.to_vec(),
            ..self
        }
    }

    /// The settings of the client that calls providers, for a configuration.
    pub fn upstream_settings(config: &Config) -> Settings {
        let direct = config.providers.iter().filter(|provider| provider.direct);
        Settings {
            connect_timeout: config.server.connect_timeout,
            ca_file: config.ca_file.clone(),
            proxy: config.proxy.as_ref().map(|proxy| proxy.url.clone()),
            proxy_private: config.proxy_private,
            direct: direct.map(|provider| provider.server.clone()).collect(),
            max_idle: config.server.max_concurrent_requests,
            ..Settings::default()
        }
    }

    /// Closes the connections to the providers and writes down the state that has to survive.
    pub(super) fn close(&self) {
        self.client.shutdown();
        if let Some(replicas) = &self.replicas {
            replicas.close();
        }
        self.ledger.end();
        self.accounts.close();
        self.history.close(&self.metrics);
    }

    /// Makes `/readyz` say no from now on.
    pub(super) fn announce_stop(&self) {
        self.ready.store(false, Ordering::Release);
    }

    /// Whether a stop was announced.
    pub(super) fn is_stopping(&self) -> bool {
        !self.ready.load(Ordering::Acquire)
    }

    /// Asks the server that replicas share for more of a limit, and waits for its answer. False once a request has waited
    /// long enough, or where no server is there.
    pub(super) fn has_more(&self, since: Instant) -> bool {
        let left = AT_MOST.saturating_sub(since.elapsed());
        let replicas = self.replicas.as_ref().filter(|_| !left.is_zero());
        replicas.is_some_and(|replicas| replicas.wait_for_answer(left))
    }

    /// Counts a request that a client is refused without a look at its limits.
    pub(super) fn count_refusal(&self, client: &Account, reason: RefusalReason) {
        let (place, _) = self.places.of(&self.config, client);
        self.accounts.refuse(place, reason);
    }

    /// The routes that a client may use, in the configuration's order.
    pub(super) fn routes_of<'a>(
        &'a self,
        client: &'a Account,
    ) -> impl Iterator<Item = &'a Arc<Route>> {
        let routes = self.config.routes.iter();
        routes.filter(|route| client.may_use(&route.name))
    }
}

/// The parts of a gateway that outlive its configuration.
struct Kept {
    accounts: Arc<SharedAccounts>,
    history: Arc<History>,
    started: u64,
    ready: Arc<AtomicBool>,
}

fn seconds_since_1970() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |duration| duration.as_secs())
}
