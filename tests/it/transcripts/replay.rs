//! A transcript's input, played against the built binary between scripted providers and a collector.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::{Answer, Departure, Ending, Exchange, Recorded, Transcript};
use super::mask::Mask;
use super::notation::{message, shown};
use super::{series, spans};
use crate::support::gateway::anonymous;
use crate::support::upstream::Request;
use crate::support::wire::Head;
use crate::support::{
    ClosedPort, Collector, Connection, End, Exposition, Gateway, Script, Upstream,
};

/// The place in a configuration where nobody listens.
const CLOSED: &str = "closed";

/// Ids of requests that separate one exchange from the next.
const FENCE: &str = "fence-";

/// Exports of spans alone, a moment after they end. Metrics are read from `/metrics`, log lines from the output.
const EXPORTS: [(&str, &str); 3] = [
    ("OTEL_BSP_SCHEDULE_DELAY", "5"),
    ("OTEL_LOGS_EXPORTER", "none"),
    ("OTEL_METRICS_EXPORTER", "none"),
];

/// The gateway, what surrounds it, and the client's connection.
struct Stage {
    gateway: Gateway,
    collector: Collector,
    providers: BTreeMap<String, Upstream>,
    closed: ClosedPort,
    /// Kept from one exchange to the next, as long as the gateway keeps it.
    connection: Option<Connection>,
    fences: usize,
}

/// Plays all exchanges.
///
/// # Errors
/// The input is no transcript, or the gateway's calls are not those that it has answers for.
pub fn replay(transcript: &Transcript) -> Result<Vec<Recorded>, String> {
    let mut stage = Stage::set(transcript);
    let exchanges = transcript.exchanges.iter().enumerate();
    exchanges
        .map(|(index, exchange)| stage.play(index, exchange))
        .collect()
}

impl Stage {
    fn set(transcript: &Transcript) -> Self {
        let collector = Collector::new();
        let closed = ClosedPort::new();
        let mut configuration = format!("listen: 127.0.0.1:0\n{}\n", transcript.configuration);
        let mut providers = BTreeMap::new();
        for name in placeholders(&transcript.configuration) {
            let address = if name == CLOSED {
                closed.address
            } else {
                let unscripted = || Script::json(500, r#"{"error":{"message":"not scripted"}}"#);
                let provider = Upstream::answering(move |_| unscripted());
                let address = provider.address;
                providers.insert(name.clone(), provider);
                address
            };
            configuration = configuration.replace(&format!("<{name}>"), &address.to_string());
        }
        let mut environment = vec![("OTLP_ENDPOINT".to_owned(), collector.address())];
        environment.extend(EXPORTS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment.extend(transcript.variables());
        let mut stage = Self {
            gateway: Gateway::with(&configuration, &environment),
            collector,
            providers,
            closed,
            connection: None,
            fences: 0,
        };
        // What is said of the start is not the first exchange's.
        stage.fence();
        stage
    }

    fn play(&mut self, index: usize, exchange: &Exchange) -> Result<Recorded, String> {
        let earlier_lines = self.lines().len();
        let earlier_spans = self.collector.spans().len();
        let before = Exposition::of(&self.gateway);
        let earlier_calls = self.script(&exchange.answers)?;

        let request = message(&exchange.request, true)?;
        let answer = match exchange.departure {
            None => Some(self.ask(&request)),
            Some(departure) => {
                self.ask_and_leave(&request, departure, &exchange.answers);
                self.wait_for_departure(&request, &before);
                None
            }
        };
        let after = Exposition::of(&self.gateway);
        self.fence();

        let mut lines = self.lines().split_off(earlier_lines);
        lines.retain(|line| !line.contains(FENCE));
        let mut spans = self.collector.spans().split_off(earlier_spans);
        spans.retain(|span| !spans::request_id(span).starts_with(FENCE));

        let mut mask = Mask::new(index);
        let sent = String::from_utf8_lossy(&request).into_owned();
        self.hide_addresses(&mut mask);
        spans::hide_ids(&mut mask, &mut spans, &sent);
        let request_id = answer.as_ref().and_then(|answer| answer.id.as_deref());
        for line in &lines {
            hide_ids(&mut mask, line, &sent);
        }
        if let Some(id) = request_id.filter(|id| !sent.contains(id)) {
            mask.hide(id, "<request-id>");
        }
        let calls = self.calls(&earlier_calls, &exchange.answers);
        let calls = calls.map_err(|why| format!("{why}\nthe log:\n{}", lines.join("\n")))?;
        for (_, call) in &calls {
            hide_trace(&mut mask, call.head.get("traceparent"), &sent);
        }
        let calls = calls.into_iter().map(|(provider, call)| {
            let bytes = [call.head.raw.as_slice(), &call.body].concat();
            (provider, mask.text(&shown(&bytes)))
        });
        Ok(Recorded {
            calls: calls.collect(),
            answer: answer.map_or(("", String::new()), |answer| answer.told(&mask)),
            log: mask.text(&lines.join("\n")),
            spans: spans::told(&spans, &mask),
            metrics: series::changed(&before, &after),
        })
    }

    /// Gives the providers their answers. Tells how many calls each has had so far.
    fn script(&self, answers: &[Answer]) -> Result<BTreeMap<String, usize>, String> {
        for Answer {
            provider,
            text,
            ending,
        } in answers
        {
            let known = self.providers.get(provider);
            let upstream = known.ok_or_else(|| format!("<{provider}> is not configured"))?;
            let script = Script::raw(message(text, ending.is_none())?);
            upstream.then(match ending {
                None => script,
                Some(Ending::Close) => script.close(),
                Some(Ending::Reset) => script.reset(),
                Some(Ending::Silence) => script.silence(),
            });
        }
        let calls = self.providers.iter();
        Ok(calls
            .map(|(name, provider)| (name.clone(), provider.requests().len()))
            .collect())
    }

    /// The calls that were made since, in the order of their arrival: one for each answer, no more and no less.
    fn calls(
        &self,
        earlier: &BTreeMap<String, usize>,
        answers: &[Answer],
    ) -> Result<Vec<(String, Request)>, String> {
        let mut calls = Vec::new();
        for (name, provider) in &self.providers {
            let scripted = answers.iter().filter(|answer| answer.provider == *name);
            let is_silent = |answer: &Answer| answer.ending == Some(Ending::Silence);
            let given_up = scripted.clone().any(is_silent);
            let (earlier, scripted) = (earlier[name], scripted.count());
            if given_up {
                // Nothing that the gateway got from this provider tells that the call has been read.
                provider.wait_for_requests(earlier + scripted);
            }
            let new = provider.requests().split_off(earlier);
            let made = new.len();
            if made != scripted {
                return Err(format!(
                    "calls to provider {name}: {made}, answers that it has for them: {scripted}"
                ));
            }
            calls.extend(new.into_iter().map(|call| (name.clone(), call)));
        }
        calls.sort_by_key(|(_, call)| call.at);
        Ok(calls)
    }

    /// Sends a request, takes its answer, and waits until the gateway is done with it.
    fn ask(&mut self, request: &[u8]) -> Said {
        let mut connection = self.connection.take().unwrap_or_else(|| self.connect());
        connection.send(request);
        let response = if request.starts_with(b"HEAD ") {
            connection.response_to_head()
        } else {
            connection.response()
        };
        let closes = response.header("connection") == Some("close");
        let said = Said {
            id: response.header("x-request-id").map(str::to_owned),
            head: response.head.raw.clone(),
            fate: match &response.end {
                End::Complete if closes => "then closes",
                End::Complete => "",
                End::Cut(_) => "then is cut",
            },
            body: response.body,
        };
        if said.fate.is_empty() {
            self.connection = Some(settled(connection));
        } else if closes {
            assert!(connection.is_closed(), "it is announced, and does not come");
        }
        said
    }

    fn ask_and_leave(&self, request: &[u8], departure: Departure, answers: &[Answer]) {
        let mut connection = self.connect();
        connection.send(request);
        match departure {
            Departure::BeforeAnswer => {
                for answer in answers {
                    self.providers[&answer.provider].wait_for_requests(1);
                }
            }
            Departure::WithinAnswer => {
                connection.stream().piece().expect("a part of an answer");
            }
        }
    }

    /// Nothing is answered to a client that has left: the end of its request shows in its log line, then in the metrics,
    /// then in its span. It has to name its request, as it does not learn the gateway's name for it.
    fn wait_for_departure(&self, request: &[u8], before: &Exposition) {
        let head = Head::parse(request);
        let id = head.get("x-request-id").expect("an X-Request-Id");
        self.gateway
            .wait_for_log(|line| line["request_id"] == id && line["msg"] == "request");
        let ended = |read: &Exposition| read.sum("ai_gateway_requests_total", &["499"]);
        Exposition::once(&self.gateway, |now| ended(now) > ended(before));
        self.wait_for_span(id);
    }

    fn wait_for_span(&self, id: &str) {
        self.collector.wait_for_spans("a request's span", |all| {
            let mut ids = all.iter().map(spans::request_id);
            ids.find(|one| one == id).map(drop)
        });
    }

    /// A request that has arrived everywhere: in the log, in the metrics, at the collector. Whatever was told before it
    /// has arrived as well, as all of these keep the order.
    fn fence(&mut self) {
        self.fences += 1;
        let id = format!("{FENCE}{}", self.fences);
        let mut connection = self.connect();
        connection.send(anonymous("GET", "/fence", &[("X-Request-Id", &id)], ""));
        connection.response();
        settled(connection);
        self.gateway.wait_for_log(|line| line["request_id"] == id);
        self.wait_for_span(&id);
    }

    fn connect(&self) -> Connection {
        self.gateway.connect()
    }

    fn lines(&self) -> Vec<String> {
        let text = self.gateway.output.text();
        text.lines().map(str::to_owned).collect()
    }

    fn hide_addresses(&self, mask: &mut Mask) {
        for (name, provider) in &self.providers {
            mask.hide(&provider.address.to_string(), &format!("<{name}>"));
        }
        mask.hide(&self.closed.address.to_string(), "<closed>");
    }
}

/// What the client got.
struct Said {
    id: Option<String>,
    head: Vec<u8>,
    body: Vec<u8>,
    fate: &'static str,
}

impl Said {
    fn told(&self, mask: &Mask) -> (&'static str, String) {
        (
            self.fate,
            mask.answer(&shown(&self.head), &shown(&self.body)),
        )
    }
}

/// A connection whose requests are over for the gateway as well: it answers the next one only then. A question for the
/// metrics is neither logged nor counted nor traced.
fn settled(mut connection: Connection) -> Connection {
    connection.send(anonymous("GET", "/metrics", &[], ""));
    let status = connection.response().status;
    assert_eq!(status, 200, "the next answer on the connection");
    connection
}

/// Ids that stand in a log line and were made for this request.
fn hide_ids(mask: &mut Mask, line: &str, sent: &str) {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    for (member, placeholder) in [
        ("request_id", "<request-id>"),
        ("trace_id", "<trace-id>"),
        ("span_id", "<span>"),
    ] {
        let id = line[member].as_str().unwrap_or_default();
        if !sent.contains(id) {
            mask.hide(id, placeholder);
        }
    }
}

/// The ids in a provider's `traceparent`. A trace that is not kept has no spans to tell them from.
fn hide_trace(mask: &mut Mask, header: Option<&str>, sent: &str) {
    let mut parts = header.unwrap_or_default().split('-').skip(1);
    for placeholder in ["<trace-id>", "<span>"] {
        let id = parts.next().unwrap_or_default();
        if !sent.contains(id) {
            mask.hide(id, placeholder);
        }
    }
}

/// The names in `http://<name>/`.
fn placeholders(configuration: &str) -> Vec<String> {
    let mut names: Vec<String> = configuration
        .split("://<")
        .skip(1)
        .filter_map(|behind| Some(behind.split_once('>')?.0.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}
