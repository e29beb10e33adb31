//! The commands: what they print and how they end, which is all a script or a service manager sees.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::support::client::Connection;
use crate::support::config::provider_key;
use crate::support::process::{Ended, Folder, Output, command, command_in, run};
use crate::support::{ClosedPort, Config, Script, Step, Upstream, openai};

/// Wrong configuration, as in `sysexits.h`: a service manager must not restart it for ever.
const BAD_CONFIGURATION: Option<i32> = Some(78);

fn in_folder(folder: &Folder, arguments: &[&str]) -> Ended {
    run(command_in(folder.path()).args(arguments))
}

fn good() -> Config {
    Config::new()
        .provider("a", "http://127.0.0.1:1/v1")
        .provider("b", "https://b.example/v1")
        .route("dynamic/n8n", [("a", "model-a"), ("b", "model-b")])
        .route("second", [Step::new("b", "model-c").with("timeout: 20s")])
}

#[test]
fn check_prints_the_routes() {
    let folder = Folder::new();
    folder.file("config.yaml", &good().text());
    let ended = in_folder(&folder, &["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for word in ["dynamic/n8n", "second", "model-a", "model-c"] {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
}

/// A firewall's rules are made of these lines, so no port is missing.
#[test]
fn check_prints_every_address() {
    let folder = Folder::new();
    let config = "\
listen: 127.0.0.1:8080
api_key: sk-sixteen-bytes-1
providers:
  - {name: p, base_url: 'https://api.example.com/v1', api_key: sk-sixteen-bytes-3}
routes:
  - {name: ears, endpoints: [transcriptions], steps: [{provider: p, model: m}]}
ollama: {enabled: true, listen: '127.0.0.1:11434'}
wyoming: {stt: ears, listen: '127.0.0.1:10300'}
";
    folder.file("config.yaml", config);
    let ended = in_folder(&folder, &["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = "listens on 127.0.0.1:8080\nlistens on 127.0.0.1:11434 (ollama)\nlistens on 127.0.0.1:10300 (wyoming)\n";
    assert!(ended.stdout.contains(lines), "{}", ended.stdout);
}

/// What leads to a route is listed with it, and what can hardly be meant is warned of.
#[test]
fn check_tells_of_aliases_and_default_routes() {
    let folder = Folder::new();
    let config = "\
api_keys:
  - {name: all, key: sk-sixteen-bytes-1}
  - {name: some, key: sk-sixteen-bytes-2, routes: [code]}
providers:
  - {name: p, base_url: 'https://api.example.com/v1', api_key: sk-sixteen-bytes-3}
routes:
  - {name: code, aliases: [claude-3, '*'], steps: [{provider: p, model: m}]}
  - {name: pictures, endpoints: [images], steps: [{provider: p, model: n}]}
default_routes: {images: pictures}
";
    folder.file("config.yaml", config);
    let ended = in_folder(&folder, &["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for line in [
        "\ncode\n  aliases claude-3, *\n",
        "\npictures\n  endpoints images only\n  default route of images without a model\n",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    for warning in ["misspelled ones too", "which the client some may not use"] {
        assert!(
            ended.stderr.contains(warning),
            "{warning}: {}",
            ended.stderr
        );
    }
}

/// A key of a few letters is guessed, and of less than eight it cannot be told from words of messages.
#[test]
fn check_warns_of_short_keys() {
    let folder = Folder::new();
    let config = "\
api_key: sk-fifteen-byte
api_keys:
  - {name: long, key: sk-sixteen-bytes}
  - {name: tiny, key: seven-7}
providers:
  - {name: far, base_url: 'https://api.example.com/v1', api_keys: [short-key, shorter]}
  - {name: near, base_url: 'http://localhost:11434/v1', api_key: ollama}
routes:
  - {name: r, steps: [{provider: far, model: m}, {provider: near, model: m}]}
";
    folder.file("config.yaml", config);
    let ended = in_folder(&folder, &["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let warnings: Vec<&str> = ended.stderr.lines().collect();
    let [default, tiny, far] = warnings.as_slice() else {
        panic!("{warnings:?}");
    };
    for (warning, words) in [
        (default, "the client default has less than 16 bytes"),
        (tiny, "the client tiny has less than 16 bytes"),
        (far, "the provider far has less than 16 bytes"),
    ] {
        assert!(warning.contains(words), "{warning}");
    }
    assert!(tiny.contains("too short to be masked"), "{tiny}");
    assert!(!default.contains("masked"), "{default}");
    for key in ["sk-fif", "seven-7", "short"] {
        let printed = ended.stdout.clone() + &ended.stderr.replace("too short", "");
        assert!(!printed.contains(key), "{key}: {printed}");
    }
}

/// Mending one error only to be told the next one is no way to treat a newcomer.
#[test]
fn check_lists_all_errors_with_their_lines() {
    let text = "\
api_key: client-key-123456
defualt_timeout: 30s
providers:
  - name: cerebras
    base_url: https://api.cerebras.ai/v1
  - name: local
    base_url: ftp://127.0.0.1/v1
routes:
  - name: r
    steps:
      - provider: cerebas
        model: m
        timeout: 30
  - name: r
    steps: []
";
    let folder = Folder::new();
    folder.file("bad.yaml", text);
    for arguments in [
        &["check", "--config", "bad.yaml"][..],
        &["--config", "bad.yaml"],
    ] {
        let ended = in_folder(&folder, arguments);
        assert_eq!(ended.code, BAD_CONFIGURATION, "{}", ended.stderr);
        let printed = ended.stdout + &ended.stderr;
        for (line, words) in [
            (2, &["defualt_timeout", "default_timeout"][..]),
            (7, &["providers[1].base_url"]),
            (11, &["routes[0].steps[0].provider", "cerebras"]),
            (13, &["routes[0].steps[0].timeout"]),
            (14, &["routes[1].name"]),
            (15, &["routes[1].steps"]),
        ] {
            let place = format!("bad.yaml:{line}");
            let told = printed
                .lines()
                .find(|told| told.contains(&format!("{place}:")));
            let told = told.unwrap_or_else(|| panic!("nothing about line {line}:\n{printed}"));
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
    }
}

/// All missing variables in one message, sorted, as the Go gateway did it.
#[test]
fn missing_variables_are_named_together() {
    let text = good()
        .text()
        .replace(&provider_key("a"), "${ZEBRA_KEY}")
        .replace(&provider_key("b"), "${APPLE_KEY}");
    let folder = Folder::new();
    folder.file("config.yaml", &text);
    let ended = in_folder(&folder, &["check"]);
    assert_eq!(ended.code, BAD_CONFIGURATION);
    let printed = ended.stdout + &ended.stderr;
    let told = printed
        .lines()
        .find(|line| line.contains("ZEBRA_KEY"))
        .expect("the name");
    assert!(
        told.find("APPLE_KEY")
            .is_some_and(|at| at < told.find("ZEBRA_KEY").unwrap()),
        "{told}"
    );
    let ended = run(command_in(folder.path())
        .arg("check")
        .env("ZEBRA_KEY", "z: \"#")
        .env("APPLE_KEY", ""));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn without_a_configuration_the_places_are_named() {
    if Path::new("/etc/ai-gateway/config.yaml").exists() {
        return;
    }
    let ended = in_folder(&Folder::new(), &[]);
    assert_eq!(ended.code, BAD_CONFIGURATION, "{}", ended.stderr);
    let printed = ended.stdout + &ended.stderr;
    for place in ["config.yaml", "/etc/ai-gateway/config.yaml", "--config"] {
        assert!(printed.contains(place), "{place}: {printed}");
    }
    let ended = in_folder(&Folder::new(), &["--config", "nowhere.yaml"]);
    assert_eq!(ended.code, BAD_CONFIGURATION);
    assert!(ended.stderr.contains("nowhere.yaml"), "{}", ended.stderr);
}

/// What is copied from the repository must work.
#[test]
fn the_example_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(root.join(".env.example")).expect(".env.example");
    let variables = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(
            |(name, value)| match value.contains("your-") || value == "change-me" {
                true => (name, "made-up-for-the-test"),
                false => (name, value),
            },
        );
    let folder = Folder::new();
    fs::copy(
        root.join("config.yaml.example"),
        folder.path().join("config.yaml"),
    )
    .expect("config.yaml.example");
    let ended = run(command_in(folder.path()).arg("check").envs(variables));
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn version_and_help() {
    let folder = Folder::new();
    let version = in_folder(&folder, &["--version"]);
    assert_eq!(
        (version.code, version.stdout.trim()),
        (Some(0), concat!("ai-gateway ", env!("CARGO_PKG_VERSION")))
    );
    let help = in_folder(&folder, &["--help"]);
    assert_eq!(help.code, Some(0));
    for word in ["check", "demo", "healthcheck", "explain", "--config"] {
        assert!(help.stdout.contains(word), "{word}: {}", help.stdout);
    }
}

#[test]
fn unknown_arguments_are_refused() {
    for arguments in [
        &["serve-me"][..],
        &["--confg", "x"],
        &["--config"],
        &["demo", "--port", "many"],
        &["check", "extra"],
    ] {
        let ended = in_folder(&Folder::new(), arguments);
        assert!(ended.code.is_some_and(|code| code != 0), "{arguments:?}");
        assert!(
            !ended.stderr.is_empty() && !ended.stderr.contains("panicked"),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

/// For images without a shell: the container asks itself.
#[test]
fn healthcheck_tells_whether_it_runs() {
    let upstream = Upstream::saying("fine");
    let mut gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let folder = Folder::new();
    let listen = format!("listen: {}", gateway.address);
    folder.file(
        "config.yaml",
        &good().text().replace("listen: 127.0.0.1:0", &listen),
    );
    let ended = in_folder(&folder, &["healthcheck"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    gateway.signal(rustix::process::Signal::TERM);
    gateway.wait();
    let ended = in_folder(&folder, &["healthcheck"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
}

/// A bad edit of the file changes nothing for the gateway that runs, so an orchestrator must not kill it for that.
#[test]
fn healthcheck_reads_but_the_address() {
    let upstream = Upstream::saying("fine");
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let (address, port) = (gateway.address, gateway.address.port().to_string());
    let folder = Folder::new();
    let listening = good().text().replace("127.0.0.1:0", &address.to_string());
    let half = &listening[..listening.find("base_url").unwrap() + 12];
    let rest = good().text().replace("listen: 127.0.0.1:0\n", "");
    assert!(!rest.contains("listen"), "{rest}");
    for (what, text) in [
        ("an unknown key", format!("{listening}\nnonsense: 1\n")),
        (
            "a variable that is not set",
            listening.replace(&provider_key("a"), "${NOT_SET}"),
        ),
        ("half a file", half.to_owned()),
        ("no YAML", format!("{listening}\nroutes: ][\n\t- x: 'y\n")),
        (
            "a list of addresses, no YAML",
            format!("listen:\n  - {address}\nroutes: '\n"),
        ),
        ("a port", format!("port: {port}\n{rest}")),
        (
            "a port of the environment",
            format!("port: ${{PORT}}\n{rest}"),
        ),
        ("no port", rest),
        ("nothing", String::new()),
    ] {
        folder.file("config.yaml", &text);
        let ended = run(command_in(folder.path())
            .arg("healthcheck")
            .env("PORT", &port));
        assert_eq!(ended.code, Some(0), "{what}: {}", ended.stderr);
    }
    // No file at all: where the container has its settings from the environment.
    let ended = run(command_in(folder.path())
        .args(["healthcheck", "--config", "nowhere.yaml"])
        .env("PORT", &port));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    folder.file(".env", &format!("PORT={port}\n"));
    let ended = in_folder(&folder, &["healthcheck"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// The line that is wrong, and where help is; the help itself would push it off the screen.
#[test]
fn a_wrong_argument_is_answered_shortly() {
    let folder = Folder::new();
    for (arguments, said) in [
        (
            &["chekc"][..],
            "ai-gateway: unknown command \"chekc\", did you mean \"check\"?\nai-gateway --help tells more",
        ),
        (
            &["demo", "--port", "many"],
            "ai-gateway: --port needs a number up to 65535\nai-gateway demo --help tells more",
        ),
    ] {
        let ended = in_folder(&folder, arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(64), said));
    }
    let help = in_folder(&folder, &["demo", "--help"]);
    assert_eq!(help.code, Some(0));
    assert!(
        help.stdout.starts_with("usage: ai-gateway demo [--port N]"),
        "{}",
        help.stdout
    );
}

/// The first thing a newcomer runs: no configuration, no key, no network. What has ended is not suggested to be asked.
#[test]
fn the_demo_shows_a_fallback_and_ends() {
    let ended = run(command()
        .args(["demo", "--port", "0", "--once"])
        .env("TERM", "xterm"));
    let printed = ended.stdout;
    assert_eq!(ended.code, Some(0), "{printed}{}", ended.stderr);
    assert_eq!(
        printed.matches("Its routing_summary").count(),
        2,
        "plain and streamed:\n{printed}"
    );
    for word in [
        "  1     rate-limited  always-429  rate_limited (429)  ",
        "  2     steady        echo-1      answered ",
        "      \"message\": {\"role\": \"assistant\", \"content\": \"You said: Hello, gateway!\"}",
        "[DONE]",
    ] {
        assert!(printed.contains(word), "{word}:\n{printed}");
    }
    for word in ["curl", "Ctrl-C", "browser", "\x1b"] {
        assert!(!printed.contains(word), "{word}:\n{printed}");
    }
}

/// The `curl` line it prints is pasted into another terminal.
#[test]
fn the_demo_keeps_serving() {
    let folder = Folder::new();
    let mut child = command_in(folder.path())
        .args(["demo", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let output = Output::default();
    output.collect(child.stdout.take().unwrap());
    output.collect(child.stderr.take().unwrap());
    let found = output.wait_for(|line| {
        let rest = line.split_once("curl")?.1.split_once("http://")?.1;
        rest.split('/')
            .next()?
            .replace("localhost", "127.0.0.1")
            .parse()
            .ok()
    });
    let healthy = found.map(|address| {
        let mut connection = Connection::open(address);
        connection.send("GET /health HTTP/1.1\r\nHost: g\r\n\r\n");
        connection.response().status
    });
    let page = "/   in a browser; the key it asks for is demo-gateway-key";
    let is_told = output.wait_for(|line| line.contains(page).then_some(()));
    drop(child.kill());
    drop(child.wait());
    assert_eq!(healthy, Some(200), "{}", output.text());
    assert!(is_told.is_some(), "{}", output.text());
}

/// The file is typed as an operand, as everybody does with other programs.
#[test]
fn the_configuration_may_be_an_operand() {
    let folder = Folder::new();
    folder.file("other.yaml", &good().text());
    // A file of the name of a route is the route.
    folder.file("second", "no configuration");
    for (arguments, words) in [
        (&["check", "other.yaml"][..], "other.yaml is valid"),
        (&["explain", "other.yaml"], "route dynamic/n8n"),
        (&["explain", "other.yaml"], "\nroute second"),
        (&["explain", "second", "other.yaml"], "route second"),
        (&["explain", "-c", "other.yaml", "second"], "route second"),
        (&["explain", "--config", "other.yaml"], "route second"),
    ] {
        let ended = in_folder(&folder, arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        let printed = format!("\n{}", ended.stdout);
        assert!(printed.contains(words), "{arguments:?}: {printed}");
    }
    let ended = in_folder(&folder, &["check", "other.yaml", "-c", "other.yaml"]);
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    folder.file("config.yaml", &good().text());
    let ended = in_folder(&folder, &["explain", "second"]);
    assert!(
        ended.stdout.starts_with("route second"),
        "{}",
        ended.stdout + &ended.stderr
    );
    let ended = in_folder(&folder, &["other.yaml"]);
    assert_eq!(ended.code, Some(64));
    assert!(
        ended.stderr.contains("--config other.yaml serves with it"),
        "{}",
        ended.stderr
    );
}

/// All that is said of a key, a list and a model, before the first request fails over in silence.
#[test]
fn check_online_asks_each_provider() {
    let list = openai::models(&["good-model", "openai/gpt-oss-120b"]);
    let answering = |wanted: &'static str| {
        let list = list.clone();
        Upstream::answering(move |request| {
            let shown = request.head.get("authorization").unwrap_or_default();
            if shown == format!("Bearer {wanted}") {
                Script::json(200, &list)
            } else {
                Script::json(
                    401,
                    &openai::error(&format!("no such key {shown}"), "invalid"),
                )
            }
        })
    };
    let (right, wrong) = (
        answering("key-of-the-first-1"),
        answering("somebody-elses-key"),
    );
    let open = Upstream::always(Script::json(200, &list));
    let listless = Upstream::always(Script::json(404, "{}"));
    let gone = ClosedPort::new();
    let config = |steps: &[(&str, &str)]| {
        Config::new()
            .provider_with(
                "right",
                &right,
                &["api_keys: [key-of-the-first-1, key-of-nobody-22]"],
            )
            .provider_with("wrong", &wrong, &["api_key: key-of-the-second"])
            .provider_with("open", &open, &["api_key: key-of-the-third-3"])
            .provider_with("listless", &listless, &[])
            .provider_with("gone", &gone, &[])
            .route(
                "r",
                steps
                    .iter()
                    .map(|(p, m)| Step::new(p, m))
                    .collect::<Vec<_>>(),
            )
    };
    let folder = Folder::new();
    let steps = [
        ("right", "good-model"),
        ("right", "gpt-oss-120b"),
        ("wrong", "m"),
        ("open", "good-model"),
        ("listless", "m"),
        ("gone", "m"),
    ];
    folder.file("config.yaml", &config(&steps).text());
    let ended = in_folder(&folder, &["check", "--online"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for words in [
        "config.yaml is valid",
        "right, key 1: 2 models; the key is accepted",
        "  it does not list the model \"gpt-oss-120b\"; near: \"openai/gpt-oss-120b\"",
        "right, key 2: the key is refused: HTTP status 401 no such key Bearer ***",
        "wrong: the key is refused: HTTP status 401",
        "open: 2 models; they are told without a key, so it is not proven",
        "listless: is reached, and has no model list at http://127.0.0.1",
        "gone: is not reached: ",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    for key in [
        "key-of-the-first-1",
        "key-of-nobody-22",
        "key-of-the-second",
    ] {
        assert!(!ended.stdout.contains(key), "{}", ended.stdout);
    }
    let fine = Config::new()
        .provider_with("open", &open, &["api_key: key-of-the-third-3"])
        .provider_with("listless", &listless, &[])
        .route("r", [("open", "good-model"), ("listless", "m")]);
    folder.file("config.yaml", &fine.text());
    let ended = in_folder(&folder, &["check", "--online"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
