//! Alerts: messages to people about what happens, from a thread of their own.
//!
//! Requests leave facts behind (`alert_facts`). Each second, or as soon as one of them is new, the thread reads from
//! them, from the ledger and from the accounts what holds (`conditions`), finds out for each receiver what began and
//! what is over (`episodes`), queues messages (`message`, `outbox`), and makes one call after the other (`receivers`).

mod conditions;
mod episodes;
mod message;
mod outbox;
mod receivers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::{Alert, AlertEvent, Config, ReceiverKind};
use crate::limits::TimeZone;
use crate::secret::Redactor;
use crate::threads::{self, USUAL_STACK};
use crate::upstream::Client;

use super::alert_facts::{AlertFacts, AlertResult};
use super::context::Context;
use super::reloadable::Reloadable;
use super::shared_ledger::LastEnd;
use conditions::observe;
use episodes::{Change, Condition, Episodes, Pace, Subject};
use message::Message;
use outbox::{Outbox, Posted, wait_before};

/// The time between two looks without news.
const PACE: Duration = Duration::from_secs(1);

/// The time for what is queued when the gateway stops.
const LAST_MESSAGES: Duration = Duration::from_secs(2);

/// Starts the thread, unless it runs or there are no alerts. To be called at the start and after each reload.
pub fn attend(current: &Arc<Reloadable>, is_start: bool) {
    let Some(facts) = current.current().alerts.clone() else {
        return;
    };
    if !facts.begin() {
        return;
    }
    let (current, ending) = (Arc::clone(current), Arc::clone(&facts));
    let work = move || {
        let run = AssertUnwindSafe(|| run(&current, &ending, is_start));
        if catch_unwind(run).is_err() {
            log::error!("the thread of alerts panicked");
        }
        ending.end();
        // A reload meanwhile found the thread still there.
        let is_wanted = |now: &Arc<AlertFacts>| Arc::ptr_eq(now, &ending);
        if current.current().alerts.as_ref().is_some_and(is_wanted) && !ending.is_stopping() {
            attend(&current, false);
        }
    };
    if let Err(error) = threads::start("alerts", USUAL_STACK, work) {
        facts.end();
        log::error!(error:% = error; "no alerts: their thread cannot be started");
    }
}

/// Has what is queued be sent, for 2 s at most, and ends the thread.
pub fn close(current: &Reloadable) {
    if let Some(facts) = &current.current().alerts {
        facts.close(LAST_MESSAGES);
    }
}

/// The fate of a reload, for those whom it concerns.
pub fn reloaded(current: &Reloadable, problem: Option<&str>) {
    if let Some(facts) = &current.current().alerts {
        facts.reloaded(problem);
    }
}

/// Sends a message to a receiver, to try it. The status comes back. Blocks (10 s at most).
///
/// # Errors
/// The reason why it did not arrive, without keys.
pub fn try_receiver(client: &Client, alert: &Alert, redactor: &Redactor) -> Result<u16, String> {
    let gateway = machine();
    let text = format!("This is a test of the alerts of the gateway on {gateway}.");
    let change = Change {
        subject: Subject::new(AlertEvent::Test),
        began: true,
        text: String::new(),
    };
    let message = Message::new(change, &text, at(SystemTime::now()), gateway);
    let delivered = receivers::deliver(client, alert, &message, redactor, None);
    delivered.map_err(|undelivered| undelivered.reason)
}

/// Looks, and sends, until there are no alerts any more or the gateway stops.
fn run(current: &Reloadable, facts: &Arc<AlertFacts>, is_start: bool) {
    let mut desk = Desk::new(is_start);
    loop {
        let context = current.current();
        let is_ours = |now: &Arc<AlertFacts>| Arc::ptr_eq(now, facts);
        if !context.alerts.as_ref().is_some_and(is_ours) {
            return;
        }
        desk.follow(&context.config);
        desk.look(&context, facts);
        let called = desk.deliver(&context, facts, None) | desk.push(&context, facts);
        let timeout = if called { Duration::ZERO } else { desk.pause() };
        drop(context);
        if let Some(deadline) = facts.wait(timeout) {
            let context = current.current();
            desk.look(&context, facts);
            while Instant::now() < deadline && desk.deliver(&context, facts, Some(deadline)) {}
            return;
        }
    }
}

/// The receivers, and what is on its way to them.
struct Desk {
    config: Option<Arc<Config>>,
    receivers: Vec<Receiver>,
    outbox: Outbox,
    gateway: Arc<str>,
    /// The start is still to be told.
    tells_start: bool,
}

struct Receiver {
    alert: Alert,
    episodes: Episodes,
    /// Of Uptime Kuma, which gets no messages.
    pulse: Option<Pulse>,
}

/// The pushes to a monitor.
struct Pulse {
    /// The state that was pushed last; `None` before the first.
    was_down: Option<bool>,
    due: Instant,
    /// Pushes in a row that failed.
    tries: usize,
}

impl Desk {
    fn new(tells_start: bool) -> Self {
        Self {
            config: None,
            receivers: Vec::new(),
            outbox: Outbox::default(),
            gateway: machine(),
            tells_start,
        }
    }

    /// Takes the receivers of a configuration. Those that stay know what they were told.
    fn follow(&mut self, config: &Arc<Config>) {
        if self
            .config
            .as_ref()
            .is_some_and(|old| Arc::ptr_eq(old, config))
        {
            return;
        }
        let mut before = std::mem::take(&mut self.receivers);
        for alert in &config.alerts {
            let is_it = |known: &Receiver| known.alert.name == alert.name;
            let known = before.iter().position(is_it);
            let known = known.map(|index| before.swap_remove(index));
            let known = known.filter(|known| known.alert.kind == alert.kind);
            let is_monitor = alert.kind == ReceiverKind::UptimeKuma;
            self.receivers.push(match known {
                Some(known) => Receiver {
                    alert: alert.clone(),
                    ..known
                },
                None => Receiver {
                    alert: alert.clone(),
                    episodes: Episodes::default(),
                    pulse: is_monitor.then(|| Pulse {
                        was_down: None,
                        due: Instant::now(),
                        tries: 0,
                    }),
                },
            });
        }
        let names = |name: &str| config.alerts.iter().any(|alert| alert.name == name);
        self.outbox.retain(names);
        self.config = Some(Arc::clone(config));
    }

    /// Queues what has begun and what is over.
    fn look(&mut self, context: &Context, facts: &AlertFacts) {
        let conditions = observe(context, &facts.told());
        let now = Instant::now();
        let at = at(SystemTime::now());
        let started = std::mem::take(&mut self.tells_start).then(|| self.start(context));
        for receiver in &mut self.receivers {
            let alert = &receiver.alert;
            let pace = Pace {
                after: alert.after,
                repeat: alert.repeat,
            };
            let concerned = conditions.iter().filter(|it| concerns(alert, it));
            let changes = receiver.episodes.observe(now, concerned, pace);
            if receiver.pulse.is_some() {
                continue;
            }
            let is_told = alert.events.contains(&AlertEvent::Started);
            let started = started.iter().filter(|_| is_told).cloned();
            for change in started.chain(changes) {
                let text = context.redactor.redact(&change.text);
                let gateway = Arc::clone(&self.gateway);
                let message = Message::new(change, &text, at.clone(), gateway);
                match self.outbox.post(&alert.name, Arc::new(message), now) {
                    Posted::Queued => {}
                    Posted::HeldBack => facts.count(alert.kind, AlertResult::HeldBack),
                    Posted::Displaced(name) => displaced(facts, &context.config, &name),
                }
            }
        }
        for (name, count) in self.outbox.released(now) {
            let change = Change {
                subject: Subject::new(AlertEvent::More),
                began: true,
                text: String::new(),
            };
            let text = format!("and {count} more alerts, which were held back");
            let message = Message::new(change, &text, at.clone(), Arc::clone(&self.gateway));
            if let Posted::Displaced(name) = self.outbox.queue(&name, Arc::new(message), now) {
                displaced(facts, &context.config, &name);
            }
        }
    }

    fn start(&self, context: &Context) -> Change {
        let (gateway, version) = (&self.gateway, env!("CARGO_PKG_VERSION"));
        let routes = match context.config.routes.len() {
            1 => "1 route".to_owned(),
            routes => format!("{routes} routes"),
        };
        let before = match context.ledger.last_end() {
            Some(LastEnd::Stopped) => "; the one before it was stopped",
            Some(LastEnd::Sudden) => {
                "; the one before it did not end by itself: it was killed or crashed, or the machine went down"
            }
            None => "",
        };
        Change {
            subject: Subject::new(AlertEvent::Started),
            began: true,
            text: format!(
                "the gateway on {gateway} has started (version {version}, {routes}){before}"
            ),
        }
    }

    /// Makes the next call that is due; false where none is. With a deadline nothing waits, and nothing is tried again.
    fn deliver(
        &mut self,
        context: &Context,
        facts: &AlertFacts,
        deadline: Option<Instant>,
    ) -> bool {
        let now = Instant::now();
        let Some(delivery) = self.outbox.next(now, deadline.is_some()) else {
            return false;
        };
        let mut receivers = self.receivers.iter().map(|receiver| &receiver.alert);
        let Some(alert) = receivers.find(|alert| alert.name == delivery.receiver) else {
            return true;
        };
        let (client, message, redactor) = (&context.client, &delivery.message, &context.redactor);
        let delivered = receivers::deliver(client, alert, message, redactor, deadline);
        let undelivered = match delivered {
            Ok(_) => {
                facts.count(alert.kind, AlertResult::Sent);
                return true;
            }
            Err(undelivered) => undelivered,
        };
        let (name, error) = (alert.name.as_str(), undelivered.reason.as_str());
        let goes_on = undelivered.may_pass && deadline.is_none();
        let tries = delivery.tries + 1;
        let wait = undelivered.wait;
        if goes_on && self.outbox.failed(delivery, wait, Instant::now()) {
            log::debug!(receiver = name, error = error, tries = tries; "an alert is tried again");
        } else {
            facts.count(alert.kind, AlertResult::Failed);
            log::warn!(receiver = name, error = error, tries = tries; "an alert is not delivered");
        }
        true
    }

    /// Tells the next monitor whose time has come; false where none is to be told.
    fn push(&mut self, context: &Context, facts: &AlertFacts) -> bool {
        let now = Instant::now();
        let due = self.receivers.iter_mut().find_map(|receiver| {
            let pulse = receiver.pulse.as_mut()?;
            let is_down = receiver.episodes.standing().is_some();
            let has_changed = pulse.was_down.is_some_and(|was| was != is_down);
            (pulse.due <= now || has_changed && pulse.tries == 0).then_some((
                &receiver.alert,
                &receiver.episodes,
                pulse,
            ))
        });
        let Some((alert, episodes, pulse)) = due else {
            return false;
        };
        let wrong = episodes.standing();
        let watched = context.config.routes.iter();
        let watched = watched.filter(|route| alert.watches(&route.name));
        let latency = watched.filter_map(|route| context.metrics.route_lately(&route.name)?.median);
        let (client, redactor) = (&context.client, &context.redactor);
        let wrong_text = wrong.map(|text| redactor.redact(text));
        let pushed = receivers::push(
            client,
            alert,
            wrong_text.as_deref(),
            latency.max(),
            redactor,
        );
        let now = Instant::now();
        pulse.was_down = Some(wrong.is_some());
        match pushed {
            Ok(_) => {
                facts.count(alert.kind, AlertResult::Sent);
                (pulse.tries, pulse.due) = (0, now + alert.interval);
            }
            Err(undelivered) => {
                facts.count(alert.kind, AlertResult::Failed);
                let wait = wait_before(pulse.tries, undelivered.wait);
                pulse.due = now + wait.unwrap_or(alert.interval).min(alert.interval);
                // The log tells once of a monitor that is away.
                if pulse.tries == 0 {
                    let (name, error) = (alert.name.as_str(), undelivered.reason.as_str());
                    log::warn!(receiver = name, error = error; "the monitor is not told");
                }
                pulse.tries = pulse.tries.saturating_add(1);
            }
        }
        true
    }

    /// The time until the next look.
    fn pause(&self) -> Duration {
        let pulses = self.receivers.iter();
        let pulses = pulses.filter_map(|receiver| Some(receiver.pulse.as_ref()?.due));
        let due = pulses.chain(self.outbox.due()).min();
        let now = Instant::now();
        due.map_or(PACE, |due| due.saturating_duration_since(now).min(PACE))
    }
}

/// Whether a receiver wants to know of a condition. A monitor knows of routes alone.
fn concerns(alert: &Alert, condition: &Condition) -> bool {
    let event = condition.subject.event;
    let is_wanted = match alert.kind {
        ReceiverKind::UptimeKuma => event == AlertEvent::RouteDown,
        _ => alert.events.contains(&event),
    };
    let routes = condition.routes.as_ref();
    is_wanted && routes.is_none_or(|routes| routes.iter().any(|route| alert.watches(route)))
}

fn displaced(facts: &AlertFacts, config: &Config, name: &str) {
    let mut alerts = config.alerts.iter();
    if let Some(alert) = alerts.find(|alert| alert.name == name) {
        facts.count(alert.kind, AlertResult::Dropped);
        log::warn!(receiver = name; "an alert is dropped, as too many wait");
    }
}

fn at(time: SystemTime) -> String {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeZone::default().spell(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// The name of the machine, as far as headers can hold it.
fn machine() -> Arc<str> {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let name: String = name.chars().filter(char::is_ascii_graphic).collect();
    Arc::from(if name.is_empty() { "gateway" } else { &name })
}
