//! `POST /v1/diagnostics/actions`: what an operator does from the status page. Only a client with `admin: true` may.
//!
//! The key stands in a header and the body is JSON under its own content type, so that no form of another site's page can
//! post one. Each is a line in the log, with the client's name.

mod outcome;
mod probe;

use std::time::Instant;

use serde::Deserialize;

use outcome::Outcome;

use super::context::Context;
use super::pending::Pending;
use super::refusal::Refusal;
use crate::config::Account;
use crate::dialect::error::Code;
use crate::http::Head;
use crate::text::for_people;

/// The actions, for those who ask for another.
const KNOWN: &str = "the actions are forget (provider, model), probe (route, step) and reload";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    action: String,
    provider: Option<String>,
    model: Option<String>,
    route: Option<String>,
    step: Option<usize>,
}

/// Does what the body asks for.
pub fn answer(context: &Context, mut pending: Pending<'_, '_>, client: &Account) {
    pending.exchange.identify(&client.name);
    if let Err(refusal) = admit(pending.exchange.head(), client) {
        return pending.refuse(refusal);
    }
    let body = match pending.exchange.read_body() {
        Ok(body) => body,
        Err(error) => return pending.refuse_body(error),
    };
    let wish: Wish = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(error) => {
            let message = format!("the body is no action: {error}; {KNOWN}");
            let message = context.redactor.redact(&message);
            let refusal = Refusal::new(Code::ValidationFailed, for_people(&message));
            return pending.refuse(refusal);
        }
    };
    let outcome = match (wish.action.as_str(), &wish.provider, &wish.route, wish.step) {
        ("forget", Some(provider), ..) => forget(context, provider, wish.model.as_deref()),
        ("forget", ..) => Err(Refusal::new(Code::ValidationFailed, KNOWN).about(Some("provider"))),
        ("probe", _, Some(route), Some(step)) => {
            let found = context.routes_of(client).find(|known| known.name == *route);
            let found = found.filter(|route| step < route.steps.len());
            return match found {
                Some(route) => probe::answer(context, pending, client, route, step),
                None => pending.refuse(Refusal::not_found("there is no such step")),
            };
        }
        ("probe", ..) => Err(Refusal::new(Code::ValidationFailed, KNOWN).about(Some("step"))),
        ("reload", ..) => Ok(reload(context)),
        _ => Err(Refusal::new(Code::ValidationFailed, KNOWN).about(Some("action"))),
    };
    match outcome {
        Ok(outcome) => {
            outcome.tell(client, &wish.action);
            // An action that came to nothing is answered nonetheless: other statuses are for requests that were none.
            pending.finish(outcome.response(200));
        }
        Err(refusal) => pending.refuse(refusal),
    }
}

fn admit(head: &Head, client: &Account) -> Result<(), Refusal> {
    if !client.admin {
        let message = "only a client with admin: true may do this";
        return Err(Refusal::new(Code::Forbidden, message));
    }
    let media_type = head.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    match media_type.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => {
            let message = "an action has Content-Type: application/json";
            Err(Refusal::new(Code::UnsupportedEncoding, message))
        }
    }
}

/// Takes marks off a provider, or off one of its models.
fn forget(context: &Context, provider: &str, model: Option<&str>) -> Result<Outcome, Refusal> {
    let providers = &context.config.providers;
    let provider = providers.iter().find(|known| known.name == provider);
    let provider = provider.ok_or_else(|| Refusal::not_found("there is no such provider"))?;
    let (now, index) = (Instant::now(), provider.index);
    let (forgotten, still_away) = {
        let mut ledger = context.ledger.lock();
        let forgotten = ledger.forgive(index, model, now);
        (forgotten, ledger.coolings_of(index, model, now) > 0)
    };
    context.ledger.changed();
    let of = match model {
        Some(model) => {
            let model = context.redactor.redact(model);
            format!("{}/{}", provider.name, for_people(&model))
        }
        None => provider.name.clone(),
    };
    let mut text = match forgotten {
        0 => format!("There was nothing to forget of {of}"),
        1 => format!("The mark on {of} is forgotten"),
        several => format!("{several} marks on {of} are forgotten"),
    };
    text.push_str(match still_away {
        true => "; a limit that is counted still keeps it away.",
        false => ".",
    });
    Ok(Outcome::new(forgotten > 0, text))
}

/// Reads the configuration again, as SIGHUP does.
fn reload(context: &Context) -> Outcome {
    match context.reloads.reload() {
        None => Outcome::new(false, "This gateway was not started from a file."),
        Some(Ok(late)) if late.is_empty() => {
            Outcome::new(true, "The configuration was read and taken over.")
        }
        Some(Ok(late)) => Outcome::new(
            true,
            format!(
                "The configuration was taken over; with a restart only: {}.",
                late.join(", ")
            ),
        ),
        Some(Err(problem)) => {
            let problem = context.redactor.redact(&problem);
            Outcome::new(false, format!("Refused, the old one stays: {problem}"))
        }
    }
}
