//! `ai-gateway selftest`: what clients would see is looked at before a provider fails, and without one that does.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::config::provider_key;
use crate::support::process::{Ended, Folder, command, command_in, run};
use crate::support::{Config, Script, Step, Upstream, openai};

fn selftest(folder: &Folder, arguments: &[&str]) -> Ended {
    let ended = run(command_in(folder.path()).arg("selftest").args(arguments));
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

/// The report on a configuration in JSON, and the exit code.
fn report(config: &str) -> (Value, Option<i32>) {
    let folder = Folder::new();
    folder.file("config.yaml", config);
    let ended = selftest(&folder, &["--json"]);
    let report = serde_json::from_str(&ended.stdout);
    let report = report.unwrap_or_else(|_| panic!("{}{}", ended.stdout, ended.stderr));
    (report, ended.code)
}

/// The rows of all routes that failed: `route row failing`, and what was seen.
fn failed(report: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for route in report["routes"].as_array().unwrap() {
        for row in route["rows"].as_array().unwrap() {
            if row["ok"] == false {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let name = [&route["route"], &row["row"], &row["failing"]].map(text);
                found.push((name.join(" "), text(&row["seen"])));
            }
        }
    }
    found
}

fn rows_of(report: &Value, route: &str) -> Vec<String> {
    let routes = report["routes"].as_array().unwrap();
    let route = routes.iter().find(|it| it["route"] == route).unwrap();
    let rows = route["rows"].as_array().unwrap().iter();
    let mut ids: Vec<String> = rows
        .map(|row| row["row"].as_str().unwrap().to_owned())
        .collect();
    ids.dedup();
    ids
}

fn advice(report: &Value) -> String {
    let routes = report["routes"].as_array().unwrap().iter();
    routes.map(|route| route["advice"].to_string()).collect()
}

fn two_providers() -> Config {
    Config::new()
        .provider("a", "http://127.0.0.1:1/v1")
        .provider("b", "http://127.0.0.1:1/v1")
}

fn steps() -> [Step; 2] {
    ["a", "b"].map(|provider| {
        Step::new(provider, "m")
            .with("timeout: 20s")
            .with("stall_timeout: 15s")
    })
}

/// The one who follows the README sees a table that ends well, in 80 columns.
#[test]
fn the_example_is_as_it_should_be() {
    let folder = Folder::new();
    folder.file("config.yaml", include_str!("../../config.yaml.example"));
    let ended = run(command_in(folder.path())
        .arg("selftest")
        .env("GATEWAY_API_KEY", "client-key-4f9a1c77")
        .env("CEREBRAS_API_KEY", provider_key("cerebras"))
        .env("OPENROUTER_API_KEY", provider_key("openrouter")));
    let golden = include_str!("../golden/selftest/example.txt");
    assert_eq!(ended.stdout.trim_end(), golden.trim_end());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(golden.lines().all(|line| line.chars().count() <= 80));
}

/// Whoever has set everything is not told a thing.
#[test]
fn a_good_configuration_passes_and_gets_no_advice() {
    let (report, code) = report(&two_providers().route("r", steps()).text());
    assert_eq!(failed(&report), []);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)));
    assert_eq!(advice(&report), "[]");
    let rows = rows_of(&report, "r");
    assert_eq!(rows.len(), 21, "{rows:?}");
}

/// A configuration that does not do what its owner thinks it does says so before the outage.
#[test]
fn rows_fail_where_clients_would_be_failed() {
    let slow = |timer: &str| Step::new("a", "m").with(timer);
    let other = || Step::new("b", "m");
    let config = two_providers()
        .provider_with("raw", "http://127.0.0.1:1/v1", &["repair: false"])
        .route("single", [Step::new("a", "m")])
        .route("stalls", [slow("stall_timeout: 300s"), other()])
        .route("patient", [slow("timeout: 300s"), other()])
        .route_with("short", &["timeout: 10s"], [slow("timeout: 30s"), other()])
        .route("raw", [Step::new("raw", "m"), other()])
        .route("shared", [Step::new("a", "m"), Step::new("a", "n")]);
    let (report, code) = report(&config.text());
    assert_eq!(code, Some(1));
    let failed = failed(&report);
    let of = |route: &str| {
        let begin = format!("{route} ");
        let of_route = failed.iter().filter(|(name, _)| name.starts_with(&begin));
        of_route
            .map(|(name, seen)| format!("{}: {seen}", &name[begin.len()..]))
            .collect::<Vec<_>>()
    };
    let single = of("single");
    assert!(
        single.iter().all(|row| row.contains(" first: ")),
        "{single:?}"
    );
    let limited =
        "limit_told first: 429: every step of route single is rate-limited or cooling down";
    assert!(single.iter().any(|row| row == limited), "{single:?}");
    assert!(
        single
            .iter()
            .any(|row| row.starts_with("too_large first: 413"))
    );
    let words = "nothing for 300 s: many clients wait 60 s";
    let stalls = [
        format!("stall first: {words}"),
        format!("stall all: {words}"),
    ];
    assert_eq!(of("stalls"), stalls);
    assert_eq!(of("patient"), [format!("late first: {words}")]);
    let [short] = &of("short")[..] else {
        panic!("{:?}", of("short"));
    };
    assert!(
        short.starts_with("late first: 504: route short is out of time"),
        "{short}"
    );
    let unusable = ["call_without_index", "arguments_as_object"];
    let unusable = unusable.map(|row| {
        ["first", "all"].map(|it| format!("{row} {it}: tool calls that clients cannot use"))
    });
    assert_eq!(of("raw"), unusable.concat());
    let [shared] = &of("shared")[..] else {
        panic!("{:?}", of("shared"));
    };
    assert!(shared.starts_with("refused first: 502"), "{shared}");
    let advice = advice(&report);
    for words in [
        "one step only",
        "step 2 is reached after up to 300 s",
        "steps 1 and 2 are at one provider: where a is down, none of them answers",
        "stall_timeout is absent",
    ] {
        assert!(advice.contains(words), "{words}: {advice}");
    }
}

/// Routes of every kind are asked at an endpoint that they serve, in whatever dialect their steps speak.
#[test]
fn every_kind_of_route_is_asked_where_it_serves() {
    let mut config = two_providers()
        .with("ollama: {enabled: true}")
        .provider_with("claude", "https://api.anthropic.com", &["kind: anthropic"])
        .provider_with("openai", "https://api.openai.com/v1", &["responses: true"])
        .route("mixed", [Step::new("claude", "m"), Step::new("a", "m")]);
    let conversations = ["chat", "messages", "responses", "ollama"];
    for name in conversations {
        let only = format!("endpoints: [{name}]");
        let steps = ["openai", "a", "claude"].map(|provider| Step::new(provider, "m"));
        config = config.route_with(name, &[&only], steps);
    }
    let others = [
        "completions",
        "embeddings",
        "rerank",
        "moderations",
        "images",
        "speech",
        "transcriptions",
        "translations",
    ];
    for name in others {
        let only = format!("endpoints: [{name}]");
        let steps = ["a", "b"].map(|provider| Step::new(provider, "m"));
        config = config.route_with(name, &[&only], steps);
    }
    let (report, code) = report(&config.text());
    assert_eq!(failed(&report), []);
    assert_eq!(code, Some(0));
    for route in report["routes"].as_array().unwrap() {
        let expected = match route["route"].as_str().unwrap() {
            "mixed" => "chat",
            name => name,
        };
        assert_eq!(route["endpoint"], expected);
    }
    // What cannot be there is not asked for.
    let rows = |route| rows_of(&report, route);
    assert!(!rows("mixed").contains(&"call_without_index".to_owned()));
    assert!(!rows("embeddings").contains(&"stall".to_owned()));
    assert!(rows("messages").contains(&"stall".to_owned()));
}

/// A selftest in the middle of the day must not cost a request, a key or a file.
#[test]
fn nothing_that_is_configured_is_touched() {
    let noticed = Upstream::always(Script::json(200, &openai::answer("real")));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = noticed.base_url();
    let server = place.trim_end_matches("/v1").trim_start_matches("http://");
    let folder = Folder::new();
    let lines = [
        format!("proxy: http://user:a-long-password@{server}"),
        "proxy_private: true".to_owned(),
        format!("shared: {{url: \"redis://{server}/0\"}}"),
        "state_file: state.json".to_owned(),
        "accounts_file: accounts.jsonl".to_owned(),
        "hosts: [gateway.lan]".to_owned(),
        "default_step_cooldown: 0s".to_owned(),
        "api_keys: [{name: one, key: a-client-key-of-26-bytes-x, limits: {requests: 1/day}}]"
            .to_owned(),
    ];
    let mut config = Config::new();
    for line in &lines {
        config = config.with(line);
    }
    let keys = "api_keys: [sk-Qx7vLm2Rt9Wz4Kp1-one1, sk-Hd8cNb3Yf6Gs5Ja0-two2]";
    let more = [
        keys,
        "limits: {requests: 1/min}",
        "headers: {X-Secret: a-secret-of-a-header}",
    ];
    let text = config
        .provider_with("a", place.as_str(), &more)
        .provider_with("b", "https://api.example.com/v1", &[])
        .route_with(
            "r",
            &["order: spread", "sticky: 5m", "wait_when_cooling: 1h"],
            steps(),
        )
        .text()
        .replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    folder.file("config.yaml", &text);
    let ended = run(command_in(folder.path())
        .args(["selftest", "--json"])
        .env("LOG_LEVEL", "debug")
        .env("OTLP_ENDPOINT", format!("http://{server}")));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(noticed.connections(), 0);
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let files: Vec<_> = files.map(|file| file.file_name()).collect();
    assert_eq!(files, ["config.yaml"]);
    for secret in ["sk-Qx7", "two2", "a-long-password", "a-secret-of-a-header"] {
        assert!(
            !ended.stdout.contains(secret) && !ended.stderr.contains(secret),
            "{secret}"
        );
    }
}

/// The advice that follows from the file alone.
#[test]
fn advice_is_given_where_there_is_something_to_say() {
    let clients = "api_keys: [{name: one, key: a-client-key-of-26-bytes-x, routes: [seen]}]";
    let models = "models: {m: {price: {input: 1, output: 2}}}";
    let config = Config::new()
        .with(clients)
        .provider_with("a", "http://127.0.0.1:1/v1", &[models])
        .provider("b", "http://127.0.0.1:1/v1")
        .provider("c", "http://127.0.0.1:1/v1")
        .route("seen", ["a", "b", "c"].map(|it| Step::new(it, "m")))
        .route(
            "unseen",
            [
                Step::new("b", "m").with("stall_timeout: 9s"),
                Step::new("a", "m"),
            ],
        );
    let (report, _) = report(&config.text());
    let of = |index: usize| report["routes"][index]["advice"].to_string();
    for words in [
        "step 3 is reached after up to 60 s",
        "timeout: 20s on the steps",
        "step 1 has a price, and step 2 has none",
    ] {
        assert!(of(0).contains(words), "{words}: {}", of(0));
    }
    assert!(!of(0).contains("no client"), "{}", of(0));
    assert!(of(1).contains("no client may use this route"), "{}", of(1));
    assert!(!of(1).contains("price"), "{}", of(1));
}

/// Real requests may cost money: they are sent when somebody has said so, and to nobody before.
#[test]
fn real_requests_are_sent_only_when_asked_for() {
    let well = Upstream::answering(|request| request.answer("Hi."));
    let refusing = Upstream::always(Script::json(
        401,
        &openai::error("wrong key", "invalid_api_key"),
    ));
    let folder = Folder::new();
    let config = Config::new()
        .with("state_file: state.json")
        .provider("well", &well)
        .provider("refusing", &refusing)
        .route(
            "r",
            [Step::new("well", "m-1"), Step::new("refusing", "m-2")],
        )
        .route_with(
            "pictures",
            &["endpoints: [images]"],
            [Step::new("well", "m-3")],
        );
    folder.file("config.yaml", &config.text());
    let ended = selftest(&folder, &["--online"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("--yes"), "{}", ended.stderr);
    assert_eq!((well.connections(), refusing.connections()), (0, 0));

    let ended = selftest(&folder, &["--online", "--yes"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let [name, first, second, .., not_asked] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(*name, "r");
    assert!(
        first.starts_with("  1. well/m-1: 200, ") && first.contains("first content after"),
        "{first}"
    );
    assert!(first.ends_with("\"Hi.\""), "{first}");
    assert_eq!(*second, "  2. refusing/m-2: FAILED: 401: wrong key");
    assert!(
        not_asked.contains("not asked: a request of images"),
        "{not_asked}"
    );
    assert_eq!(well.requests().len(), 1);
    let asked = well.request().json();
    assert_eq!(
        (&asked["model"], &asked["max_tokens"]),
        (&"m-1".into(), &5.into())
    );
    assert!(!folder.path().join("state.json").exists());

    let folder = Folder::new();
    let config = Config::new()
        .provider("well", &well)
        .route("r", [("well", "m-1")]);
    folder.file("config.yaml", &config.text());
    assert_eq!(selftest(&folder, &["--online", "--yes"]).code, Some(0));
}

/// `selftest --online` on a terminal (script(1) makes one), or behind a pipe, with what is typed there.
fn asked(folder: &Folder, on_terminal: bool, typed: &str) -> (Option<i32>, String) {
    let binary = command();
    let mut asking = match on_terminal {
        true => Command::new("script"),
        false => command(),
    };
    let line = format!("{} selftest --online", binary.get_program().display());
    match on_terminal {
        true => asking.args(["-qec", &line, "/dev/null"]),
        false => asking.args(["selftest", "--online"]),
    };
    let piped = asking.current_dir(folder.path()).stdin(Stdio::piped());
    let mut child = piped
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("util-linux' script is there");
    let mut typing = child.stdin.take().unwrap();
    // It may be gone before it was asked.
    drop(typing.write_all(typed.as_bytes()));
    drop(typing);
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (
        ended.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Whoever just presses a key has not agreed to what costs money, and a script cannot.
#[test]
fn real_requests_are_sent_after_a_yes_at_a_terminal() {
    let well = Upstream::answering(|request| request.answer("Hi."));
    let folder = Folder::new();
    let config = Config::new()
        .provider("well", &well)
        .route("r", [Step::new("well", "m"), Step::new("well", "n")]);
    folder.file("config.yaml", &config.text());
    let question =
        "2 real requests of a few tokens each are sent, which may cost money. Go on? [y/N]";
    for typed in ["n\n", "\n", "nay\n", "yesterday\n", ""] {
        let (code, said) = asked(&folder, true, typed);
        assert_eq!(code, Some(1), "{typed:?}: {said}");
        assert!(said.contains(question), "{typed:?}: {said}");
        assert!(said.contains("nothing was sent"), "{typed:?}: {said}");
    }
    for typed in ["y\n", ""] {
        let (code, said) = asked(&folder, false, typed);
        assert_eq!(code, Some(1), "{typed:?}: {said}");
        assert!(said.contains("--yes where nobody can be asked"), "{said}");
    }
    assert_eq!(well.connections(), 0);
    for (number, typed) in ["y\n", " YES \n"].into_iter().enumerate() {
        let (code, said) = asked(&folder, true, typed);
        assert_eq!(code, Some(0), "{typed:?}: {said}");
        assert!(said.contains("2. well/n: 200, "), "{typed:?}: {said}");
        assert_eq!(well.requests().len(), 2 * (number + 1));
    }
}

#[test]
fn what_is_wrong_with_the_command_is_told_by_its_exit_code() {
    let folder = Folder::new();
    folder.file("config.yaml", &two_providers().route("r", steps()).text());
    for (arguments, code, words) in [
        (
            &["--route", "x"][..],
            1,
            "there is no route \"x\"; there are r",
        ),
        (&["--yes"], 64, "--yes belongs to --online"),
        (
            &["--online", "--json"],
            64,
            "--online has no report as JSON",
        ),
        (&["--onlin"], 64, "did you mean --online?"),
        (&["--config", "missing.yaml"], 78, "missing.yaml"),
    ] {
        let ended = selftest(&folder, arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(words),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}
