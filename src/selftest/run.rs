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
use super::rows::{Expected, Failing, Fault, Form, Row};
use super::scripted::{RefusingPort, Script, ScriptedProvider};
use super::seen::{Seen, time_in_words};

/// The time that is forgiven beyond the timers: a machine that is busy is late.
const FORGIVEN: Duration = Duration::from_secs(10);

/// The deadline of a run, beside what its timers take.
const LIMIT: Duration = Duration::from_secs(30);

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

    /// Makes the run, and one about time that does not go well a second time: timers that were shortened to a second end early
    /// on a machine that stands still for as long.
    ///
    /// # Errors
    /// The gateway or the provider could not be started here.
    pub fn outcome(&self, client: &Client) -> Result<Outcome, String> {
        let outcome = self.made_once(client)?;
        let is_about_time = Proportion::of(self.row.fault, self.route).is_some();
        if outcome.is_well || !is_about_time {
            return Ok(outcome);
        }
        self.made_once(client)
    }

    fn made_once(&self, client: &Client) -> Result<Outcome, String> {
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
        let config = harmless(self.config, self.route, fault, self.failing, base);
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
        let failed = calls.get(..before).unwrap_or_default();
        let silence = self.silence(&seen, failed, asked.stream, proportion);
        let problem = self.problem(&seen, asked.stream, silence).or_else(|| {
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
                Some(_) => self.advice(silence),
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
    fn problem(&self, seen: &Seen, stream: bool, silence: Duration) -> Option<String> {
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
                let is_late =
                    self.keepalive().is_some() && seen.error_event && seen.content.is_empty();
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
        let is_judged = self.failing == Failing::First || self.row.fault == Fault::Stall;
        let patience = self.endpoint.patience();
        let is_late = is_judged && silence > patience;
        is_late.then(|| {
            format!(
                "nothing for {}: many clients wait {}",
                time_in_words(silence),
                time_in_words(patience)
            )
        })
    }

    fn keepalive(&self) -> Option<Duration> {
        let of_all = self.config.server.stream_keepalive;
        self.route.stream_keepalive.or(of_all)
    }

    /// The longest silence with the timers as configured. The sum of the timers that ran out is exact: what was measured
    /// has the machine's part in it, and counts where the sum does not explain it.
    fn silence(
        &self,
        seen: &Seen,
        calls: &[usize],
        stream: bool,
        proportion: Option<Proportion>,
    ) -> Duration {
        let Some(proportion) = proportion else {
            return Duration::ZERO;
        };
        let timers = self.timers(calls, stream);
        let ran = proportion.shortened(timers);
        match (ran / 2..ran + FORGIVEN).contains(&seen.longest_silence) {
            true => timers,
            false => proportion.lengthened(seen.longest_silence),
        }
    }

    /// The time that these calls may have waited in silence.
    fn timers(&self, calls: &[usize], stream: bool) -> Duration {
        let is_failing = |index: &&usize| self.failing == Failing::All || **index == 0;
        let failed = calls.iter().filter(is_failing);
        let mut steps = failed.filter_map(|index| self.route.steps.get(*index));
        let waited = match self.row.fault {
            // Behind the first content there is no other step.
            Fault::Stall => steps
                .next_back()
                .map_or(Duration::ZERO, |it| it.stall_timeout),
            _ => {
                let all = steps.map(|step| step.timeout).sum::<Duration>();
                self.route.timeout.map_or(all, |most| all.min(most))
            }
        };
        match self.keepalive().filter(|_| stream) {
            Some(sign_of_life) => waited.min(sign_of_life),
            None => waited,
        }
    }

    /// The change of the configuration that would help.
    fn advice(&self, silence: Duration) -> String {
        let is_late = silence > self.endpoint.patience();
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::rows::ROWS;
    use super::*;

    /// Two runs on machines of different speed tell the same.
    #[test]
    fn the_silence_is_that_of_the_timers_however_busy_the_machine() {
        let config = crate::config::parse(
            "api_key: some-client-key\nproviders: [{name: a, base_url: 'http://localhost:1/v1'}]\nroutes:\n\
             - {name: r, steps: [{provider: a, model: m, timeout: 60s, stall_timeout: 300s}, {provider: a, model: n, timeout: 30s}]}\n\
             - {name: short, timeout: 50s, steps: [{provider: a, model: m, timeout: 40s}, {provider: a, model: n, timeout: 30s}]}\n\
             - {name: alive, stream_keepalive: 15s, steps: [{provider: a, model: m, timeout: 60s}]}\n",
            &BTreeMap::new(),
        )
        .unwrap();
        let silence = |name: &str, row: &str, failing, calls: &[usize], measured: u64| {
            let route = config.route(name).unwrap();
            let row = ROWS.iter().find(|it| it.id == row).unwrap();
            let run = Run {
                config: &config,
                route,
                endpoint: Endpoint::of(route),
                row,
                failing,
            };
            let seen = Seen {
                longest_silence: Duration::from_millis(measured),
                ..Seen::default()
            };
            let proportion = Proportion::of(row.fault, route);
            run.silence(&seen, calls, true, proportion).as_secs()
        };
        use Failing::{All, First};
        for (name, row, failing, calls, expected) in [
            ("r", "late", First, &[0, 1][..], 60),
            ("r", "late", All, &[0, 1], 90),
            ("r", "stall", First, &[0], 300),
            ("short", "late", All, &[0, 1], 50),
            ("alive", "late", First, &[0], 15),
            ("r", "500", First, &[0, 1], 0),
        ] {
            let ran = match (name, row) {
                ("alive", _) => 250,
                ("r", "late") if failing == All => 1500,
                _ => 1000,
            };
            for measured in [ran - 5, ran, ran + 400, ran + 5000] {
                let found = silence(name, row, failing, calls, measured);
                assert_eq!(found, expected, "{name} {row} {measured}");
            }
        }
        // What no timer explains.
        assert_eq!(silence("r", "late", First, &[0, 1], 20_000), 1200);
        assert_eq!(silence("r", "stall", First, &[0], 100), 30);
    }
}
