//! `selftest --online`: one real request of a few tokens to each step, through a gateway on loopback.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::app::in_process::{InProcess, loopback};
use crate::config::{Account, Config, Route, Step};
use crate::gateway::{Context, Reloadable};
use crate::http::Server;
use crate::secret::Secret;
use crate::sse;
use crate::upstream::{self, Call, Client, Method};

use super::harmless::CLIENT_KEY;

/// The tokens of an answer.
const TOKENS: u32 = 5;

/// The longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(60);

/// The longest answer (bytes).
const LONGEST: usize = 256 * 1024;

/// The number of steps that [`online`] asks: those of routes that serve conversations.
pub fn steps_to_ask(routes: &[&Arc<Route>]) -> usize {
    let asked = routes.iter().filter(|route| route.serves("chat"));
    asked.map(|route| route.steps.len()).sum()
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
        if !route.serves("chat") {
            tell(&format!(
                "{}: serves no chat, and is not asked\n",
                route.name
            ));
            continue;
        }
        tell(&format!("{}\n", route.name));
        for (index, step) in route.steps.iter().enumerate() {
            let found = ask(config, route, step, &client)?;
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
) -> Result<Result<String, String>, String> {
    let gateway = start(config, route, step)?;
    let url = format!("http://{}/v1/chat/completions", gateway.address);
    let answer = read(client, &url);
    gateway.stopper.stop();
    gateway.join().map_err(|error| error.to_string())?;
    Ok(answer)
}

/// A gateway with a route of this step alone, under the real address and keys, that keeps nothing.
fn start(config: &Config, route: &Route, step: &Step) -> Result<InProcess, String> {
    let route = Route {
        name: "selftest".to_owned(),
        aliases: Vec::new(),
        endpoints: None,
        steps: vec![step.clone()],
        ..route.clone()
    };
    let config = Config {
        clients: vec![Account::unlimited("selftest", Secret::new(CLIENT_KEY))],
        state_file: None,
        accounts_file: None,
        shared: None,
        hosts: Vec::new(),
        ollama: None,
        response_model: crate::config::ResponseModel::Upstream,
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

fn read(client: &Client, url: &str) -> Result<String, String> {
    let body = format!(
        r#"{{"model":"selftest","messages":[{{"role":"user","content":"Say hi."}}],"max_tokens":{TOKENS},"stream":true,"stream_options":{{"include_usage":true}}}}"#
    );
    let bearer = format!("Bearer {CLIENT_KEY}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let started = Instant::now();
    let deadline = started + LIMIT;
    let response = client.call(Call {
        method: Method::Post,
        url,
        headers: &headers,
        body: Some(&[body.as_bytes()]),
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
        return Err(refusal(status, &bytes));
    }
    events(&bytes, first.unwrap_or_else(|| started.elapsed()))
}

/// The provider's own status and words, which the refusal of the gateway holds.
fn refusal(status: u16, body: &[u8]) -> String {
    let refusal: Value = serde_json::from_slice(body).unwrap_or_default();
    let step = refusal.pointer("/error/details/steps/0");
    let status_of_step = step.and_then(|step| step.get("status")?.as_u64());
    let words = step.and_then(|step| step.get("error")?.as_str());
    let words = words.or(refusal.pointer("/error/message").and_then(Value::as_str));
    let status = status_of_step.unwrap_or(u64::from(status));
    format!("{status}: {}", words.unwrap_or("no words"))
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
    let mut words = format!(
        "200, {}, first content after {} ms",
        model.as_deref().unwrap_or("no model named"),
        first.as_millis()
    );
    let count = |name: &str| usage.as_ref().and_then(|usage| usage.get(name)?.as_u64());
    // Writing into a String cannot fail.
    let _ = match (count("prompt_tokens"), count("completion_tokens")) {
        (Some(input), Some(output)) => write!(words, ", {input} tokens in, {output} out"),
        _ => write!(words, ", tokens not told"),
    };
    if !content.trim().is_empty() {
        let _ = write!(words, ", {:?}", content.trim());
    }
    Ok(words)
}
