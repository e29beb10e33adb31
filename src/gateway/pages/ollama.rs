//! The pages of Ollama's API: its version, and routes as its models.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::config::{Alias, Route};
use crate::dialect::error::Code;
use crate::dialect::ollama;
use crate::dialect::ollama::NAME;
use crate::dialect::ollama::lists::{self, Model};
use crate::dialect::request::Incoming;
use crate::dialect::translate::FrameForm;
use crate::gateway::accounts;
use crate::gateway::refusal::Refusal;
use crate::http::{Response, ResponseHead};

use super::models::context_length;
use super::visit::{Unserved, Visit};

/// The context length of a route of which nothing is known (tokens).
const CONTEXT_LENGTH: u64 = 131_072;

/// The words for what has no meaning here.
const UNSTORED: &str = "this is a gateway: models are configured, not stored";

/// The words of Ollama for a model that it cannot pull.
const NO_MANIFEST: &str = "pull model manifest: file does not exist";

/// `GET /api/version`.
pub fn version(visit: &Visit<'_, '_>, _: &[u8]) -> Result<Response, Unserved> {
    let ollama = visit.context.config.ollama.as_ref();
    let version = ollama.map_or("", |ollama| ollama.version.as_str());
    Ok(Response::json(200, format!(r#"{{"version":"{version}"}}"#)))
}

/// `GET /api/tags`: the routes that the caller may use, and their aliases.
pub fn tags(visit: &Visit<'_, '_>, _: &[u8]) -> Result<Response, Unserved> {
    let models = served(visit).flat_map(|route| models(visit, route));
    Ok(Response::json(200, lists::tags(models)))
}

/// `GET /api/ps`: the routes of which some step would be called now.
pub fn ready(visit: &Visit<'_, '_>, _: &[u8]) -> Result<Response, Unserved> {
    let now = Instant::now();
    let mut routes: Vec<&Arc<Route>> = served(visit).collect();
    {
        let ledger = visit.context.ledger.lock();
        routes.retain(|route| {
            let mut steps = route.steps.iter();
            steps.any(|step| ledger.cooling_of(step, now).is_none())
        });
    }
    let models = routes
        .into_iter()
        .map(|route| model(visit, route, &route.name));
    Ok(Response::json(200, lists::ready(models)))
}

/// `POST /api/show`: a route, by its name or an alias.
pub fn show(visit: &Visit<'_, '_>, body: &[u8]) -> Result<Response, Unserved> {
    let (name, _) = named(body)?;
    let route = find(visit, &name);
    let route = route.ok_or_else(|| unknown(visit, &name))?;
    let own = name.strip_suffix(ollama::TAG).unwrap_or(&name);
    Ok(Response::json(200, lists::show(&model(visit, route, own))))
}

/// `POST /api/pull`: a model that is configured is here already.
pub fn pull(visit: &Visit<'_, '_>, body: &[u8]) -> Result<Response, Unserved> {
    let (name, stream) = named(body)?;
    let is_known = find(visit, &name).is_some();
    let head = match stream {
        true => ResponseHead::new(200, FrameForm::Lines.media_type()),
        false if is_known => ResponseHead::new(200, "application/json"),
        false => ResponseHead::new(500, "application/json"),
    };
    let body = match (is_known, stream) {
        (true, stream) => lists::pulled(stream).to_owned(),
        (false, true) => format!("{{\"error\":\"{NO_MANIFEST}\"}}\n"),
        (false, false) => format!(r#"{{"error":"{NO_MANIFEST}"}}"#),
    };
    Ok(Response::new(head, body))
}

/// The endpoints that change what is stored.
pub fn unstored(_: &Visit<'_, '_>, _: &[u8]) -> Result<Response, Unserved> {
    Err(Refusal::new(Code::NotImplemented, UNSTORED).into())
}

/// The name in a body, and whether a stream is asked for.
fn named(body: &[u8]) -> Result<(String, bool), Refusal> {
    let request = ollama::read_name(Incoming::new(body, None));
    let request = request.map_err(|error| {
        let refusal = Refusal::new(error.code(), error.to_string());
        refusal.about(error.param())
    })?;
    match request.model.is_empty() {
        true => Err(Refusal::no_model(NAME)),
        false => Ok((request.model, request.stream)),
    }
}

fn find<'a>(visit: &Visit<'a, '_>, name: &str) -> Option<&'a Arc<Route>> {
    accounts::route_of(&visit.context.config, visit.client?, name, NAME)
}

fn unknown(visit: &Visit<'_, '_>, name: &str) -> Refusal {
    let name = visit.context.redactor.redact(name);
    Refusal::unknown_model(&ollama::Chat, &name)
}

fn served<'a>(visit: &Visit<'a, '_>) -> impl Iterator<Item = &'a Arc<Route>> {
    visit.routes().filter(|route| route.serves(NAME))
}

fn models<'a>(visit: &Visit<'a, '_>, route: &'a Route) -> Vec<Model<'a>> {
    let aliases = route.aliases.iter().filter_map(|alias| match alias {
        Alias::Exact(name) => Some(name.as_str()),
        Alias::Prefix(_) => None,
    });
    let names = [route.name.as_str()].into_iter().chain(aliases);
    names.map(|name| model(visit, route, name)).collect()
}

fn model<'a>(visit: &Visit<'_, '_>, route: &'a Route, name: &'a str) -> Model<'a> {
    Model {
        name,
        capabilities: &route.capabilities,
        context_length: context_length(route).unwrap_or(CONTEXT_LENGTH),
        modified: UNIX_EPOCH + Duration::from_secs(visit.context.configured),
    }
}
