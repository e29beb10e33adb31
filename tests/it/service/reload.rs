//! SIGHUP: another configuration for new requests, the old one for those in flight.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;

use super::config;
use crate::support::gateway::chat;
use crate::support::process::{Folder, command, run};
use crate::support::{Config, Exposition, Gateway, PATIENCE, Script, Signal, Upstream, openai};

fn reload(gateway: &Gateway, config: &str, outcome: &str) {
    gateway.rewrite(config);
    gateway.signal(Kill::HUP);
    gateway.wait_for_log(|line| line["msg"] == outcome);
}

#[test]
fn a_valid_configuration_takes_over_and_what_is_in_flight_ends_with_the_old_one() {
    let go = Signal::new();
    let old = Upstream::saying("unused");
    old.then(
        Script::stream()
            .event(&openai::text("one"))
            .await_signal(&go)
            .event(&openai::text("two"))
            .event(&openai::stop())
            .done(),
    );
    let new = Upstream::saying("from the new one");
    let gateway = config(&old).start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    let mut stream = connection.stream();
    assert!(stream.event().is_some());

    let with_more = config(&new).route("added", [("a", "model-b")]);
    reload(&gateway, &with_more.text(), "reloaded");
    for route in ["r", "added"] {
        let response = gateway.ask(route, false);
        assert_eq!(openai::content(&response.json()), "from the new one");
    }
    go.give();
    let mut rest = Vec::new();
    while let Some(event) = stream.event() {
        rest.push(event.data);
    }
    assert_eq!(rest.last().map(String::as_str), Some("[DONE]"));
    assert_eq!(old.requests().len(), 1);
}

/// The keys of clients are part of it: one that was taken away must not work any more.
#[test]
fn a_key_that_is_gone_is_refused_from_then_on() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let other_key = config(&upstream).with("api_key: another-client-key-1");
    reload(&gateway, &other_key.text(), "reloaded");
    assert_eq!(gateway.ask("r", false).status, 401);
}

#[test]
fn an_invalid_configuration_is_refused_with_all_its_errors_and_the_old_one_serves_on() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let refused = "the new configuration is refused";
    let wrong = config(&upstream)
        .with("defualt_timeout: 30s")
        .route("s", [("nobody", "m")]);
    reload(&gateway, &wrong.text(), refused);
    for word in ["default_timeout", "nobody"] {
        gateway.wait_for_log(|line| {
            line["msg"] == refused && line["error"].as_str().is_some_and(|e| e.contains(word))
        });
    }
    assert_eq!(gateway.ask("r", false).status, 200);

    // The service is not stuck with it: the mended file is taken.
    let mended = config(&upstream).route("s", [("a", "m")]);
    reload(&gateway, &mended.text(), "reloaded");
    assert_eq!(gateway.ask("s", false).status, 200);
}

/// A provider that has said "in 60 s" has said so to the gateway, not to a configuration.
#[test]
fn what_is_cooling_stays_so() {
    let limited = Upstream::always(Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("slow down", "rate_limit_exceeded"),
    ));
    let other = Upstream::saying("from b");
    let two_steps = || {
        Config::new()
            .provider("a", &limited)
            .provider("b", &other)
            .route("r", [("a", "model-a"), ("b", "model-b")])
    };
    let gateway = two_steps().start();
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(limited.requests().len(), 1);
    // In another order, so that no place in a list is taken for another.
    let reordered = Config::new()
        .provider("b", &other)
        .provider("a", &limited)
        .route("r", [("a", "model-a"), ("b", "model-b")]);
    reload(&gateway, &reordered.text(), "reloaded");
    let response = gateway.ask("r", false);
    assert_eq!(response.header("x-routed-via"), Some("b/model-b"));
    assert_eq!(limited.requests().len(), 1, "it was asked again");
}

#[test]
fn what_takes_a_restart_is_said() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let elsewhere = config(&upstream)
        .text()
        .replace("127.0.0.1:0", "127.0.0.1:1");
    reload(&gateway, &elsewhere, "takes effect with a restart");
    let line = gateway.wait_for_log(|line| line["msg"] == "takes effect with a restart");
    assert_eq!(line["settings"], "listen (or port)");
    assert_eq!(gateway.ask("r", false).status, 200);
}

#[test]
fn the_command_finds_the_process_that_systemd_names() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    gateway.rewrite(&config(&upstream).route("s", [("a", "m")]).text());
    let ended = run(command()
        .arg("reload")
        .env("MAINPID", gateway.pid().to_string()));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    assert_eq!(gateway.ask("s", false).status, 200);
}

/// Whoever asks for a reload hears what came of it, not only that it was asked for.
#[test]
fn the_command_finds_the_process_by_its_file_and_says_what_came_of_it() {
    let upstream = Upstream::saying("fine");
    let folder = Folder::new();
    let directory = folder.path().to_string_lossy().into_owned();
    let mut gateway = config(&upstream)
        .environment("RUNTIME_DIRECTORY", &directory)
        .start();
    let reload = || run(command().arg("reload").env("RUNTIME_DIRECTORY", &directory));
    gateway.rewrite(&config(&upstream).route("s", [("a", "m")]).text());
    let ended = reload();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(gateway.ask("s", false).status, 200, "it has waited");
    gateway.rewrite(&config(&upstream).with("one: 1").with("two: 2").text());
    let ended = reload();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for word in ["old configuration stays", "one: ", "two: "] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    gateway.rewrite(&config(&upstream).text());
    assert_eq!(reload().code, Some(0));

    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    let ended = reload();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("kill -HUP"), "{}", ended.stderr);
}

/// In a terminal, and in a container, there is no pid file: the port of the configuration tells which gateway is meant.
#[test]
fn the_command_finds_the_process_by_the_port_and_waits_for_the_verdict() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let file = gateway.config_file();
    // Without a file of its own it is never found by accident.
    let nowhere = Folder::new();
    let reload = || {
        run(command()
            .args(["reload", "--config"])
            .arg(&file)
            .env("RUNTIME_DIRECTORY", nowhere.path()))
    };
    let at_port = |config: &Config| {
        let listen = format!("listen: {}", gateway.address);
        let text = config.text().replace("listen: 127.0.0.1:0", &listen);
        gateway.rewrite(&text);
    };
    at_port(&config(&upstream).route("s", [("a", "m")]));
    let ended = reload();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("taken the configuration over"),
        "{}",
        ended.stdout
    );
    assert_eq!(gateway.ask("s", false).status, 200, "it has waited");

    // What is wrong with the file does not keep its address from being read.
    at_port(
        &config(&upstream)
            .with("one: 1")
            .with("response_model: ${NOT_SET}"),
    );
    let ended = reload();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for word in ["old configuration stays", "one: ", "NOT_SET"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    assert_eq!(gateway.ask("s", false).status, 200);

    at_port(&config(&upstream).with("server: {max_body: 1MiB}"));
    let ended = reload();
    assert!(
        ended.stdout.contains("with a restart only"),
        "{}",
        ended.stdout
    );

    // A port that nobody has: the gateways that are there are named.
    gateway.rewrite(
        &config(&upstream)
            .text()
            .replace("127.0.0.1:0", "127.0.0.1:1"),
    );
    let ended = reload();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let named = format!(
        "process {} has the port {}",
        gateway.pid(),
        gateway.address.port()
    );
    assert!(ended.stderr.contains(&named), "{}", ended.stderr);
}

/// Kubernetes swaps a link when a ConfigMap changes, editors rename a new file over the old one, and scripts write it.
#[test]
fn watched_files_are_read_again_when_they_change() {
    let upstream = Upstream::saying("fine");
    let watched = |route: &str| {
        config(&upstream)
            .with("watch_config: true")
            .route(route, [("a", "m")])
    };
    let folder = Folder::new();
    let place = folder.path().to_owned();
    let version = |name: &str, text: &str| {
        std::fs::create_dir(place.join(name)).unwrap();
        std::fs::write(place.join(name).join("config.yaml"), text).unwrap();
        std::os::unix::fs::symlink(name, place.join("..new")).unwrap();
        std::fs::rename(place.join("..new"), place.join("..data")).unwrap();
    };
    version("..1", &watched("one").text());
    std::os::unix::fs::symlink("..data/config.yaml", place.join("config.yaml")).unwrap();
    let mut started = command();
    started.current_dir(&place);
    let gateway = Gateway::running(started, folder);
    assert_eq!(gateway.ask("one", false).status, 200);
    let reloads = |msg: &str| {
        let msg = format!("\"msg\":\"{msg}\"");
        gateway.output.text().matches(&msg).count()
    };
    let wait_for = |msg: &str, count: usize| {
        let patience = Instant::now() + PATIENCE;
        while reloads(msg) < count {
            assert!(Instant::now() < patience, "{}", gateway.output.text());
            thread::sleep(Duration::from_millis(20));
        }
    };
    version("..2", &watched("two").text());
    wait_for("reloaded", 1);
    assert_eq!(gateway.ask("two", false).status, 200);

    // Half a file is said once, and tried again when it is whole.
    let refused = "the new configuration is refused";
    let whole = watched("three").text();
    let half = &whole[..whole.find("base_url").unwrap()];
    let file = place.join("..2").join("config.yaml");
    // A file that is written where it stands may be looked at while it is empty.
    let replace = |text: &str| {
        std::fs::write(place.join("saved"), text).unwrap();
        std::fs::rename(place.join("saved"), &file).unwrap();
    };
    replace(half);
    // A line each: the URL and all routes are missing.
    let said = 2;
    wait_for(refused, said);
    assert_eq!(gateway.ask("two", false).status, 200);
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(reloads(refused), said, "it is said again");
    replace(&whole);
    wait_for("reloaded", 2);
    assert_eq!(gateway.ask("three", false).status, 200);

    // A reload by hand is not repeated for the same change, and takes the watch away with the setting.
    replace(&config(&upstream).text());
    gateway.signal(Kill::HUP);
    wait_for("reloaded", 3);
    replace(&watched("four").text());
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(reloads("reloaded"), 3);
}

/// Dashboards and the status page must not forget the last quarter of an hour with every edit, nor the stream that is
/// under way meanwhile.
#[test]
fn what_is_counted_goes_on() {
    let go = Signal::new();
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let plain = r#"ai_gateway_requests_total{route="r",status="200",stream="false"}"#;
    Exposition::once(&gateway, |read| read.get(plain) == Some(1.0));
    let held = Script::stream().event(&openai::text("one"));
    upstream.then(held.await_signal(&go).event(&openai::stop()).done());
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    let mut stream = connection.stream();
    assert!(stream.event().is_some());

    let with_more = config(&upstream).route("added", [("a", "model-b")]);
    reload(&gateway, &with_more.text(), "reloaded");
    assert_eq!(gateway.ask("r", false).status, 200);
    let read = Exposition::once(&gateway, |read| read.get(plain) == Some(2.0));
    assert_eq!(read.value("ai_gateway_requests_in_flight"), 1.0);
    go.give();
    while stream.event().is_some() {}
    let streamed = r#"ai_gateway_requests_total{route="r",status="200",stream="true"}"#;
    let read = Exposition::once(&gateway, |read| read.get(streamed) == Some(1.0));
    assert_eq!(read.value("ai_gateway_requests_in_flight"), 0.0);
    assert_eq!(
        read.sum("ai_gateway_attempts_total", &["class=\"answered\""]),
        3.0
    );
    let status = gateway.get("/v1/diagnostics/status").json();
    assert_eq!(status["routes"][0]["recent"]["succeeded"], 3, "{status}");
}

/// What a provider told of its limits is as true after a reload as before.
#[test]
fn what_is_left_of_a_quota_is_still_known() {
    let fields = [
        ("Content-Type", "application/json"),
        ("x-ratelimit-remaining-requests", "40"),
        ("x-ratelimit-reset-requests", "50s"),
        ("x-ratelimit-remaining-tokens", "9000"),
    ];
    let upstream = Upstream::always(Script::body(200, &fields, openai::answer("fine")));
    let gateway = config(&upstream).start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let with_more = config(&upstream).route("added", [("a", "model-b")]);
    reload(&gateway, &with_more.text(), "reloaded");
    let read = Exposition::of(&gateway);
    for (kind, left) in [("requests", 40.0), ("tokens", 9000.0)] {
        let labels = r#"{provider="a",model="model-a",key="0"}"#;
        let series = format!("ai_gateway_quota_remaining_{kind}{labels}");
        assert_eq!(read.value(&series), left, "{read}");
    }
}

/// The connections of the old configuration's pool would stay for as long as one stream of its time does.
#[test]
fn idle_connections_of_the_old_configuration_are_closed() {
    let go = Signal::new();
    let upstream = Upstream::saying("fine");
    let held = Script::stream().event(&openai::text("one"));
    upstream.then(held.await_signal(&go).event(&openai::stop()).done());
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    let mut stream = connection.stream();
    assert!(stream.event().is_some());
    assert_eq!(gateway.ask("r", false).status, 200);
    let established = || {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the sockets of the machine");
        let peer = format!(":{:04X} 01 ", upstream.address.port());
        table.matches(&peer).count()
    };
    assert_eq!(established(), 2);
    reload(&gateway, &config(&upstream).text(), "reloaded");
    let patience = Instant::now() + PATIENCE;
    while established() > 1 {
        assert!(Instant::now() < patience, "it is still open");
        thread::sleep(Duration::from_millis(5));
    }
    go.give();
    while stream.event().is_some() {}
}

/// A provider whose answers are shifted by one is no better under another configuration, and the alert goes on counting.
#[test]
fn a_provider_that_answers_twice_stays_distrusted() {
    let twice = Script::json(200, &openai::answer("own"));
    let upstream = Upstream::always(twice.send(*b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let gateway = config(&upstream).start();
    let signs = r#"ai_gateway_upstream_unasked_total{provider="a"}"#;
    assert_eq!(Exposition::of(&gateway).value(signs), 0.0);
    assert_eq!(gateway.ask("r", false).status, 200);
    // It shows at the latest when the connection is taken again.
    assert_eq!(openai::content(&gateway.ask("r", false).json()), "own");
    let warning =
        "a provider sent bytes that no request had asked for: its connections are not kept for now";
    let line = gateway.wait_for_log(|line| line["msg"] == warning);
    assert_eq!(line["level"], "warn");
    let before = Exposition::of(&gateway).value(signs);
    assert!(before >= 1.0, "{before}");

    let calm = Script::json(200, &openai::answer("own"));
    (upstream.then(calm.clone())).then(calm.clone()).then(calm);
    reload(&gateway, &config(&upstream).text(), "reloaded");
    let connections = upstream.connections();
    for _ in 0..3 {
        assert_eq!(openai::content(&gateway.ask("r", false).json()), "own");
    }
    assert_eq!(upstream.connections(), connections + 3);
    assert!(Exposition::of(&gateway).value(signs) >= before);
}
