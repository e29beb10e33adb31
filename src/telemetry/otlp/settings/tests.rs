use std::collections::BTreeMap;

use super::*;

fn read(variables: &[(&str, &str)]) -> Settings {
    let variables = variables.iter();
    let environment: BTreeMap<String, String> = variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::read(&environment)
}

fn urls(settings: &Settings) -> Vec<&str> {
    let destinations = settings.destinations.iter();
    destinations.map(|one| one.url.as_str()).collect()
}

fn header<'s>(settings: &'s Settings, signal: Signal, name: &str) -> Option<&'s str> {
    let headers = &settings.destination(signal)?.headers;
    let mut named = headers.iter().filter(|(known, _)| known == name);
    let value = named.next().map(|(_, value)| value.expose());
    assert!(named.next().is_none(), "{name} is there twice");
    value
}

/// No endpoint, no thread: whatever else is set.
#[test]
fn nothing_is_exported_without_an_endpoint() {
    for variables in [
        &[][..],
        &[("OTLP_ENDPOINT", " "), ("OTLP_API_KEY", "key")],
        &[
            ("OTEL_SERVICE_NAME", "x"),
            ("OTEL_TRACES_SAMPLER", "nonsense"),
        ],
        &[("OTLP_ENDPOINT", "host:1"), ("OTEL_SDK_DISABLED", "True")],
    ] {
        let settings = read(variables);
        assert!(
            settings.destinations.is_empty() && settings.problems.is_empty(),
            "{settings:?}"
        );
    }
}

#[test]
fn one_endpoint_is_for_all_signals() {
    for name in ["OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        let settings = read(&[(name, "localhost:4318")]);
        let expected =
            ["traces", "logs", "metrics"].map(|end| format!("http://localhost:4318/v1/{end}"));
        assert_eq!(urls(&settings), expected);
    }
}

#[test]
fn a_signal_can_go_elsewhere_or_nowhere() {
    let settings = read(&[
        ("OTLP_ENDPOINT", "https://all"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://phoenix:6006/in",
        ),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    assert_eq!(
        urls(&settings),
        ["http://phoenix:6006/in", "https://all/v1/logs"]
    );
    let settings = read(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://loki")]);
    assert_eq!(urls(&settings), ["http://loki/v1/logs"]);
}

/// Metrics that Prometheus asks for are not wanted twice; another exporter than ours is no reason to guess.
#[test]
fn exporters_are_chosen_by_name() {
    for (chosen, all, told) in [
        ("otlp", 3, false),
        ("prometheus, OTLP", 3, false),
        ("None", 2, false),
        ("prometheus", 2, false),
        ("console", 2, true),
    ] {
        let settings = read(&[
            ("OTLP_ENDPOINT", "https://all"),
            ("OTEL_METRICS_EXPORTER", chosen),
        ]);
        assert_eq!(urls(&settings).len(), all, "{chosen}");
        let told_of = |problem: &String| problem.contains("OTEL_METRICS_EXPORTER");
        assert_eq!(settings.problems.iter().any(told_of), told, "{chosen}");
    }
}

#[test]
fn otel_wins_over_otlp() {
    let settings = read(&[
        ("OTLP_ENDPOINT", "https://go"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://spec"),
        ("OTLP_SERVICE_NAME", "go"),
        ("OTEL_SERVICE_NAME", "spec"),
        ("OTLP_HEADERS", "X-A=go,x-b=go"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-a=spec"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-a=logs"),
        ("OTLP_RESOURCE_ATTRIBUTES", "a=go,b=go"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=spec,service.name=ignored"),
    ]);
    assert_eq!(urls(&settings).first(), Some(&"https://spec/v1/traces"));
    assert_eq!(header(&settings, Signal::Traces, "x-a"), Some("spec"));
    assert_eq!(header(&settings, Signal::Logs, "x-a"), Some("logs"));
    assert_eq!(header(&settings, Signal::Logs, "x-b"), Some("go"));
    let mut resource = settings.resource.clone();
    resource.sort();
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        ("a", "spec"),
        ("b", "go"),
        ("service.name", "spec"),
        ("service.version", version),
    ];
    assert_eq!(
        resource,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

#[test]
fn the_service_has_a_name() {
    let name = |variables: &[(&str, &str)]| {
        let all = [&[("OTLP_ENDPOINT", "h:1")], variables].concat();
        let resource = read(&all).resource;
        let names: Vec<String> = resource
            .into_iter()
            .filter_map(|(key, value)| (key == SERVICE_NAME).then_some(value))
            .collect();
        names.join(" ")
    };
    assert_eq!(name(&[]), "ai-gateway");
    assert_eq!(name(&[("OTLP_SERVICE_NAME", "a")]), "a");
    assert_eq!(name(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=b")]), "b");
}

#[test]
fn a_key_is_sent_unless_a_header_says_otherwise() {
    let endpoint = ("OTLP_ENDPOINT", "https://host");
    let key = ("OTLP_API_KEY", "secret");
    let settings = read(&[endpoint, key]);
    for signal in Signal::ALL {
        assert_eq!(
            header(&settings, signal, "authorization"),
            Some("Basic c2VjcmV0Og==")
        );
    }
    let settings = read(&[endpoint, key, ("OTLP_HEADERS", "Authorization=Bearer%20x")]);
    assert_eq!(
        header(&settings, Signal::Logs, "authorization"),
        Some("Bearer x")
    );
    // Local collectors take everyone.
    assert_eq!(
        header(&read(&[endpoint]), Signal::Logs, "authorization"),
        None
    );
}

/// A typo is told; it ends neither the service nor what else can be exported.
#[test]
fn what_is_wrong_is_ignored_and_told_once() {
    let settings = read(&[
        ("OTLP_ENDPOINT", "ftp://user:password@host"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs"),
        ("OTLP_HEADERS", "password"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "0"),
    ]);
    assert_eq!(urls(&settings), ["https://logs/v1/logs"]);
    assert_eq!(settings.sampling, Sampling::default());
    assert_eq!(settings.timeout, TIMEOUT);
    let told = settings.problems.join("\n");
    for part in [
        "OTLP_ENDPOINT",
        "OTLP_HEADERS",
        "PROTOCOL",
        "SAMPLER",
        "TIMEOUT",
        "COMPRESSION",
        "SCHEDULE_DELAY",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("password"), "{told}");
    let mut once = settings.problems.clone();
    once.dedup();
    assert_eq!(once, settings.problems);
}

#[test]
fn each_signal_has_its_own_delay() {
    let delays = |variables: &[(&str, &str)]| {
        let all = [&[("OTLP_ENDPOINT", "h:1")], variables].concat();
        let settings = read(&all);
        Signal::ALL.map(|signal| settings.destination(signal).unwrap().delay.as_millis())
    };
    assert_eq!(delays(&[]), [5_000, 1_000, 60_000]);
    let set = [
        ("OTEL_BSP_SCHEDULE_DELAY", "1"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "2"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "3"),
    ];
    assert_eq!(delays(&set), [1, 2, 3]);
}

#[test]
fn nothing_secret_is_printed() {
    let settings = read(&[
        ("OTLP_ENDPOINT", "https://host"),
        ("OTLP_API_KEY", "top-secret-key"),
        ("OTLP_HEADERS", "x-key=other-secret"),
    ]);
    let printed = format!("{settings:?}");
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn key_values_are_found_and_the_rest_is_counted() {
    let (found, wrong) = key_values(" a=1, b = x=y==,,c=a%20b%2Cc ,novalue, =x, d=100%, e=%FF,f=");
    let expected = [
        ("a", "1"),
        ("b", "x=y=="),
        ("c", "a b,c"),
        ("d", "100%"),
        ("e", "%FF"),
        ("f", ""),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!((found, wrong), (expected.to_vec(), 2));
}
