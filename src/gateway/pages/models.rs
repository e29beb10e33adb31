//! `/v1/models`: the routes, as models that clients can choose from.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;

use crate::config::{Alias, Modality, Route};
use crate::dialect::models::{self, ListForm, ListPart, Model};
use crate::gateway::refusal::Refusal;
use crate::http::{Head, Response};

use super::visit::{Unserved, Visit};

/// The routes that the client may use, and their aliases.
pub fn list(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let listed: Vec<Listed<'_>> = visit.routes().flat_map(|route| listed(route)).collect();
    let models: Vec<Model<'_>> = listed.iter().map(Listed::model).collect();
    let head = visit.exchange.head();
    let body = match form(head) {
        ListForm::OpenAi => models::models(models, visit.context.started),
        ListForm::Anthropic => models::page(&models, &page(head.query().unwrap_or_default())),
    };
    Ok(Response::json(200, body))
}

/// A route, by its name or an alias.
pub fn one(visit: &Visit<'_, '_>) -> Result<Response, Unserved> {
    let name = visit.parameter;
    let meant = visit.context.config.route(name);
    let meant = meant.filter(|meant| visit.routes().any(|route| route.name == meant.name));
    let route = meant.ok_or_else(|| Refusal::route(&visit.context.redactor.redact(name)))?;
    let listed = Listed::new(route, name);
    let form = form(visit.exchange.head());
    let body = models::model(listed.model(), form, visit.context.started);
    Ok(Response::json(200, body))
}

/// A name of a route in the list.
struct Listed<'a> {
    id: &'a str,
    route: &'a Route,
    input: Vec<&'static str>,
}

impl<'a> Listed<'a> {
    fn new(route: &'a Route, id: &'a str) -> Self {
        Self {
            id,
            route,
            input: input_of(route),
        }
    }

    fn model(&self) -> Model<'_> {
        Model {
            id: self.id,
            name: self.id,
            context_length: context_length(self.route),
            input: &self.input,
            takes_tools: self.route.steps.iter().any(|step| !step.fit.refuses_tools),
        }
    }
}

fn listed(route: &Route) -> impl Iterator<Item = Listed<'_>> {
    let aliases = route.aliases.iter().filter_map(|alias| match alias {
        Alias::Exact(name) => Some(name.as_str()),
        Alias::Prefix(_) => None,
    });
    let names = [route.name.as_str()].into_iter().chain(aliases);
    names.map(move |name| Listed::new(route, name))
}

/// The advertised context length, else the smallest of the steps that tell theirs: longer requests lose steps.
pub fn context_length(route: &Route) -> Option<u64> {
    let of_steps = route
        .steps
        .iter()
        .filter_map(|step| step.fit.context_length);
    route.context_length.or_else(|| of_steps.min())
}

/// The kinds of input that some step takes; empty where some step does not tell its kinds.
fn input_of(route: &Route) -> Vec<&'static str> {
    let mut kinds = BTreeSet::new();
    for step in &route.steps {
        let Some(told) = &step.fit.modalities else {
            return Vec::new();
        };
        kinds.extend(told.iter().map(|kind| match kind {
            Modality::Text => (0, "text"),
            Modality::Image => (1, "image"),
            Modality::Audio => (2, "audio"),
            Modality::File => (3, "file"),
        }));
    }
    kinds.into_iter().map(|(_, kind)| kind).collect()
}

fn form(head: &Head) -> ListForm {
    match head.header("anthropic-version") {
        Some(_) => ListForm::Anthropic,
        None => ListForm::OpenAi,
    }
}

fn page(query: &str) -> ListPart {
    let decoded = |id: &str| Some(percent_decode_str(id).decode_utf8_lossy().into_owned());
    let mut page = ListPart::default();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("limit", limit)) => page.limit = limit.parse().ok(),
            Some(("after_id", id)) => page.after_id = decoded(id),
            Some(("before_id", id)) => page.before_id = decoded(id),
            _ => {}
        }
    }
    page
}
