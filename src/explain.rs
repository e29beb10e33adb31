//! `ai-gateway explain ROUTE`: a route as the gateway sees it, for a person.

mod limits;
mod order;
mod traits;

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;

use crate::adapt;
use crate::config::{Alias, Config, Route, Step};
use crate::dialect::reading::ThinkTags;
use crate::dialect::waits::in_words;
use crate::gateway;

/// The routes of the running gateway (`GET /v1/diagnostics/routes`), as far as they are shown.
#[derive(Debug, Default, Deserialize)]
pub struct RunningRoutes {
    routes: Vec<RunningRoute>,
}

#[derive(Debug, Deserialize)]
struct RunningRoute {
    name: String,
    /// A prefix has a `*` behind it.
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(flatten)]
    order: order::RunningOrder,
    steps: Vec<RunningStep>,
}

#[derive(Debug, Deserialize)]
struct RunningStep {
    provider: String,
    model: String,
    usable: bool,
    #[serde(flatten)]
    order: order::RunningStepOrder,
    cooling: Vec<RunningCooling>,
    #[serde(default)]
    remembered: Vec<RunningLesson>,
    #[serde(default)]
    limits: Vec<limits::RunningLimit>,
}

#[derive(Debug, Deserialize)]
struct RunningLesson {
    lesson: String,
    setting: Option<String>,
    remaining_ms: u64,
}

#[derive(Debug, Deserialize)]
struct RunningCooling {
    scope: String,
    key_index: Option<usize>,
    class: String,
    stated: bool,
    remaining_ms: u64,
}

impl RunningRoutes {
    /// The name of the route that a name or an alias leads to, as the gateway finds it.
    ///
    /// # Errors
    /// No route has this name.
    pub fn meant(&self, name: &str) -> Result<String, String> {
        let mut routes = self.routes.iter();
        let exact = routes.find(|route| route.name == name);
        let aliased = exact.or_else(|| {
            let mut routes = self.routes.iter();
            routes.find(|route| route.aliases.iter().any(|alias| alias == name))
        });
        let found = aliased.or_else(|| {
            let routes = self.routes.iter();
            let longest = |route: &&RunningRoute| route.longest_prefix(name);
            routes
                .filter(|route| longest(route).is_some())
                .max_by_key(longest)
        });
        found.map(|route| route.name.clone()).ok_or_else(|| {
            let names = self.routes.iter().map(|route| route.name.as_str());
            let names: Vec<&str> = names.collect();
            format!("there is no route {name:?}; there are {}", names.join(", "))
        })
    }
}

impl RunningRoute {
    /// The length of the longest alias that is the beginning of a name (bytes); `None` where none is.
    fn longest_prefix(&self, name: &str) -> Option<usize> {
        let prefixes = self.aliases.iter().filter_map(|it| it.strip_suffix('*'));
        let beginnings = prefixes.filter(|prefix| name.starts_with(prefix));
        beginnings.map(str::len).max()
    }
}

/// The route's names, and its steps with their effective settings and, of a running gateway, their cooldowns.
pub fn explain(route: &Route, config: &Config, running: Result<&RunningRoutes, &str>) -> String {
    let mut text = format!("route {}\n", route.name);
    for line in reached_by(route, config) {
        text.push_str(&format!("  {line}\n"));
    }
    // Writing into a String cannot fail.
    let _ = match route.timeout {
        Some(timeout) => writeln!(
            text,
            "  all steps together: {timeout:?} up to the first content"
        ),
        None => writeln!(text, "  all steps together: no limit"),
    };
    if !route.wait_when_cooling.is_zero() {
        let _ = writeln!(
            text,
            "  where all steps are cooling: waits up to {:?} for the soonest",
            route.wait_when_cooling
        );
    }
    let now = running
        .ok()
        .and_then(|running| running.routes.iter().find(|it| it.name == route.name));
    order::explain_route(&mut text, route, now.map(|now| &now.order));
    let steps = now.map(|now| &now.steps);
    for (index, step) in route.steps.iter().enumerate() {
        let _ = writeln!(
            text,
            "\n{}. {}/{}",
            index + 1,
            step.provider.name,
            step.model
        );
        explain_step(&mut text, route, step, config.server.connect_timeout);
        let now = steps.and_then(|steps| steps.get(index));
        if let Some(now) = now.filter(|now| now.is(step)) {
            explain_now(&mut text, now);
        }
    }
    let _ = match (running, steps) {
        (Err(reason), _) => writeln!(text, "\nWhat is cooling is not known: {reason}"),
        (Ok(_), None) => writeln!(
            text,
            "\nThe running gateway has no such route: it runs with another configuration."
        ),
        (Ok(_), Some(_)) => Ok(()),
    };
    text
}

impl RunningStep {
    /// Whether the running gateway has the same step here.
    fn is(&self, step: &Step) -> bool {
        self.provider == step.provider.name && self.model == step.model
    }
}

/// The requests that come to a route, a line for each that is configured: its further names, its endpoints, and requests
/// without a model.
pub fn reached_by(route: &Route, config: &Config) -> Vec<String> {
    let aliases: Vec<String> = route.aliases.iter().map(Alias::spelled).collect();
    let aliases = (!aliases.is_empty()).then(|| format!("aliases {}", aliases.join(", ")));
    let endpoints = route.endpoints.as_ref();
    let endpoints = endpoints.map(|served| format!("endpoints {} only", served.join(", ")));
    let without = config.default_routes.iter();
    let without: Vec<&str> = without
        .filter(|(_, name)| *name == route.name)
        .map(|(dialect, _)| *dialect)
        .collect();
    let without = (!without.is_empty())
        .then(|| format!("default route of {} without a model", without.join(", ")));
    [aliases, endpoints, without]
        .into_iter()
        .flatten()
        .collect()
}

fn explain_step(text: &mut String, route: &Route, step: &Step, connect_timeout: Duration) {
    let _ = writeln!(text, "   {}", step.provider.base_url);
    let spoken = spoken(route, step);
    if !spoken.is_empty() {
        let _ = writeln!(text, "   asked in {}", spoken.join(", "));
    }
    let traits = traits::settings(route, step);
    if !traits.is_empty() {
        let _ = writeln!(text, "   {}", traits.join(", "));
    }
    let _ = writeln!(
        text,
        "   timeout {:?}, of it at most {:?} to connect; streams: up to the first content, then {:?} between two reads",
        step.timeout,
        connect_timeout.min(step.timeout),
        step.stall_timeout
    );
    let built_in = built_in_timeouts(route, step);
    if !built_in.is_empty() {
        let _ = writeln!(
            text,
            "   timeout where none is set: {}",
            built_in.join(", ")
        );
    }
    let _ = match step.cooldown {
        None => writeln!(text, "   cooldown as the provider says, else guessed"),
        Some(Duration::ZERO) => writeln!(text, "   cooldown only as the provider says"),
        Some(base) => writeln!(
            text,
            "   cooldown as the provider says, else from {base:?} on"
        ),
    };
    order::explain_step(text, route, step);
    if step.retries > 0 {
        let _ = writeln!(text, "   retries {}", step.retries);
    }
    let reading = reading(step);
    if !reading.is_empty() {
        let _ = writeln!(text, "   answers {}", reading.join(", "));
    }
    let adapters = adapt::names(step);
    if !adapters.is_empty() {
        let _ = writeln!(text, "   adapters {}", adapters.join(", "));
    }
    for layer in adapt::layers(step) {
        let _ = writeln!(text, "   edits, {}:", layer.name);
        for edit in layer.edits {
            let _ = writeln!(text, "     {edit}");
        }
    }
    if !step.fit.keep.is_empty() {
        let _ = writeln!(text, "   kept as they come: {}", step.fit.keep.join(", "));
    }
    if let Some(length) = step.fit.context_length {
        let _ = writeln!(
            text,
            "   context {length} tokens; longer requests pass the step over"
        );
    }
    limits::explain_declared(text, step);
    let keys: Vec<String> = step.provider.keys.iter().map(|key| key.hint()).collect();
    let _ = match keys.as_slice() {
        [] => writeln!(text, "   no key"),
        keys => writeln!(text, "   keys {}", keys.join(", ")),
    };
}

/// The dialects that clients of a route hold conversations in, each with the one that it becomes for a step.
fn spoken(route: &Route, step: &Step) -> Vec<String> {
    let of_conversations = gateway::dialects()
        .filter(|dialect| dialect.client_side().is_some() && route.serves(dialect.name()));
    of_conversations
        .map(|dialect| match dialect.held_in(&step.traits) {
            None => format!("{} (native)", dialect.name()),
            Some(spoken) => format!("{} (translated to {})", dialect.name(), spoken.name()),
        })
        .collect()
}

/// The timeouts of endpoints with another one than the step's, which the configuration leaves to them.
fn built_in_timeouts(route: &Route, step: &Step) -> Vec<String> {
    let others = gateway::dialects().filter(|dialect| {
        !step.has_timeout && route.serves(dialect.name()) && dialect.rules().timeout != step.timeout
    });
    others
        .map(|dialect| format!("{} {:?}", dialect.name(), dialect.rules().timeout))
        .collect()
}

/// The settings for reading a step's answers that are not the built-in ones, as the configuration spells them.
fn reading(step: &Step) -> Vec<&'static str> {
    let think_tags = step.think_tags.map(|tags| match tags {
        ThinkTags::Reasoning => "think_tags: reasoning",
        ThinkTags::Strip => "think_tags: strip",
    });
    [
        step.reasoning_only_fails.then_some("reasoning_only: fail"),
        think_tags,
        step.upstream_stream.then_some("upstream_stream: always"),
        (!step.provider.repair).then_some("repair: false"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn explain_now(text: &mut String, step: &RunningStep) {
    let _ = writeln!(
        text,
        "   now {}",
        if step.usable { "usable" } else { "skipped" }
    );
    order::explain_step_now(text, &step.order);
    for cooling in &step.cooling {
        let key = cooling
            .key_index
            .map(|index| format!(" {}", index + 1))
            .unwrap_or_default();
        let whose = if cooling.stated {
            "as the provider said"
        } else {
            "a guess"
        };
        let left = match cooling.remaining_ms {
            0 => "over; another request is trying it".to_owned(),
            left => format!("{} left ({whose})", in_words(Duration::from_millis(left))),
        };
        let _ = writeln!(
            text,
            "   cooling: {}{key}, {}, {left}",
            cooling.scope, cooling.class
        );
    }
    for limit in &step.limits {
        let _ = writeln!(text, "   {limit}");
    }
    if !step.remembered.is_empty() {
        let _ = writeln!(
            text,
            "   edits, remembered (a line of the step says the same for good):"
        );
    }
    for remembered in &step.remembered {
        let left = in_words(Duration::from_millis(remembered.remaining_ms));
        let _ = match &remembered.setting {
            Some(line) => writeln!(text, "     {line}   # {}, for {left}", remembered.lesson),
            None => writeln!(text, "     # {}, for {left}", remembered.lesson),
        };
    }
}
