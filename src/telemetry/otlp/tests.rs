use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::*;
use crate::sync::lock;
use crate::telemetry::trace::{Answered, Asked};

const PATIENCE: Duration = Duration::from_secs(10);

/// A collector that panics at the first exports, and keeps the others.
#[derive(Default)]
struct Shaky {
    panics: usize,
    calls: AtomicUsize,
    arrived: Mutex<Vec<Vec<u8>>>,
}

impl Transport for Shaky {
    fn post(&self, post: Post<'_>) -> Result<Reply, String> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        assert!(call >= self.panics, "in a test");
        lock(&self.arrived).push(post.body.to_vec());
        Ok(Reply {
            status: 200,
            content_type: None,
            retry_after: None,
            body: Vec::new(),
        })
    }
}

/// A collector that does not answer before the test ends.
struct Stuck(Mutex<Receiver<Infallible>>);

impl Transport for Stuck {
    fn post(&self, _: Post<'_>) -> Result<Reply, String> {
        let _ = lock(&self.0).recv();
        Err("the test has ended".to_owned())
    }
}

fn start(transport: Arc<dyn Transport>, delay: &str) -> Otlp {
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector"),
        ("OTEL_BSP_SCHEDULE_DELAY", delay),
    ];
    let environment: BTreeMap<String, String> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let settings = Settings::read(&environment);
    let (otlp, problems) = Otlp::start(&settings, &transport, &Masking::default());
    assert_eq!(problems, Vec::<String>::new());
    otlp
}

fn ask(tracer: &Tracer, path: &str) {
    let asked = || Asked {
        method: "GET",
        path,
        template: Some("/x"),
        client: std::net::Ipv4Addr::LOCALHOST.into(),
        request_id: "id",
        header: &|_| None,
        received: Instant::now(),
    };
    tracer.request(asked, false).end(&Answered::default());
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The SDK's thread would be gone for good.
#[test]
fn a_panic_on_the_way_costs_one_export() {
    let shaky = Arc::new(Shaky {
        panics: 1,
        ..Shaky::default()
    });
    let otlp = start(Arc::clone(&shaky) as _, "1");
    let health = Arc::clone(&otlp.healths()[0]);
    ask(&otlp.tracer(), "/lost");
    wait_until(|| health.lost(Loss::ExportFailed) == 1);
    ask(&otlp.tracer(), "/kept");
    wait_until(|| !lock(&shaky.arrived).is_empty());
    let message = lock(&shaky.arrived).remove(0);
    let message = ExportTraceServiceRequest::decode(message.as_slice()).unwrap();
    let span = &message.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.name, "GET /x");
    otlp.close(PATIENCE);
}

/// The SDK bounds the number of spans, which says nothing of their size; and in its count nobody would see what is lost.
#[test]
fn spans_beside_a_stuck_collector_are_bounded_and_counted() {
    let (end, stuck) = channel();
    let otlp = start(Arc::new(Stuck(Mutex::new(stuck))), "600000");
    let (tracer, health) = (otlp.tracer(), Arc::clone(&otlp.healths()[0]));
    for _ in 0..gate::MAX_WAITING + 3 {
        ask(&tracer, "/short");
    }
    assert_eq!(health.lost(Loss::QueueFull), 3);
    drop(end);
    otlp.close(PATIENCE);
    assert_eq!(health.lost(Loss::ExportFailed), gate::MAX_WAITING as u64);
}

#[test]
fn the_end_sends_what_waits() {
    let taking = Arc::new(Shaky::default());
    let otlp = start(Arc::clone(&taking) as _, "600000");
    ask(&otlp.tracer(), "/last");
    otlp.close(PATIENCE);
    assert_eq!(lock(&taking.arrived).len(), 1);
}
