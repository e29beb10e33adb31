//! `ai-gateway demo`: the whole gateway on loopback with two embedded providers, one of which is rate-limited.

mod providers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::in_process::{InProcess, loopback};
use crate::config::{self, Config, ProcessEnvironment};
use crate::gateway::{Context, Reloadable};
use crate::http::Server;
use crate::json::Object;
use crate::show::{Show, Style};
use crate::upstream::{Call, Client, Method, Response};
use crate::{app, sse};

/// The port when none is asked for, unless it is taken.
const USUAL_PORT: u16 = 8080;
const KEY: &str = "demo-gateway-key";
const LIMIT: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: usize = 1024 * 1024;

const CONFIGURATION: &str = "\
listen: ${LISTEN}
api_key: ${KEY}
providers:
  - name: rate-limited
    api_key: demo-provider-key-1
    base_url: http://${FIRST}/v1
  - name: steady
    api_key: demo-provider-key-2
    base_url: http://${SECOND}/v1
routes:
  - name: demo
    steps:
      - provider: rate-limited
        model: always-429
      - provider: steady
        model: echo-1
";

/// Serves the demo; returns after two requests when `once`, else when a signal ends it.
///
/// # Errors
/// Whatever kept the demo from its answers, as a text for people.
pub fn run(port: Option<u16>, once: bool) -> Result<String, Box<dyn std::error::Error>> {
    // The demo's own words are the output; records of the log only when asked for.
    if std::env::var_os("LOG_LEVEL").is_some() {
        app::start_log(&ProcessEnvironment, None)?;
    }
    let first = InProcess::start(Arc::new(providers::RateLimited))?;
    let second = InProcess::start(Arc::new(providers::Steady))?;
    let server = listen(port)?;
    let address = *server.local_addrs().first().ok_or("no address")?;
    let config = configuration(address, first.address, second.address)?;
    let handler = Context::new(config.clone(), server.stats())?;
    let gateway = InProcess::run(server, Arc::new(Reloadable::new(handler)))?;
    if !once {
        let stopper = gateway.stopper.clone();
        app::on_stop(move || stopper.stop())?;
    }

    let show = Show::on_stdout();
    let client = Client::new(Context::upstream_settings(&config))?;
    show.print(&format!(
        "The route \"demo\" has two steps: the first provider is rate-limited (429), the second answers.\n\
         The gateway listens on http://{address}\n"
    ));
    ask(show, &client, address, false)?;
    ask(show, &client, address, true)?;
    if once {
        gateway.stopper.stop();
    } else {
        show.print(&suggestions(show, address));
    }
    gateway.join()?;
    for provider in [first, second] {
        provider.stopper.stop();
        provider.join()?;
    }
    log::logger().flush();
    Ok(String::new())
}

fn listen(port: Option<u16>) -> std::io::Result<Server> {
    let limits = config::EdgeLimits::default();
    match port {
        Some(port) => Server::bind(&[loopback(port)], limits),
        None => Server::bind(&[loopback(USUAL_PORT)], limits.clone())
            .or_else(|_| Server::bind(&[loopback(0)], limits)),
    }
}

fn configuration(
    listen: SocketAddr,
    first: SocketAddr,
    second: SocketAddr,
) -> Result<Config, config::Errors> {
    let variables = [
        ("LISTEN", listen.to_string()),
        ("KEY", KEY.to_owned()),
        ("FIRST", first.to_string()),
        ("SECOND", second.to_string()),
    ];
    let variables: BTreeMap<String, String> = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    config::parse(CONFIGURATION, &variables)
}

fn body(stream: bool) -> String {
    let stream = if stream { r#","stream":true"# } else { "" };
    format!(
        r#"{{"model":"demo","messages":[{{"role":"user","content":"Hello, gateway!"}}]{stream}}}"#
    )
}

fn curl(address: SocketAddr) -> String {
    format!(
        "curl -s http://{address}/v1/chat/completions -H 'Authorization: Bearer {KEY}' -d '{}'",
        body(false)
    )
}

/// The suggestions for the time while the demo serves.
fn suggestions(show: Show, address: SocketAddr) -> String {
    let head = |text| show.styled(Style::Heading, text);
    format!(
        "\n{}\n  {}\n\n{}\n  http://{address}/   in a browser; the key it asks for is {KEY}\n\n\
         Serving until Ctrl-C. A gateway of your own begins with: ai-gateway init\n",
        head("Try it yourself"),
        curl(address),
        head("The status page"),
    )
}

/// Sends a request through the gateway's own HTTP interface and prints its answer.
fn ask(
    show: Show,
    client: &Client,
    address: SocketAddr,
    stream: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let title = if stream {
        "A streamed request"
    } else {
        "A plain request"
    };
    let body = body(stream);
    let url = format!("http://{address}/v1/chat/completions");
    let title = show.styled(Style::Heading, title);
    let sent = show.json(&body, 2);
    show.print(&format!("\n{title}: POST {url}\n{sent}\n"));
    let bearer = format!("Bearer {KEY}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let started = Instant::now();
    let deadline = started + LIMIT;
    let response = client.call(Call {
        method: Method::Post,
        url: &url,
        headers: &headers,
        body: Some(&[body.as_bytes()]),
        deadline,
        client: None,
    })?;
    let head = head_lines(&response);
    let status = response.head.status;
    let answer = response.body.read_to_end(LONGEST_ANSWER, deadline)?;
    let took = started.elapsed().as_millis();
    let answer = String::from_utf8(answer)?;
    if status != 200 {
        return Err(format!("the demo's own gateway answered {status}: {answer}").into());
    }
    show.print(&format!(
        "{}: {status}, after {took} ms\n{}",
        show.styled(Style::Heading, "The answer"),
        show.styled(Style::Aside, &head)
    ));
    let (printed, summary) = if stream {
        events(show, &answer)
    } else {
        whole(show, &answer)
    };
    show.print(&printed);
    if let Some(summary) = summary {
        let title = show.styled(Style::Heading, "Its routing_summary");
        show.print(&format!("{title}\n{}", show.summary(&summary)));
    }
    Ok(())
}

fn head_lines(response: &Response) -> String {
    let header = |name| response.head.header(name).unwrap_or("-").to_owned();
    format!(
        "  X-Routed-Via: {}\n  X-Fallback-Count: {}\n  X-Request-Id: {}\n",
        header("x-routed-via"),
        header("x-fallback-count"),
        header("x-request-id"),
    )
}

/// A plain answer as it is printed, and its routing summary, which has a table instead.
fn whole(show: Show, answer: &str) -> (String, Option<String>) {
    let (answer, summary) = without_summary(answer);
    (format!("{}\n", show.json(&answer, 2)), summary)
}

/// The events of a stream as they are printed, and the routing summary of the first.
fn events(show: Show, answer: &str) -> (String, Option<String>) {
    let mut decoder = sse::Decoder::new(LONGEST_ANSWER);
    decoder.push(answer.as_bytes());
    let (mut printed, mut summary) = (String::new(), None);
    while let Some(Ok(item)) = decoder.next_item() {
        if let sse::Item::Event(event) = item {
            let (data, found) = without_summary(&event.data);
            summary = summary.or(found);
            let line = show.json_line(&data);
            printed.push_str(&format!(
                "  {} {line}\n",
                show.styled(Style::Aside, "data:")
            ));
        }
    }
    (printed, summary)
}

fn without_summary(json: &str) -> (String, Option<String>) {
    let Ok(mut object) = Object::parse(json) else {
        return (json.to_owned(), None);
    };
    let summary = object.get("routing_summary").map(str::to_owned);
    object.remove("routing_summary");
    (object.to_json(), summary)
}
