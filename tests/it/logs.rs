//! What the operator sees: a line when a request ends, a line for each failed attempt, all of them JSON.

mod strangers;

use serde_json::{Value, json};

use crate::support::gateway::request;
use crate::support::{Config, Gateway, Script, Upstream, openai};

fn start(a: &Upstream, environment: &[(&str, &str)]) -> Gateway {
    let b = Upstream::saying("from b");
    let mut config = Config::new()
        .provider("a", a)
        .provider("b", &b)
        .route("r", [("a", "model-a"), ("b", "model-b")]);
    for (name, value) in environment {
        config = config.environment(name, value);
    }
    let gateway = config.start();
    gateway.ask("r", false);
    // The second step is only there for the first request.
    drop(b);
    gateway
}

fn asked_as(gateway: &Gateway, id: &str, body: &str) {
    let fields = [("X-Request-Id", id)];
    gateway.exchange(request("POST", "/v1/chat/completions", &fields, body));
}

/// Log collectors parse each line; one that is no JSON is lost or stops them.
#[test]
fn every_line_is_json_with_its_time() {
    let a = Upstream::saying("from a");
    a.then(Script::json(503, "{}"));
    let gateway = start(&a, &[("LOG_LEVEL", "debug")]);
    gateway.get("/nowhere");
    gateway.exchange("nonsense\r\n\r\n");
    asked_as(
        &gateway,
        "last",
        &openai::request("r\n{\"msg\":\"forged\"}\n", false),
    );
    gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == "last");
    for line in gateway.output.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        for field in ["ts", "level", "msg"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        assert_ne!(line["msg"], "forged", "a client wrote a line");
    }
}

#[test]
fn a_finished_request_is_one_line() {
    let a = Upstream::saying("from a");
    let gateway = start(&a, &[]);
    for stream in [false, true] {
        let id = if stream { "streamed" } else { "plain" };
        asked_as(&gateway, id, &openai::request("r", stream));
        let line =
            gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == id);
        assert_eq!(
            json!([
                line["route"],
                line["stream"],
                line["status"],
                line["steps"],
                line["served_by"],
                line["fallbacks"]
            ]),
            json!(["r", stream, 200, 1, "a/model-a", 0]),
            "{line}"
        );
        assert!(
            line["duration_ms"].is_number() && line["client"].is_string(),
            "{line}"
        );
        if !stream {
            assert_eq!(
                json!([line["prompt_tokens"], line["completion_tokens"]]),
                json!([3, 5]),
                "{line}"
            );
        }
    }
    let lines = gateway.output.text();
    assert_eq!(
        lines.matches("\"plain\"").count(),
        1,
        "more than one line for a request"
    );
}

/// The usage of a stream comes in its last chunk.
#[test]
fn the_tokens_of_a_stream() {
    let usage =
        r#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}}"#;
    let a = Upstream::always(Script::events([&openai::text("x"), &openai::stop(), usage]));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .start();
    asked_as(&gateway, "tokens", &openai::request("r", true));
    let line =
        gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == "tokens");
    assert_eq!(
        json!([line["prompt_tokens"], line["completion_tokens"]]),
        json!([11, 22]),
        "{line}"
    );
}

#[test]
fn a_failed_attempt_is_one_line() {
    let a = Upstream::always(Script::json(503, &openai::error("overheated", "x")));
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "model-a")])
        .start();
    asked_as(&gateway, "failed", &openai::request("r", false));
    let line = gateway.wait_for_log(|line| line["msg"] == "attempt failed");
    assert_eq!(
        json!([
            line["request_id"],
            line["route"],
            line["step"],
            line["provider"],
            line["model"],
            line["class"],
            line["status"]
        ]),
        json!(["failed", "r", 0, "a", "model-a", "server_error", 503]),
        "{line}"
    );
    assert!(
        line["error"].as_str().unwrap().contains("overheated"),
        "{line}"
    );
    assert!(line["duration_ms"].is_number(), "{line}");
    let end = gateway.wait_for_log(|line| line["msg"] == "request");
    assert_eq!(
        json!([end["status"], end["served_by"]]),
        json!([502, null]),
        "{end}"
    );
}

/// A key that a provider refuses is the operator's to mend: it is an error, and it names the provider.
#[test]
fn a_refused_key_is_an_error() {
    let a = Upstream::always(Script::json(
        401,
        &openai::error("who are you?", "invalid_api_key"),
    ));
    let gateway = start(&a, &[]);
    let line = gateway.wait_for_log(|line| {
        line["level"]
            .as_str()
            .is_some_and(|level| level.eq_ignore_ascii_case("error"))
    });
    assert!(line.to_string().contains(r#""a""#), "{line}");
}

/// What users write is theirs: nothing of it at the usual level, and no more than 100 characters at debug level.
#[test]
fn prompts_stay_out_of_the_log() {
    let prompt: String = (0..200).map(|number| format!("w{number} ")).collect();
    let body = json!({"model": "r", "messages": [{"role": "user", "content": prompt}]}).to_string();
    for (level, most) in [("info", 0), ("debug", 100)] {
        let a = Upstream::saying(&prompt);
        let gateway = start(&a, &[("LOG_LEVEL", level)]);
        asked_as(&gateway, "prompt", &body);
        gateway.wait_for_log(|line| line["msg"] == "request" && line["request_id"] == "prompt");
        let log = gateway.output.text();
        let shown = prompt
            .split_inclusive(' ')
            .take_while(|word| log.contains(word.trim_end()))
            .map(str::len)
            .sum::<usize>();
        // The cut may fall within a word.
        assert!(shown <= most + 5, "{level}: {shown} characters of a prompt");
    }
}

/// For people at a terminal.
#[test]
fn text_for_terminals() {
    let a = Upstream::saying("from a");
    let folder = crate::support::process::Folder::new();
    let config = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .text();
    let file = folder.file("config.yaml", &config);
    let mut child = crate::support::process::command()
        .arg("--config")
        .arg(file)
        .env("LOG_FORMAT", "text")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let output = crate::support::process::Output::default();
    output.collect(child.stdout.take().unwrap());
    let line = output.wait_for(|line| line.contains("listening").then(|| line.to_owned()));
    drop(child.kill());
    drop(child.wait());
    let line = line.expect("a line");
    assert!(!line.trim_start().starts_with('{'), "{line}");
    // A file is no terminal: no colours, and the day, down to milliseconds.
    assert!(!line.contains('\u{1b}'), "{line}");
    let (time, _) = line.split_once(' ').expect("a time");
    assert_eq!((time.len(), time.rfind('.')), (24, Some(19)), "{line}");
    assert!(line.contains(" [INFO] listening address="), "{line}");
}

/// What was served is shown: half an emoji, and schemas that nest.
#[test]
fn a_debug_log_shows_what_was_served() {
    let a = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &a)
        .route("r", [("a", "m")])
        .environment("LOG_LEVEL", "debug")
        .start();
    let nested = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let body = format!(
        r#"{{"model":"r","messages":[{{"role":"user","content":"findme \ud83d"}}],"metadata":{nested}}}"#
    );
    assert_eq!(gateway.post(&body).status, 200);
    let line = gateway.wait_for_log(|line| line["msg"] == "request body");
    let shown = line["body"].as_str().expect("a body");
    assert!(
        shown.contains("findme \u{fffd}") && shown.contains("[[["),
        "{shown}"
    );
}

/// The line tells for how long the step is left alone, and the one of a step that cannot ever work is said once, though
/// the client never notices.
#[test]
fn a_step_that_cannot_ever_work_is_told_once() {
    let unknown = Upstream::always(Script::json(
        404,
        &openai::error("The model `mistyped` does not exist", "model_not_found"),
    ));
    let limited = Upstream::always(Script::body(
        429,
        &[("Retry-After", "60")],
        openai::error("slow down", "rate_limit_exceeded"),
    ));
    let good = Upstream::saying("fine");
    let mut gateway = Config::new()
        .provider("unknown", &unknown)
        .provider("limited", &limited)
        .provider("good", &good)
        .route(
            "r",
            [("unknown", "mistyped"), ("limited", "m"), ("good", "m")],
        )
        .start();
    for _ in 0..3 {
        assert_eq!(gateway.ask("r", false).status, 200);
    }
    gateway.signal(rustix::process::Signal::TERM);
    gateway.wait();
    gateway.output.wait_for_end();
    let lines: Vec<Value> = gateway
        .output
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let told: Vec<&Value> = lines
        .iter()
        .filter(|line| line["msg"] == "the provider does not know the model")
        .collect();
    let [told] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(told["level"], "warn");
    assert_eq!(told["provider"], "unknown");
    assert_eq!(told["model"], "mistyped");
    assert_eq!(told["status"], 404);
    let failed = |provider: &str| -> Vec<&Value> {
        let of = |line: &&Value| line["msg"] == "attempt failed" && line["provider"] == provider;
        lines.iter().filter(of).collect()
    };
    let [limited] = failed("limited")[..] else {
        panic!("{lines:?}");
    };
    let left = limited["retry_after_ms"].as_u64().expect("a time");
    assert!((59_000..=60_000).contains(&left), "{limited}");
    // Nothing is left alone, and nothing is said of it.
    assert_eq!(failed("unknown").len(), 3);
    assert!(
        failed("unknown")
            .iter()
            .all(|line| line["retry_after_ms"].is_null())
    );
}

/// A person at a terminal reads text, in colours; a file and a pipe are for programs.
#[test]
fn a_terminal_gets_text_and_a_pipe_gets_json() {
    let a = Upstream::saying("fine");
    let folder = crate::support::process::Folder::new();
    let config = Config::new().provider("a", &a).route("r", [("a", "m")]);
    folder.file("config.yaml", &config.text());
    let binary = crate::support::process::command().get_program().to_owned();
    // The gateway ends when its terminal is gone; what it said until it listened is enough.
    let script = "import os, pty, sys\n\
                  pid, terminal = pty.fork()\n\
                  if pid == 0: os.execv(sys.argv[1], sys.argv[1:])\n\
                  said = b''\n\
                  while b'listening' not in said or not said.endswith(b'\\n'): said += os.read(terminal, 4096)\n\
                  os.kill(pid, 15); os.write(1, said)";
    let on_terminal = |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new("python3");
        command
            .env_clear()
            .args(["-c", script])
            .arg(&binary)
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .current_dir(folder.path());
        let ended = crate::support::process::run(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout
    };
    let text = on_terminal(&[]);
    assert!(
        text.contains("Z \u{1b}[34m[INFO]\u{1b}[0m listening address="),
        "{text:?}"
    );
    // Hours, minutes, seconds and milliseconds: 12:34:56.789Z.
    assert_eq!(text.find('Z'), Some(12), "{text:?}");
    assert!(!on_terminal(&[("NO_COLOR", "1")]).contains('\u{1b}'));
    assert!(on_terminal(&[("LOG_FORMAT", "json")]).starts_with('{'));
}
