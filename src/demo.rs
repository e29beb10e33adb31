//! `ai-gateway demo`: the whole gateway on loopback with two embedded providers, one of which is rate-limited.

mod providers;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{self, Config, ProcessEnvironment};
use crate::gateway::{Context, Reloadable};
use crate::http::{Server, Stopper};
use crate::json::Object;
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
    let first = start(&[loopback(0)], Arc::new(providers::RateLimited))?;
    let second = start(&[loopback(0)], Arc::new(providers::Steady))?;
    let server = listen(port)?;
    let address = *server.local_addrs().first().ok_or("no address")?;
    let config = configuration(address, first.address, second.address)?;
    let handler = Context::new(config.clone(), server.stats())?;
    let gateway = start_server(server, Arc::new(Reloadable::new(handler)))?;
    if !once {
        let stopper = gateway.stopper.clone();
        app::on_stop(move || stopper.stop())?;
    }

    let client = Client::new(Context::upstream_settings(&config))?;
    print(&format!(
        "The route \"demo\" has two steps: the first provider is rate-limited (429), the second answers.\n\
         The gateway listens on http://{address}\n"
    ));
    ask(&client, address, false)?;
    ask(&client, address, true)?;
    print(&format!("\nTry it yourself:\n  {}\n", curl(address)));
    if once {
        gateway.stopper.stop();
    } else {
        print("\nServing until Ctrl-C.\n");
    }
    let drained = gateway
        .thread
        .join()
        .map_err(|_| "the gateway ended abnormally")?;
    drained?;
    for provider in [first, second] {
        provider.stopper.stop();
        provider
            .thread
            .join()
            .map_err(|_| "a demo provider ended abnormally")??;
    }
    log::logger().flush();
    Ok(String::new())
}

struct DemoServer {
    address: SocketAddr,
    stopper: Stopper,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn listen(port: Option<u16>) -> std::io::Result<Server> {
    let limits = config::EdgeLimits::default();
    match port {
        Some(port) => Server::bind(&[loopback(port)], limits),
        None => Server::bind(&[loopback(USUAL_PORT)], limits.clone())
            .or_else(|_| Server::bind(&[loopback(0)], limits)),
    }
}

fn start(
    addresses: &[SocketAddr],
    handler: Arc<dyn crate::http::Handler>,
) -> std::io::Result<DemoServer> {
    start_server(
        Server::bind(addresses, config::EdgeLimits::default())?,
        handler,
    )
}

fn start_server(
    server: Server,
    handler: Arc<dyn crate::http::Handler>,
) -> std::io::Result<DemoServer> {
    let address = server
        .local_addrs()
        .first()
        .copied()
        .unwrap_or_else(|| loopback(0));
    let stopper = server.stopper();
    let thread = std::thread::Builder::new().spawn(move || server.run(handler).map(|_| ()))?;
    Ok(DemoServer {
        address,
        stopper,
        thread,
    })
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

/// Sends a request through the gateway's own HTTP interface and prints its answer.
fn ask(
    client: &Client,
    address: SocketAddr,
    stream: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let kind = if stream { "streamed" } else { "plain" };
    let body = body(stream);
    let url = format!("http://{address}/v1/chat/completions");
    print(&format!("\nA {kind} request: POST {url}\n  {body}\n"));
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
    print(&format!("  {}\n", head_line(&response)));
    let status = response.head.status;
    let answer = response.body.read_to_end(LONGEST_ANSWER, deadline)?;
    let answer = String::from_utf8(answer)?;
    if status != 200 {
        return Err(format!("the demo's own gateway answered {status}: {answer}").into());
    }
    if stream {
        print_events(&answer)
    } else {
        print_answer(&answer)
    }
    print(&format!("  took {} ms\n", started.elapsed().as_millis()));
    Ok(())
}

fn head_line(response: &Response) -> String {
    let header = |name| response.head.header(name).unwrap_or("-").to_owned();
    format!(
        "{}, X-Routed-Via: {}, X-Fallback-Count: {}, X-Request-Id: {}",
        response.head.status,
        header("x-routed-via"),
        header("x-fallback-count"),
        header("x-request-id"),
    )
}

fn print_answer(answer: &str) {
    print(&format!("  answer: {answer}\n"));
    print_summary(answer);
}

fn print_events(answer: &str) {
    let mut decoder = sse::Decoder::new(LONGEST_ANSWER);
    decoder.push(answer.as_bytes());
    let mut summary_of = None;
    while let Some(Ok(item)) = decoder.next_item() {
        if let sse::Item::Event(event) = item {
            print(&format!("  data: {}\n", event.data));
            summary_of.get_or_insert(event.data.into_owned());
        }
    }
    print_summary(summary_of.as_deref().unwrap_or_default());
}

fn print_summary(object: &str) {
    if let Ok(object) = Object::parse(object)
        && let Some(summary) = object.get("routing_summary")
    {
        print(&format!("  routing_summary: {summary}\n"));
    }
}

/// Prints a text, behind the lines that the log holds. A reader that has gone is no failure.
fn print(text: &str) {
    log::logger().flush();
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}
