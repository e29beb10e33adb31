//! A run: one row of one route, against a gateway and a scripted provider of its own, and its outcome.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::in_process::{InProcess, loopback};
use crate::config::{Config, Route};
use crate::gateway::{Context, Reloadable};
use crate::http::Server;
use crate::upstream::Client;

use super::endpoint::Endpoint;
use super::harmless::{Proportion, harmless};
use super::rows::{Expected, Fault, Form, Row};
use super::scripted::{RefusingPort, Script, ScriptedProvider};
use super::seen::{Seen, time_in_words};

/// The time that is forgiven beyond it, as a share: a machine that is busy is late.
const FORGIVEN: f64 = 1.25;

/// The deadline of a run, beside what its timers take.
const LIMIT: Duration = Duration::from_secs(30);

/// The steps that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    First,
    All,
}

impl Failing {
    /// The stable name of the report in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::All => "all",
        }
    }
}

/// A run to make.
#[derive(Clone, Copy)]
pub struct Run<'c> {
    pub config: &'c Config,
    pub route: &'c Arc<Route>,
    pub endpoint: Endpoint,
    pub row: &'static Row,
    pub failing: Failing,
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    pub expected: Expected,
    pub is_well: bool,
    /// The answer in words, for the report.
    pub seen: String,
    /// The change that would help; empty where none is known.
    pub advice: String,
}

impl Run<'_> {
    fn expected(&self) -> Expected {
        match self.failing {
            Failing::First => self.row.first,
            Failing::All => self.row.all,
        }
    }

    /// Makes the run.
    ///
    /// # Errors
    /// The gateway or the provider could not be started here.
    pub fn outcome(&self, client: &Client) -> Result<Outcome, String> {
        let fault = self.row.fault;
        let proportion = Proportion::of(fault, self.route);
        let all = self.failing == Failing::All;
        let script = Arc::new(Script::new(self.route, fault, all));
        let started = ScriptedProvider::start(Arc::clone(&script));
        let provider = started.map_err(|error| error.to_string())?;
        let refusing = RefusingPort::new().map_err(|error| error.to_string())?;
        let first = self.route.steps.first().map(|step| step.provider.index);
        let base = |index| {
            let is_refused = fault == Fault::Refused && (all || first == Some(index));
            match is_refused {
                true => url_of(refusing.address),
                false => url_of(provider.address),
            }
        };
        let config = harmless(self.config, self.route, fault, proportion, base);
        let deadline = Instant::now() + LIMIT + waits(&config, fault);
        let gateway = start(config).map_err(|error| error.to_string())?;
        let url = url_of(gateway.address);
        let asked = self.endpoint.ask(&self.route.name, self.row.form);
        let seen = Seen::ask(client, &url, &asked, deadline);
        let before = script.calls().len();
        let asks_again = self.expected() == Expected::WholeAndSkipped;
        let again = asks_again.then(|| Seen::ask(client, &url, &asked, deadline));
        let calls = script.calls();
        let later = calls.get(before..).unwrap_or_default();
        gateway.stopper.stop();
        // What it was asked is answered; how it ends is not what is looked at.
        drop(gateway.join());
        let hide = |words: String| {
            let words = words.replace(&refusing.address.to_string(), "its address");
            words.replace(&url_of(provider.address), "its address")
        };
        let problem = self.problem(&seen, asked.stream, proportion).or_else(|| {
            let again = again?;
            let never_guesses = fault == Fault::LimitUntold && self.never_guesses();
            if !again.is_whole(asked.stream, self.endpoint.has_text()) {
                return Some(format!("the next request: {}", again.words()));
            }
            (later.contains(&0) && !never_guesses)
                .then(|| "the next request asks the step again".to_owned())
        });
        Ok(Outcome {
            expected: self.expected(),
            is_well: problem.is_none(),
            advice: match problem {
                Some(_) => self.advice(&seen, proportion),
                None => String::new(),
            },
            seen: hide(problem.unwrap_or_else(|| seen.words())),
        })
    }

    /// Whether `step_cooldown: 0` switches guessed cooldowns off.
    fn never_guesses(&self) -> bool {
        let first = self.route.steps.first();
        first.is_some_and(|step| step.cooldown == Some(Duration::ZERO))
    }

    /// The deviation of an answer from the contract; `None` where there is none.
    fn problem(&self, seen: &Seen, stream: bool, proportion: Option<Proportion>) -> Option<String> {
        let is_whole = || seen.is_whole(stream, self.endpoint.has_text());
        let holds = match self.expected() {
            Expected::Whole | Expected::WholeAndSkipped => is_whole(),
            Expected::Repaired => is_usable(seen, self.row.form),
            Expected::ErrorEvent => {
                seen.status == Some(200) && seen.error_event && !seen.content.is_empty()
            }
            Expected::Refusal(status) => {
                let is_status = seen.status == Some(self.endpoint.spelled(status));
                let told = status != 429 || seen.has_retry_after;
                // Where the head had to go out before, for a proxy's patience.
                let is_late = self.has_keepalive() && seen.error_event && seen.content.is_empty();
                (is_status && told) || is_late
            }
        };
        if !holds && matches!(self.row.form, Form::Tools { .. }) && seen.status == Some(200) {
            return Some("tool calls that clients cannot use".to_owned());
        }
        if !holds {
            return Some(seen.words());
        }
        // With all steps late the verdict is right however late it comes: the sum is for the advice.
        let silence = self.silence(seen, proportion);
        let is_judged = self.failing == Failing::First || self.row.fault == Fault::Stall;
        let patience = self.endpoint.patience();
        let is_late = is_judged && silence > patience.mul_f64(FORGIVEN);
        is_late.then(|| {
            format!(
                "nothing for {}: many clients wait {}",
                time_in_words(self.without_jitter(silence)),
                time_in_words(patience)
            )
        })
    }

    fn has_keepalive(&self) -> bool {
        self.route.stream_keepalive.is_some() || self.config.server.stream_keepalive.is_some()
    }

    /// The longest silence with the timers as configured.
    fn silence(&self, seen: &Seen, proportion: Option<Proportion>) -> Duration {
        proportion.map_or(Duration::ZERO, |it| it.lengthened(seen.longest_silence))
    }

    /// The timer that a silence came of, where it is near: what is above it is the machine's.
    fn without_jitter(&self, silence: Duration) -> Duration {
        let first = self.route.steps.first();
        let timer = first.map(|step| match self.row.fault {
            Fault::Stall => step.stall_timeout,
            _ => step.timeout,
        });
        let near = |timer: &Duration| (*timer..timer.mul_f64(1.5)).contains(&silence);
        timer.filter(near).unwrap_or(silence)
    }

    /// The change of the configuration that would help.
    fn advice(&self, seen: &Seen, proportion: Option<Proportion>) -> String {
        let is_late = self.silence(seen, proportion) > self.endpoint.patience();
        let advice = match self.row.fault {
            Fault::Stall if is_late => "set stall_timeout: 15s on the step",
            Fault::Late if is_late => "set timeout: 20s on the step",
            _ if self.route.steps.len() == 1 => "add a second step",
            Fault::Late
                if self.route.timeout.is_some_and(|route| {
                    let steps = self.route.steps.iter();
                    steps.map(|step| step.timeout).any(|step| step >= route)
                }) =>
            {
                "the route's timeout is over before the step's: set timeout on the step"
            }
            Fault::CallWithoutIndex | Fault::ArgumentsAsObject
                if self.route.steps.iter().any(|step| !step.provider.repair) =>
            {
                "remove repair: false"
            }
            Fault::Refused | Fault::LimitTold | Fault::LimitUntold if self.shares_provider() => {
                "add a step at another provider"
            }
            _ => "",
        };
        advice.to_owned()
    }

    /// Whether all steps are at one provider.
    fn shares_provider(&self) -> bool {
        let mut indices = self.route.steps.iter().map(|step| step.provider.index);
        let first = indices.next();
        indices.all(|index| Some(index) == first)
    }
}

fn url_of(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// The time that a row's timers may take, as far as it is about time.
fn waits(config: &Config, fault: Fault) -> Duration {
    let steps = config.routes.iter().flat_map(|route| &route.steps);
    match fault {
        Fault::Late => steps.map(|step| step.timeout).sum(),
        _ => Duration::ZERO,
    }
}

/// Whether a client can use the tool calls: a text for the arguments, and an index of its own for each call of a stream.
fn is_usable(seen: &Seen, form: Form) -> bool {
    let arguments = seen.tool_calls.iter().all(|call| {
        let text = call
            .pointer("/function/arguments")
            .and_then(|it| it.as_str());
        text.is_some_and(|text| serde_json::from_str::<serde_json::Value>(text).is_ok())
    });
    let indices = seen
        .tool_calls
        .iter()
        .map(|call| call.get("index")?.as_u64());
    let is_streamed = form == Form::Tools { stream: true };
    let numbered = !is_streamed || indices.eq([Some(0), Some(1)]);
    seen.status == Some(200)
        && seen.broken.is_none()
        && !seen.tool_calls.is_empty()
        && arguments
        && numbered
}

fn start(config: Config) -> Result<InProcess, Box<dyn std::error::Error>> {
    let server = Server::bind(&[loopback(0)], config.server.clone())?;
    let context = Context::new(config, server.stats())?;
    Ok(InProcess::run(server, Arc::new(Reloadable::new(context)))?)
}
