//! `routes:` and their steps.

use std::sync::Arc;
use std::time::Duration;

use super::fit;
use super::model::{ConflictResolution, EdgeLimits, Provider, Route, Step};
use super::ollama;
use super::order;
use super::route_names;
use super::section::Section;
use super::step_traits::{step_traits, tag_of};
use super::suggest::did_you_mean;
use super::vectors;
use crate::dialect::reading::ThinkTags;
use crate::json::raw;

/// A gap in a stream longer than this is a dead provider, however long a step may take.
const LONGEST_DEFAULT_STALL: Duration = Duration::from_secs(60);

const MOST_RETRIES: usize = 10;

/// The bounds of `pcm_rate` (samples a second).
const PCM_RATES: std::ops::RangeInclusive<usize> = 4_000..=192_000;

/// A step's timeout when neither it nor the file says one.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// The defaults of steps and routes.
struct Defaults {
    step_timeout: Option<Duration>,
    route_timeout: Option<Duration>,
    step_cooldown: Option<Duration>,
    stream_keepalive: Option<Duration>,
}

/// The defaults of a route's steps.
struct StepDefaults {
    timeout: Duration,
    has_timeout: bool,
    cooldown: Option<Duration>,
    reasoning_only_fails: bool,
    upstream_stream: UpstreamStream,
}

/// The cases in which a provider is asked for a stream.
#[derive(Clone, Copy)]
enum UpstreamStream {
    Always,
    /// Where the step says how long a stream may stall.
    Auto,
    /// Where the client asks for one.
    Never,
}

/// Reads every route. One whose name cannot be read has an empty one.
pub(super) fn routes(
    root: &Section,
    providers: &[Arc<Provider>],
    server: &EdgeLimits,
) -> Vec<Arc<Route>> {
    let defaults = defaults(root, server);
    let mut routes: Vec<Arc<Route>> = Vec::new();
    for value in root.required_list("routes") {
        let Some(table) = value.table() else { continue };
        let route = route(table, providers, &defaults, |name| {
            let mut others = routes.iter();
            others.any(|other| {
                let mut aliases = other.aliases.iter();
                other.name == name || aliases.any(|alias| alias.spelled() == name)
            })
        });
        routes.push(Arc::new(route));
    }
    routes
}

fn defaults(root: &Section, server: &EdgeLimits) -> Defaults {
    let step_timeout = root
        .get_either("default_timeout", "default_step_timeout")
        .and_then(|value| value.timeout());
    Defaults {
        step_timeout,
        route_timeout: root
            .get("default_route_timeout")
            .and_then(|value| value.timeout()),
        step_cooldown: root
            .get("default_step_cooldown")
            .and_then(|value| value.duration()),
        stream_keepalive: server.stream_keepalive,
    }
}

fn route(
    table: Section,
    providers: &[Arc<Provider>],
    defaults: &Defaults,
    is_taken: impl Fn(&str) -> bool,
) -> Route {
    let name = table.unique_name("routes", &is_taken);
    let aliases = route_names::aliases(&table, |alias| {
        is_taken(alias) || name.as_deref() == Some(alias)
    });
    let timeout = table
        .get_either("timeout", "route_timeout")
        .and_then(|value| value.timeout());
    let cooldown = table
        .get("step_cooldown")
        .and_then(|value| value.duration())
        .or(defaults.step_cooldown);
    let check_format = table.get("check_format").and_then(|value| value.flag());
    let stream_keepalive = table
        .get("stream_keepalive")
        .and_then(|value| value.timeout());
    let step_defaults = StepDefaults {
        timeout: defaults.step_timeout.unwrap_or(STEP_TIMEOUT),
        has_timeout: defaults.step_timeout.is_some(),
        cooldown,
        reasoning_only_fails: reasoning_only_fails(&table).unwrap_or(false),
        upstream_stream: upstream_stream(&table).unwrap_or(UpstreamStream::Never),
    };
    let wait_when_cooling = table
        .get("wait_when_cooling")
        .and_then(|value| value.duration());
    let (order, sticky) = order::of_route(&table);
    let steps = table.required_list("steps");
    let several = steps.len() > 1;
    let steps = steps.iter().filter_map(|value| value.table());
    let steps = steps.filter_map(|table| step(table, providers, &step_defaults));
    let steps = vectors::of_route(&table).shared_by(steps.collect());
    let endpoints = route_names::endpoints(&table);
    let route = Route {
        name: name.unwrap_or_default().into(),
        aliases,
        capabilities: ollama::capabilities(&table, endpoints.as_deref()),
        endpoints,
        timeout: timeout.or(defaults.route_timeout),
        check_format: check_format.unwrap_or(several),
        stream_keepalive: stream_keepalive.or(defaults.stream_keepalive),
        context_length: fit::context_length(&table),
        wait_when_cooling: wait_when_cooling.unwrap_or_default(),
        order,
        sticky,
        steps,
    };
    table.finish(|_| false);
    route
}

/// `None` when the provider is not known.
fn step(table: Section, providers: &[Arc<Provider>], defaults: &StepDefaults) -> Option<Step> {
    let provider = provider(&table, providers);
    let model = table
        .required("model")
        .filter(|(value, model)| value.is_printable(model));
    let timeout = table
        .get_either("timeout", "step_timeout")
        .and_then(|value| value.timeout());
    let has_timeout = timeout.is_some() || defaults.has_timeout;
    let timeout = timeout.unwrap_or(defaults.timeout);
    let stall_timeout = table.get("stall_timeout").and_then(|value| value.timeout());
    let cooldown = table
        .get("step_cooldown")
        .and_then(|value| value.duration());
    let retries = table
        .get("retries")
        .and_then(|value| value.count(&(0..=MOST_RETRIES)));
    let weight = order::weight(&table);
    let sides = [
        ("tools", ConflictResolution::Tools),
        ("format", ConflictResolution::Format),
    ];
    let conflict_resolution = table
        .get("conflict_resolution")
        .and_then(|value| value.choice(&sides));
    let thinking = table.get("thinking").and_then(|value| value.flag());
    let reasoning_only = reasoning_only_fails(&table);
    let tags = [
        ("reasoning", ThinkTags::Reasoning),
        ("strip", ThinkTags::Strip),
    ];
    let think_tags = table
        .get("think_tags")
        .and_then(|value| value.choice(&tags));
    let upstream_stream = match upstream_stream(&table).unwrap_or(defaults.upstream_stream) {
        UpstreamStream::Always => true,
        UpstreamStream::Auto => stall_timeout.is_some(),
        UpstreamStream::Never => false,
    };
    let pcm_rate = table
        .get("pcm_rate")
        .and_then(|value| value.count(&PCM_RATES))
        .and_then(|rate| u32::try_from(rate).ok());
    let of_provider = provider.as_ref().map(|provider| &provider.fit.edits);
    let fit = fit::of_step(&table, of_provider);
    let mut traits = step_traits(&table, provider.as_deref());
    table.finish(|_| false);
    let model = model.map(|(_, model)| model.content).unwrap_or_default();
    let provider = provider?;
    traits.translation.tag = tag_of(&provider.name, &model);
    let price = provider.terms(&model).and_then(|terms| terms.price);
    Some(Step {
        label: [provider.name.as_str(), "/", &model].concat().into(),
        summary_names: Step::summary_names_of(&provider.name, &model),
        quoted_model: raw::quoted(&model).into(),
        provider,
        model,
        timeout,
        has_timeout,
        stall_timeout: stall_timeout.unwrap_or(timeout.min(LONGEST_DEFAULT_STALL)),
        cooldown: cooldown.or(defaults.cooldown),
        retries: retries
            .and_then(|retries| u32::try_from(retries).ok())
            .unwrap_or(0),
        weight,
        conflict_resolution,
        thinking,
        reasoning_only_fails: reasoning_only.unwrap_or(defaults.reasoning_only_fails),
        think_tags,
        upstream_stream,
        pcm_rate,
        fit,
        traits,
        price,
    })
}

fn reasoning_only_fails(table: &Section) -> Option<bool> {
    let options = [("fail", true), ("answer", false)];
    table
        .get("reasoning_only")
        .and_then(|value| value.choice(&options))
}

fn upstream_stream(table: &Section) -> Option<UpstreamStream> {
    let options = [
        ("always", UpstreamStream::Always),
        ("auto", UpstreamStream::Auto),
        ("never", UpstreamStream::Never),
    ];
    table
        .get("upstream_stream")
        .and_then(|value| value.choice(&options))
}

fn provider(table: &Section, providers: &[Arc<Provider>]) -> Option<Arc<Provider>> {
    let (value, name) = table.required("provider")?;
    let found = providers
        .iter()
        .find(|provider| provider.name == name.content);
    // One with an unreadable name may be the one that is meant.
    let all_named = providers.iter().all(|provider| !provider.name.is_empty());
    if found.is_none() && all_named {
        let suggestion = did_you_mean(
            &name.content,
            providers.iter().map(|provider| provider.name.as_str()),
        );
        value.report(format!("unknown provider {}{suggestion}", name.quoted()));
    }
    found.cloned()
}
