//! A configuration that reaches nothing outside: one route of it, with scripted providers and made-up keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    Account, BaseUrl, Config, EdgeLimits, HeaderEdit, Ollama, Order, Provider, Route, Step,
};
use crate::secret::Secret;

use super::rows::{Failing, Fault};

/// The key of the client.
pub const CLIENT_KEY: &str = "selftest-client-key-0c4e";

/// The time that the longest timer of a row about time takes.
const SHORTENED: Duration = Duration::from_secs(1);

/// The shortest time that a row leaves a step which answers well.
const ENOUGH: Duration = Duration::from_secs(10);

/// The same for the later steps of a row about time, where they fail as the first does.
const LEAST: Duration = Duration::from_millis(400);

/// The shortest cooldown that is guessed, for the next request to find it.
const COOLDOWN: Duration = Duration::from_secs(60);

/// The longest wait for a step that is cooling.
const WAIT: Duration = Duration::from_millis(100);

/// The proportion in which timers are shortened: 1 or less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion(f64);

impl Proportion {
    /// The proportion for a row of a route: the first step's timer that the row is about takes a second.
    pub fn of(fault: Fault, route: &Route) -> Option<Self> {
        let first = route.steps.first()?;
        let timer = match fault {
            Fault::Late => first.timeout,
            Fault::Stall => first.stall_timeout,
            _ => return None,
        };
        Some(Self(
            (SHORTENED.as_secs_f64() / timer.as_secs_f64().max(0.001)).min(1.0),
        ))
    }

    pub fn shortens(self) -> bool {
        self.0 < 1.0
    }

    pub fn shortened(self, time: Duration) -> Duration {
        time.mul_f64(self.0).max(Duration::from_millis(10))
    }

    /// The time that would have passed with the timers as configured.
    pub fn lengthened(self, time: Duration) -> Duration {
        let seconds = time.as_secs_f64() / self.0.max(f64::MIN_POSITIVE);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// The configuration with this route alone. `base` is the address of the scripted server in place of a provider's, by
/// the provider's index; paths stay.
pub fn harmless(
    config: &Config,
    route: &Route,
    fault: Fault,
    failing: Failing,
    base: impl Fn(usize) -> String,
) -> Config {
    let proportion = Proportion::of(fault, route);
    let providers = config.providers.iter();
    let providers: Vec<Arc<Provider>> = providers
        .map(|provider| Arc::new(scripted(provider, &base(provider.index))))
        .collect();
    let failing_steps = match failing {
        Failing::First => 1,
        Failing::All => route.steps.len(),
    };
    let waits = route.steps.iter().take(failing_steps);
    let waits: Duration = waits.map(|step| step.timeout).sum();
    let mut route = route.clone();
    route.order = Order::Listed;
    route.sticky = Duration::ZERO;
    route.wait_when_cooling = route.wait_when_cooling.min(WAIT);
    for (index, step) in route.steps.iter_mut().enumerate() {
        if let Some(provider) = providers.get(step.provider.index) {
            step.provider = Arc::clone(provider);
        }
        let is_failing = failing == Failing::All || index == 0;
        set_timers(step, fault, proportion.filter(|_| is_failing));
        step.cooldown = match step.cooldown {
            Some(Duration::ZERO) => step.cooldown,
            configured => Some(configured.unwrap_or_default().max(COOLDOWN)),
        };
        hide(&mut step.fit.edits.headers);
    }
    let shortened = |time: Duration| proportion.map_or(time, |it| it.shortened(time));
    route.timeout = route.timeout.map(|time| match proportion {
        // Where the steps leave time, a slow machine has enough of it.
        Some(it) if fault == Fault::Late && time > waits => it.shortened(time) + ENOUGH,
        Some(it) if fault == Fault::Late => it.shortened(time),
        _ => time.max(ENOUGH),
    });
    route.stream_keepalive = route.stream_keepalive.map(shortened);
    let limits = EdgeLimits::default();
    let server = EdgeLimits {
        stream_keepalive: config.server.stream_keepalive.map(shortened),
        max_answer: config.server.max_answer,
        connect_timeout: limits.connect_timeout,
        shutdown_timeout: Duration::from_secs(1),
        ..limits
    };
    Config {
        clients: vec![Account::unlimited("selftest", Secret::new(CLIENT_KEY))],
        server,
        ca_file: None::<PathBuf>,
        proxy: None,
        proxy_private: false,
        shared: None,
        state_file: None,
        accounts_file: None,
        hosts: Vec::new(),
        capture_content: false,
        propagate_trace: false,
        watch_config: false,
        history: 0,
        providers,
        default_routes: Vec::new(),
        ollama: Some(Ollama {
            keyless: None,
            listen: None,
            version: "0.12.11".to_owned(),
        }),
        wyoming: None,
        routes: vec![Arc::new(route)],
        ..config.clone()
    }
}

/// The provider at a scripted server. The host that its built-in edits go by stays.
fn scripted(provider: &Provider, server: &str) -> Provider {
    let path = BaseUrl::parse(&provider.base_url).map_or("", |url| url.path);
    let mut scripted = Provider {
        base_url: format!("{server}/p{}{path}", provider.index),
        keys: (0..provider.keys.len())
            .map(|key| Secret::new(format!("selftest-key-{}-{key}", provider.index)))
            .collect(),
        headers: provider
            .headers
            .iter()
            .map(|(name, _)| (name.clone(), Secret::new("selftest")))
            .collect(),
        ..provider.clone()
    };
    hide(&mut scripted.fit.edits.headers);
    scripted
}

fn hide(edits: &mut [HeaderEdit]) {
    for edit in edits {
        if let HeaderEdit::Set(_, value) = edit {
            *value = Secret::new("selftest");
        }
    }
}

/// Shortens the timer that a row is about; the others leave a slow machine enough.
fn set_timers(step: &mut Step, fault: Fault, proportion: Option<Proportion>) {
    let shortened = |time: Duration, by: Fault| match proportion {
        Some(it) if fault == by => it.shortened(time).max(LEAST),
        _ => time.max(ENOUGH),
    };
    step.timeout = shortened(step.timeout, Fault::Late);
    step.stall_timeout = shortened(step.stall_timeout, Fault::Stall);
    step.has_timeout = true;
}
