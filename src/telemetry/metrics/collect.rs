//! The instruments read into families.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::dialect::class::Class;
use crate::dialect::repairs::RepairKind;

use super::family::{Family, FamilyKind, SeriesValue, Unit};
use super::histogram::{DURATIONS, Distribution, Histogram};
use super::instruments::{AnswersByStream, Metrics, RouteInstruments, TargetInstruments};
use super::operations::OperationInstruments;

/// The `class` label of an attempt that was answered.
const ANSWERED: &str = "answered";

/// The conventions' name of the operation that is measured.
const OPERATION: &str = "gen_ai.operation.name";

impl Metrics {
    /// Every instrument. Combinations of route and status, or of step and class, that never occurred are left out.
    pub fn families(&self) -> Vec<Family> {
        let mut families = self.of_requests();
        families.extend(self.of_attempts());
        families.push(self.heals.family());
        families
    }

    fn of_requests(&self) -> Vec<Family> {
        let mut requests = counter(
            "ai_gateway.requests",
            "Requests by how they were answered; without a route: all that needs none, and refusals.",
        );
        let mut durations = seconds(
            "ai_gateway.request.duration",
            "From the head of a request to the end of its answer.",
        );
        let mut first_content = seconds(
            "ai_gateway.request.time_to_first_content",
            "From the head of a request to the first content of a streamed answer.",
        );
        let mut fallbacks = counter(
            "ai_gateway.fallbacks",
            "Steps that failed or were skipped before the one that answered.",
        );
        let mut broken = counter(
            "ai_gateway.broken_streams",
            "Streams that ended with an error after their first content.",
        );
        let routes = self
            .routes
            .iter()
            .map(|route| (route.name.as_str(), &route.requests.answers));
        for (route, answers) in routes.chain([("", &*self.elsewhere)]) {
            push_answers(&mut requests, &mut durations, route, answers);
        }
        for route in &self.routes {
            let labels = [("route", route.name.as_str())];
            let load = |count: &std::sync::atomic::AtomicU64| {
                SeriesValue::Count(count.load(Ordering::Relaxed))
            };
            fallbacks.push(&labels, load(&route.requests.fallbacks));
            broken.push(&labels, load(&route.requests.broken_streams));
            push(
                &mut first_content,
                &labels,
                route.requests.first_content.read(),
            );
        }
        let in_flight = Family::single(
            "ai_gateway.requests.in_flight",
            FamilyKind::Gauge,
            Unit::Things,
            "Requests being answered.",
            SeriesValue::Level(self.in_flight() as f64),
        );
        vec![
            requests,
            durations,
            first_content,
            fallbacks,
            broken,
            in_flight,
        ]
    }

    fn of_attempts(&self) -> Vec<Family> {
        let mut attempts = counter(
            "ai_gateway.attempts",
            "Calls to providers by how they ended.",
        );
        let mut durations = seconds(
            "gen_ai.client.operation.duration",
            "From the call to a provider to the end of its answer.",
        );
        let mut first_chunk = seconds(
            "gen_ai.client.operation.time_to_first_chunk",
            "From the call to a provider to the first content of its stream.",
        );
        for ((provider, model), instruments) in self.targets() {
            let all = instruments
                .iter()
                .flat_map(|target| target.operations.iter());
            let all: Vec<&OperationInstruments> = all.collect();
            for (class, duration) in outcomes(&all) {
                let label = class.map_or(ANSWERED, Class::label);
                if class.is_none() || duration.total() > 0 {
                    let labels = [("provider", provider), ("model", model), ("class", label)];
                    attempts.push(&labels, SeriesValue::Count(duration.total()));
                }
            }
            for (operation, instruments) in by_operation(&all) {
                let [operation, provider, model] = [
                    (OPERATION, operation),
                    ("gen_ai.provider.name", provider),
                    ("gen_ai.request.model", model),
                ];
                for (class, duration) in outcomes(&instruments) {
                    match class {
                        None => push(&mut durations, &[operation, provider, model], duration),
                        Some(class) => {
                            let error = ("error.type", class.label());
                            let labels = [operation, provider, model, error];
                            push(&mut durations, &labels, duration);
                        }
                    }
                }
                push(
                    &mut first_chunk,
                    &[operation, provider, model],
                    sum(instruments.iter().map(|of| &of.first_chunk)),
                );
            }
        }
        vec![
            attempts,
            durations,
            first_chunk,
            self.tokens(),
            self.repairs(),
        ]
    }

    fn repairs(&self) -> Family {
        let mut repairs = counter(
            "ai_gateway.repairs",
            "Answers in which something that no client can use was mended, by its kind.",
        );
        let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (_, target) in self.targets_of_routes() {
            for (kind, count) in RepairKind::ALL.into_iter().zip(&target.repairs) {
                let of_kind = counts.entry((&target.provider, kind.label())).or_default();
                *of_kind += count.load(Ordering::Relaxed);
            }
        }
        for ((provider, kind), count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let labels = [("provider", provider), ("kind", kind)];
            repairs.push(&labels, SeriesValue::Count(count));
        }
        repairs
    }

    fn tokens(&self) -> Family {
        let mut tokens = Family::new(
            "gen_ai.client.token.usage",
            FamilyKind::Histogram,
            Unit::Things,
            "Tokens of answers, as their providers count them.",
        );
        let targets = self.targets_of_routes().flat_map(|(route, target)| {
            let operations = target.operations.iter();
            operations.map(move |operation| (route, target, operation))
        });
        for (route, target, operation) in targets {
            for (kind, of_kind) in [
                ("input", &operation.input_tokens),
                ("output", &operation.output_tokens),
            ] {
                let labels = [
                    (OPERATION, operation.name),
                    ("gen_ai.provider.name", target.provider.as_str()),
                    ("gen_ai.request.model", target.model.as_str()),
                    ("gen_ai.token.type", kind),
                    ("gateway.route", route.name.as_str()),
                ];
                push(&mut tokens, &labels, of_kind.read());
            }
        }
        tokens
    }

    /// Every provider and model, with its instruments in all routes.
    fn targets(&self) -> BTreeMap<(&str, &str), Vec<&TargetInstruments>> {
        let mut targets: BTreeMap<_, Vec<&TargetInstruments>> = BTreeMap::new();
        for (_, instruments) in self.targets_of_routes() {
            let target = (instruments.provider.as_str(), instruments.model.as_str());
            targets.entry(target).or_default().push(instruments);
        }
        targets
    }

    fn targets_of_routes(&self) -> impl Iterator<Item = (&RouteInstruments, &TargetInstruments)> {
        let routes = self.routes.iter();
        routes.flat_map(|route| route.targets.iter().map(move |target| (route, &**target)))
    }
}

fn counter(name: &'static str, help: &'static str) -> Family {
    Family::new(name, FamilyKind::Counter, Unit::Things, help)
}

fn seconds(name: &'static str, help: &'static str) -> Family {
    Family::new(name, FamilyKind::Histogram, Unit::Seconds, help)
}

/// A distribution of nothing takes up seventeen lines, and tells nothing.
fn push(family: &mut Family, labels: &[(&'static str, &str)], distribution: Distribution) {
    if distribution.total() > 0 {
        family.push(labels, SeriesValue::Distribution(Box::new(distribution)));
    }
}

fn push_answers(
    requests: &mut Family,
    durations: &mut Family,
    route: &str,
    answers: &AnswersByStream,
) {
    for stream in [false, true] {
        let answered = answers.of(stream);
        let stream = if stream { "true" } else { "false" };
        for (status, count) in answered.statuses() {
            // The usual one is there from the start: a rate needs a zero to begin with.
            if count > 0 || (status == 200 && !route.is_empty()) {
                let labels = [
                    ("route", route),
                    ("status", &*status.to_string()),
                    ("stream", stream),
                ];
                requests.push(&labels, SeriesValue::Count(count));
            }
        }
        let labels = [("route", route), ("stream", stream)];
        push(durations, &labels, answered.duration.read());
    }
}

/// The instruments of each operation together.
fn by_operation<'i>(
    all: &[&'i OperationInstruments],
) -> BTreeMap<&'static str, Vec<&'i OperationInstruments>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for instruments in all {
        found
            .entry(instruments.name)
            .or_default()
            .push(*instruments);
    }
    found
}

/// The attempts of several instruments together, by their class.
fn outcomes(instruments: &[&OperationInstruments]) -> Vec<(Option<Class>, Distribution)> {
    let classes = std::iter::once(None).chain(Class::ALL.map(Some));
    let of_class = |class| {
        sum(instruments
            .iter()
            .filter_map(|operation| operation.attempts(class)))
    };
    classes.map(|class| (class, of_class(class))).collect()
}

fn sum<'h>(histograms: impl Iterator<Item = &'h Histogram>) -> Distribution {
    histograms.fold(Distribution::empty(&DURATIONS), |mut sum, histogram| {
        sum.add(&histogram.read());
        sum
    })
}
