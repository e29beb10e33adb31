//! `selftest --online`: one real request of a few tokens to each step, through a gateway on loopback.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::app::in_process::{InProcess, loopback};
use crate::config::{Account, Config, EdgeLimits, ResponseModel, Route, Step};
use crate::gateway::{Context, Reloadable};
use crate::http::Server;
use crate::secret::Secret;
use crate::sse;
use crate::upstream::{self, Call, Client, Method};

use super::endpoint::{Asked, Endpoint};
use super::harmless::CLIENT_KEY;
use super::rows::Form;

/// The name of the route that leads to the step.
const ROUTE: &str = "selftest";

/// The tokens of an answer.
const TOKENS: u32 = 5;

/// The longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(60);

/// The longest answer (bytes).
const LONGEST: usize = 256 * 1024;

/// The endpoints that are asked; the others would cost more than a few tokens.
const ASKED: [&str; 4] = ["completions", "embeddings", "rerank", "moderations"];

/// The number of steps that [`online`] asks.
pub fn steps_to_ask(routes: &[&Arc<Route>]) -> usize {
    let asked = routes.iter().filter(|route| question(route).is_some());
    asked.map(|route| route.steps.len()).sum()
}

/// The request to each step of a route; `None` where it serves nothing that is cheap to ask.
fn question(route: &Route) -> Option<Asked> {
    let endpoint = Endpoint::of(route);
    if endpoint.has_text() && endpoint.name != "completions" {
        let body = format!(
            r#"{{"model":"{ROUTE}","messages":[{{"role":"user","content":"Say hi."}}],"max_tokens":{TOKENS},"stream":true,"stream_options":{{"include_usage":true}}}}"#
        );
        return Some(Asked {
            path: "/v1/chat/completions",
            content_type: "application/json".to_owned(),
            body: body.into_bytes(),
            stream: true,
        });
    }
    let is_asked = ASKED.contains(&endpoint.name);
    is_asked.then(|| endpoint.ask(ROUTE, Form::Plain))
}

/// Asks each step of these routes; tells each, and whether all answered. `tell` is given a line as soon as it is known.
///
/// # Errors
/// The gateway cannot be started here, as where a `ca_file` is none.
pub fn online(
    config: &Config,
    routes: &[&Arc<Route>],
    mut tell: impl FnMut(&str),
) -> Result<bool, String> {
    let client = Client::new(upstream::Settings::default())?;
    let redactor = config.redactor();
    let mut is_well = true;
    for route in routes {
        let Some(asked) = question(route) else {
            let name = Endpoint::of(route).name;
            tell(&format!(
                "{}\n  not asked: a request of {name} costs more than a few tokens\n",
                route.name
            ));
            continue;
        };
        tell(&format!("{}\n", route.name));
        for (index, step) in route.steps.iter().enumerate() {
            let found = ask(config, route, step, &client, &asked)?;
            is_well &= found.is_ok();
            let words = match found {
                Ok(words) => words,
                Err(words) => format!("FAILED: {words}"),
            };
            let place = format!("{}. {}/{}", index + 1, step.provider.name, step.model);
            tell(&redactor.mask(&format!("  {place}: {words}\n")));
        }
    }
    Ok(is_well)
}

/// The answer of a step in words.
fn ask(
    config: &Config,
    route: &Route,
    step: &Step,
    client: &Client,
    asked: &Asked,
) -> Result<Result<String, String>, String> {
    let gateway = start(config, route, step)?;
    let url = format!("http://{}{}", gateway.address, asked.path);
    let answer = read(client, &url, asked);
    gateway.stopper.stop();
    gateway.join().map_err(|error| error.to_string())?;
    Ok(answer)
}

/// A gateway with a route of this step alone, under the real address and keys, that keeps nothing.
fn start(config: &Config, route: &Route, step: &Step) -> Result<InProcess, String> {
    let route = Route {
        name: ROUTE.into(),
        aliases: Vec::new(),
        endpoints: None,
        stream_keepalive: None,
        steps: vec![step.clone()],
        ..route.clone()
    };
    let server = EdgeLimits {
        stream_keepalive: None,
        ..config.server.clone()
    };
    let config = Config {
        server,
        clients: vec![Account::unlimited("selftest", Secret::new(CLIENT_KEY))],
        state_file: None,
        accounts_file: None,
        shared: None,
        hosts: Vec::new(),
        ollama: None,
        wyoming: None,
        history: 0,
        response_model: ResponseModel::Upstream,
        default_routes: Vec::new(),
        routes: vec![Arc::new(route)],
        ..config.clone()
    };
    let server = Server::bind(&[loopback(0)], config.server.clone());
    let server = server.map_err(|error| error.to_string())?;
    let context = Context::new(config, server.stats())?;
    let started = InProcess::run(server, Arc::new(Reloadable::new(context)));
    started.map_err(|error| error.to_string())
}

fn read(client: &Client, url: &str, asked: &Asked) -> Result<String, String> {
    let bearer = format!("Bearer {CLIENT_KEY}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", asked.content_type.as_str()),
    ];
    let started = Instant::now();
    let deadline = started + LIMIT;
    let response = client.call(Call {
        method: Method::Post,
        url,
        headers: &headers,
        body: Some(&[&asked.body]),
        deadline,
        client: None,
    });
    let mut response = response.map_err(|error| error.to_string())?;
    let status = response.head.status;
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    let mut first = None;
    while bytes.len() < LONGEST {
        let read = response.body.read(&mut piece, deadline);
        let read = read.map_err(|error| format!("{status}, then broken: {error}"))?;
        if read == 0 {
            break;
        }
        // The gateway sends nothing before the first content.
        first.get_or_insert_with(|| started.elapsed());
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    if status != 200 {
        return refusal(status, &bytes);
    }
    let first = first.unwrap_or_else(|| started.elapsed());
    if asked.stream {
        return events(&bytes, first);
    }
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let model = answer.get("model").and_then(Value::as_str);
    Ok(told(model, first, answer.get("usage"), ""))
}

/// The provider's own status and words, which the refusal of the gateway holds. A model that reasons first has said
/// nothing after a few tokens: it is there all the same.
fn refusal(status: u16, body: &[u8]) -> Result<String, String> {
    let refusal: Value = serde_json::from_slice(body).unwrap_or_default();
    let step = refusal.pointer("/error/details/steps/0");
    let text = |name: &str| step.and_then(|step| step.get(name)?.as_str());
    if text("class") == Some("empty_answer") {
        return Ok(
            "200, and nothing said within so few tokens, as of a model that reasons".to_owned(),
        );
    }
    let status_of_step = step.and_then(|step| step.get("status")?.as_u64());
    let words = text("error").or(refusal.pointer("/error/message").and_then(Value::as_str));
    let status = status_of_step.unwrap_or(u64::from(status));
    Err(format!("{status}: {}", words.unwrap_or("no words")))
}

fn events(body: &[u8], first: Duration) -> Result<String, String> {
    let mut decoder = sse::Decoder::new(LONGEST);
    decoder.push(body);
    let (mut model, mut content, mut usage) = (None, String::new(), None);
    while let Some(Ok(item)) = decoder.next_item() {
        let sse::Item::Event(event) = item else {
            continue;
        };
        let Ok(frame) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        if let Some(error) = frame.pointer("/error/message").and_then(Value::as_str) {
            return Err(format!("200, then broken: {error}"));
        }
        let text = |place: &str| frame.pointer(place).and_then(Value::as_str);
        model = model.or_else(|| text("/model").map(str::to_owned));
        content.push_str(text("/choices/0/delta/content").unwrap_or_default());
        let counts = frame.get("usage").filter(|usage| usage.is_object());
        usage = counts.cloned().or(usage);
    }
    Ok(told(model.as_deref(), first, usage.as_ref(), &content))
}

/// An answer in words.
fn told(model: Option<&str>, first: Duration, usage: Option<&Value>, content: &str) -> String {
    let mut words = format!(
        "200, {}, first content after {} ms",
        model.unwrap_or("no model named"),
        first.as_millis()
    );
    let count = |name: &str| usage.and_then(|usage| usage.get(name)?.as_u64());
    // Writing into a String cannot fail.
    let _ = match (count("prompt_tokens"), count("completion_tokens")) {
        (Some(input), Some(output)) => write!(words, ", {input} tokens in, {output} out"),
        (Some(input), None) => write!(words, ", {input} tokens in"),
        _ => write!(words, ", tokens not told"),
    };
    if !content.trim().is_empty() {
        let _ = write!(words, ", {:?}", content.trim());
    }
    words
}
