//! `ai-gateway explain ROUTE`: before blaming a provider one wants to see what the gateway would do, and what it is doing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::config::{CLIENT_KEY, provider_key};
use crate::support::process::{Ended, Folder, command_in, run};
use crate::support::{Config, Gateway, Script, Step, Upstream, openai};

const KEYS: &str = "api_keys: [sk-Qx7vLm2Rt9Wz4Kp1-one1, sk-Hd8cNb3Yf6Gs5Ja0-two2, tooshort]";

fn explain(route: &str, config: &str) -> Ended {
    let folder = Folder::new();
    folder.file("config.yaml", config);
    let ended = run(command_in(folder.path()).args(["explain", route]));
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

/// The same configuration with the port that the gateway was given.
fn explain_running(route: &str, config: &Config, gateway: &Gateway) -> String {
    let listen = format!("listen: {}", gateway.address);
    let text = config.text().replace("listen: 127.0.0.1:0", &listen);
    let ended = explain(route, &text);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

/// The part that is about this step.
fn part<'a>(text: &'a str, place: &str) -> &'a str {
    let at = text
        .find(place)
        .unwrap_or_else(|| panic!("{place}: {text}"));
    text[at..].split("\n\n").next().unwrap()
}

fn limited(fields: &[(&str, &str)]) -> Upstream {
    Upstream::always(Script::body(429, fields, openai::error("no", "x")))
}

/// One wants to see which steps a client's dialect is translated for before something is lost on the way.
#[test]
fn what_a_step_speaks_is_told() {
    let config = Config::new()
        .provider_with("a", "https://api.anthropic.com", &["kind: anthropic"])
        .provider_with("b", "http://127.0.0.1:2/v1", &[])
        .provider_with("c", "http://127.0.0.1:3/v1", &["responses: true"])
        .route("r", [("a", "m"), ("b", "m"), ("c", "m")])
        .route_with("of_chat", &["endpoints: [chat]"], [Step::new("a", "m")]);
    let text = explain("r", &config.text()).stdout;
    let line = |place: &str| {
        let spoken = part(&text, place)
            .lines()
            .find(|line| line.starts_with("   asked in "));
        spoken.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let (chat, messages) = ("(translated to chat)", "(translated to messages)");
    for (place, of) in [
        ("1. a/m", [messages, messages, "(native)", messages]),
        ("2. b/m", ["(native)", chat, chat, chat]),
        ("3. c/m", ["(native)", "(native)", chat, chat]),
    ] {
        let line = line(place);
        let names = ["chat", "responses", "messages", "ollama"];
        for (name, spoken) in names.into_iter().zip(of) {
            assert!(line.contains(&format!("{name} {spoken}")), "{name}: {line}");
        }
    }
    assert!(
        part(&text, "1. a/m").contains("kind: anthropic, auth: x-api-key"),
        "{text}"
    );
    let text = explain("of_chat", &config.text()).stdout;
    assert!(
        text.contains("   asked in chat (translated to messages)\n"),
        "{text}"
    );
}

/// Nobody listens: what the file says is shown all the same.
#[test]
fn without_a_running_gateway() {
    let config = Config::new()
        .with("default_timeout: 45s")
        .provider_with("a", "http://127.0.0.1:1/v1", &[KEYS])
        .provider_with("b", "http://127.0.0.1:2/v1", &["strict_json_schema: true"])
        .route_with(
            "dynamic/n8n",
            &["timeout: 2m", "wait_when_cooling: 5s"],
            [
                Step::new("a", "model-a")
                    .with("timeout: 7s")
                    .with("stall_timeout: 3s"),
                Step::new("b", "model-b")
                    .with("retries: 2")
                    .with("step_cooldown: 9s")
                    .with("conflict_resolution: tools")
                    .with("thinking: true"),
            ],
        );
    let closed = crate::support::ClosedPort::new();
    let listen = format!("listen: {}", closed.address);
    let text = config.text().replace("listen: 127.0.0.1:0", &listen);
    let ended = explain("dynamic/n8n", &text);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let text = ended.stdout;
    assert!(text.contains("all steps together: 120s"), "{text}");
    let waits = "where all steps are cooling: waits up to 5s for the soonest";
    assert!(text.contains(waits), "{text}");
    assert!(text.contains("What is cooling is not known"), "{text}");
    let (first, second) = (part(&text, "1. a/model-a"), part(&text, "2. b/model-b"));
    for words in [
        "timeout 7s",
        "5s to connect",
        "then 3s",
        "cooldown as the provider says, else guessed",
    ] {
        assert!(first.contains(words), "{words}: {text}");
    }
    for words in [
        "timeout 45s",
        "from 9s on",
        "retries 2",
        "adapters",
        "no key",
    ] {
        assert!(second.contains(words), "{words}: {text}");
    }
    assert!(first.ends_with("keys ***one1, ***two2, ***"), "{text}");
    for key in [
        "sk-Qx7vLm2Rt9Wz4Kp1",
        "sk-Hd8cNb3Yf6Gs5Ja0",
        "tooshort",
        CLIENT_KEY,
    ] {
        let windows = key.as_bytes().windows(5);
        for part in windows.map(|part| std::str::from_utf8(part).unwrap()) {
            assert!(!text.contains(part), "{part} of a key: {text}");
        }
    }
}

/// A client's odd model name leads here, or its missing one: that is to be seen where the route is.
#[test]
fn the_ways_to_a_route_are_told() {
    let config = Config::new()
        .with("default_routes: {images: pictures, moderations: pictures}")
        .provider("a", "http://127.0.0.1:1/v1")
        .route_with(
            "pictures",
            &[
                "aliases: [dall-e-3, 'gpt-image-*']",
                "endpoints: [images, moderations, chat]",
            ],
            [("a", "m")],
        );
    let ended = explain("gpt-image-1", &config.text());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in [
        "route pictures",
        "  aliases dall-e-3, gpt-image-*",
        "  endpoints images, moderations, chat only",
        "  default route of images, moderations without a model",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
}

/// Whoever mistypes a name wants to see the right ones.
#[test]
fn a_wrong_name_lists_the_right_ones() {
    let config = Config::new()
        .provider("a", "http://127.0.0.1:1/v1")
        .route("dynamic/n8n", [("a", "m")])
        .route("second", [("a", "m")]);
    let ended = explain("dynamic/n9n", &config.text());
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    for name in ["dynamic/n9n", "dynamic/n8n", "second"] {
        assert!(ended.stderr.contains(name), "{name}: {}", ended.stderr);
    }
}

#[test]
fn a_running_gateway_tells_what_is_cooling_and_why() {
    let stated = limited(&[("Retry-After", "630")]);
    let guessed = Upstream::always(Script::json(503, "{}"));
    let fields = [
        ("Content-Type", "application/json"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "90s"),
    ];
    let used_up = Upstream::always(Script::body(200, &fields, openai::answer("the last one")));
    let config = Config::new()
        .provider_with("stated", &stated, &[KEYS])
        .provider("guessed", &guessed)
        .provider("used-up", &used_up)
        .provider("idle", "http://127.0.0.1:1/v1")
        .route(
            "r",
            [
                ("stated", "m"),
                ("guessed", "m"),
                ("used-up", "m"),
                ("idle", "m"),
            ],
        );
    let gateway = config.start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let text = explain_running("r", &config, &gateway);
    let step = part(&text, "1. stated/m");
    assert!(step.contains("now skipped"), "{text}");
    for key in 1..=3 {
        let words = format!("cooling: key and model {key}, rate_limited, 10m ");
        assert!(step.contains(&words), "{words}: {text}");
    }
    assert!(step.contains("left (as the provider said)"), "{text}");
    let step = part(&text, "2. guessed/m");
    assert!(step.contains("now skipped"), "{text}");
    // DESIGN section 5: the model that failed. It was the provider.
    assert!(step.contains("cooling: model, server_error, "), "{text}");
    assert!(step.contains(" s left (a guess)"), "{text}");
    let step = part(&text, "3. used-up/m");
    assert!(step.contains("rate_limited, 1m "), "{text}");
    let step = part(&text, "\n4. idle/m");
    assert!(
        step.contains("now usable") && !step.contains("cooling:"),
        "{text}"
    );
    assert!(!text.contains("not known"), "{text}");
    for key in ["guessed", "used-up", "idle"].map(provider_key) {
        assert!(!text.contains(&key) && !text.contains(CLIENT_KEY), "{text}");
    }
}

/// What another configuration's gateway says of its steps would be a lie about these.
#[test]
fn another_configurations_gateway_is_not_believed() {
    let a = limited(&[("Retry-After", "600")]);
    let config =
        |route: &str, model: &str| Config::new().provider("a", &a).route(route, [("a", model)]);
    let gateway = config("r", "m").start();
    assert_eq!(gateway.ask("r", false).status, 429);
    let text = explain_running("other", &config("other", "m"), &gateway);
    assert!(text.contains("no such route"), "{text}");
    let text = explain_running("r", &config("r", "other"), &gateway);
    assert!(!text.contains("rate_limited"), "{text}");
    // The same step with another key for clients is the same step: no key is asked for.
    let same = config("r", "m").with("api_key: another-client-key");
    let text = explain_running("r", &same, &gateway);
    assert!(text.contains("rate_limited"), "{text}");
}

/// A port is not the gateway: while it is down, another process may listen there, and it was sent a client key.
#[test]
fn no_key_is_sent_to_the_process_that_has_the_port() {
    let impostor = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = impostor.local_addr().unwrap();
    let got = std::thread::spawn(move || {
        let mut got = Vec::new();
        let (mut stream, _) = impostor.accept().unwrap();
        stream.read_to_end(&mut got).unwrap();
        got
    });
    let config = Config::new()
        .provider("a", "http://127.0.0.1:1/v1")
        .route("r", [("a", "m")]);
    let listen = format!("listen: {address}");
    let text = config.text().replace("listen: 127.0.0.1:0", &listen);
    let ended = explain("r", &text);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("What is cooling is not known"),
        "{}",
        ended.stdout
    );
    // Nothing has come before this.
    TcpStream::connect(address)
        .unwrap()
        .write_all(b"end")
        .unwrap();
    assert_eq!(got.join().unwrap(), b"end");
}

/// The gateway answers its own user without a key, also where its clients have keys for a few routes only.
#[test]
fn the_gateway_answers_its_own_user_on_all_routes() {
    let config = Config::new()
        .with("api_keys: [{name: two, key: second-client-key-31337, routes: [s]}]")
        .provider("a", "http://127.0.0.1:1/v1")
        .route("r", [("a", "m")])
        .route("s", [("a", "m")]);
    let gateway = config.start();
    for route in ["r", "s"] {
        let text = explain_running(route, &config, &gateway);
        assert!(text.contains("now usable"), "{text}");
    }
}
