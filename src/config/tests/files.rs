//! Files of the Go gateway and our own example.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{
    AllowedRoutes, Config, ConflictResolution, EdgeLimits, ResponseModel, Step, parse,
};
use super::variables;

const GO_1: &str = include_str!("../../../tests/fixtures/config/go-1.yaml");
const GO_2: &str = include_str!("../../../tests/fixtures/config/go-2.yaml");
const EXAMPLE: &str = include_str!("../../../config.yaml.example");
const EXAMPLE_VARIABLES: &str = include_str!("../../../.env.example");

fn load(text: &str, environment: &BTreeMap<String, String>) -> Config {
    parse(text, environment).unwrap_or_else(|errors| panic!("{errors}"))
}

fn called(step: &Step) -> (&str, &str) {
    (&step.provider.name, &step.model)
}

#[test]
fn a_first_generation_file_of_the_go_gateway_loads_unchanged() {
    let environment = variables([
        ("GATEWAY_API_KEY", "g"),
        ("CEREBRAS_API_KEY", "c"),
        ("OPENROUTER_API_KEY", "o:#"),
    ]);
    let config = load(GO_1, &environment);

    assert_eq!(config.listen, ["[::]:8080".parse().unwrap()]);
    assert_eq!(config.clients.len(), 1);
    assert_eq!(config.clients[0].name, "default");
    assert!(config.clients[0].key.matches(b"g"));
    assert_eq!(config.clients[0].routes, None);
    assert_eq!(config.server, EdgeLimits::default());

    let openrouter = &config.providers[1];
    assert_eq!(openrouter.index, 1);
    assert_eq!(openrouter.base_url, "https://openrouter.ai/api/v1");
    assert_eq!(openrouter.keys[0].expose(), "o:#");
    assert!(!openrouter.strict_json_schema && !openrouter.private);

    let route = config.route("dynamic/n8n").unwrap();
    assert_eq!(route.timeout, None);
    assert_eq!(called(&route.steps[0]), ("cerebras", "gpt-oss-120b"));
    assert_eq!(
        called(&route.steps[1]),
        ("openrouter", "nvidia/nemotron-3-nano-30b-a3b:free")
    );
    assert_eq!(
        route.steps[0].conflict_resolution,
        Some(ConflictResolution::Tools)
    );
    assert_eq!(
        route.steps[1].conflict_resolution,
        Some(ConflictResolution::Format)
    );
    assert_eq!(route.steps[0].timeout, Duration::from_secs(300));
    assert_eq!(route.steps[0].stall_timeout, Duration::from_secs(60));
    assert_eq!(
        (
            route.steps[0].cooldown,
            route.steps[0].thinking,
            route.steps[0].retries
        ),
        (None, None, 0)
    );
}

#[test]
fn a_second_generation_file_of_the_go_gateway_loads_unchanged() {
    let environment = variables([
        ("GATEWAY_API_KEY", "g"),
        ("DEEPSEEK_API_KEY", "d"),
        ("GROQ_API_KEY", "q"),
        ("PORT", "9000"),
    ]);
    let config = load(GO_2, &environment);

    assert_eq!(config.listen, ["[::]:9000".parse().unwrap()]);
    let [deepseek, groq, local] = &config.providers[..] else {
        panic!("{:?}", config.providers)
    };
    assert_eq!(deepseek.keys[0].expose(), "d");
    assert!(groq.strict_json_schema && !deepseek.strict_json_schema);
    assert!(local.keys.is_empty() && local.private && !groq.private);

    let chat = config.route("dynamic/chat").unwrap();
    assert_eq!(chat.timeout, Some(Duration::from_secs(300)));
    let [thinking, patient, quick] = &chat.steps[..] else {
        panic!("{:?}", chat.steps)
    };
    assert_eq!(called(quick), ("local", "1.0"));
    assert_eq!(
        [thinking, patient, quick].map(|step| step.timeout.as_millis()),
        [20_000, 90_000, 250]
    );
    assert_eq!(
        [thinking, patient, quick].map(|step| step.thinking),
        [Some(true), None, Some(false)]
    );
    assert_eq!(patient.conflict_resolution, Some(ConflictResolution::Tools));
    assert_eq!(patient.cooldown, Some(Duration::from_secs(150)));

    let n8n = config.route("dynamic/n8n").unwrap();
    assert_eq!(n8n.timeout, Some(Duration::from_secs(120)));
    assert_eq!(n8n.steps.len(), 3);
    assert_eq!(n8n.steps[0].cooldown, Some(Duration::from_secs(60)));
}

#[test]
fn a_missing_variable_of_an_old_file_is_named() {
    let errors = parse(GO_2, &variables([("GATEWAY_API_KEY", "g")])).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "config.yaml: missing environment variables: DEEPSEEK_API_KEY, GROQ_API_KEY, PORT"
    );
}

/// `NAME=value` and `#NAME=value` lines.
fn example_variables(commented: bool) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let line = if commented {
            line.strip_prefix('#').unwrap_or(line)
        } else {
            line
        };
        let (name, value) = line.split_once('=')?;
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let value = match value {
            "change-me" | "your-cerebras-key" | "your-openrouter-key" => "made-up-for-the-test",
            value => value,
        };
        is_name.then(|| (name.to_owned(), value.to_owned()))
    };
    EXAMPLE_VARIABLES.lines().filter_map(line).collect()
}

#[test]
fn the_example_loads_with_the_example_environment_and_shows_the_built_in_values() {
    for commented in [false, true] {
        let config = load(EXAMPLE, &example_variables(commented));
        assert_eq!(config.listen, ["[::]:8080".parse().unwrap()]);
        assert_eq!(config.server, EdgeLimits::default());
        assert_eq!(config.response_model, ResponseModel::Route);
        assert_eq!(config.routes.len(), 1);
        assert_eq!(config.routes[0].steps[0].timeout, Duration::from_secs(30));
        assert_eq!(config.routes[0].timeout, None);
        assert!(config.clients[0].key.matches(b"made-up-for-the-test"));
    }
}

/// A POST on a connection that the gateway closes just then is a 502: proxies do not repeat it.
#[test]
fn the_proxies_that_are_shipped_close_idle_connections_before_the_gateway_does() {
    let idle = EdgeLimits::default().keep_alive.as_secs();
    let caddy = include_str!("../../../docs/proxies/Caddyfile");
    let traefik = include_str!("../../../docs/proxies/traefik.yml");
    let after = |text: &'static str, word: &str| -> u64 {
        let rest = text.split(word).nth(1).unwrap();
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits.unwrap().parse().unwrap()
    };
    assert!(after(caddy, "\tkeepalive ") < idle && after(caddy, "keep_alive (") == idle);
    // Its own default, and the gateway's beside it.
    let traefik_keeps = after(traefik, "idle connections for ");
    assert!(traefik_keeps == 90 && 90 < idle && after(traefik, "the gateway for ") == idle);
}

/// Copied and not filled in, it must not serve with a key that everybody knows.
#[test]
fn the_example_environment_has_to_be_filled_in() {
    let lines = EXAMPLE_VARIABLES.lines();
    let pairs = lines.filter_map(|line| line.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let message = parse(EXAMPLE, &pairs.collect::<BTreeMap<_, _>>())
        .unwrap_err()
        .to_string();
    assert_eq!(message.matches("is a placeholder").count(), 3, "{message}");
}

/// The settings that are switched off in the example must be right too: people remove the `#` and start.
#[test]
fn the_example_loads_with_every_setting_switched_on() {
    let (head, optional) = EXAMPLE.split_once("# ---- The gateway -").unwrap();
    let (_, optional) = optional.split_once('\n').unwrap();
    let (settings, more) = optional.split_once("# Each setting below").unwrap();
    let uncomment = |text: &str| -> String {
        let line = |line: &str| {
            let bare = line
                .strip_prefix("# ")
                .filter(|bare| !bare.starts_with("----"));
            format!("{}\n", bare.unwrap_or(line))
        };
        text.lines().map(line).collect()
    };
    let more = uncomment(more.split_once('\n').unwrap().1);
    let (providers, routes) = more.split_once("routes:\n").unwrap();
    let (head, head_routes) = head.split_once("routes:\n").unwrap();
    let head_routes = head_routes.split_once("# That is all").unwrap().0;
    let text = format!(
        "{}{}\nroutes:\n{head_routes}{routes}\n{}",
        head.replace("port:", "x-port:"),
        providers.split_once("providers:\n").unwrap().1,
        uncomment(settings)
    );
    let mut environment = example_variables(true);
    environment.extend(variables([
        ("HOME_ASSISTANT_KEY", "h"),
        ("VALKEY_PASSWORD", "v"),
        ("NTFY_TOKEN", "tk_n"),
        ("TELEGRAM_BOT_TOKEN", "1:t"),
        ("KUMA_PUSH_TOKEN", "p"),
        ("GROQ_KEY_1", "1"),
        ("ANTHROPIC_API_KEY", "a"),
        ("GROQ_KEY_2", "2"),
    ]));
    let config = load(&text, &environment);

    assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(
        config.clients[1].routes,
        Some(vec![AllowedRoutes::Named("dynamic/n8n".to_owned())])
    );
    assert_eq!(config.providers[3].keys.len(), 2);
    assert_eq!(config.routes[1].steps[0].retries, 1);
    assert_eq!(
        config.routes[1].steps[0].stall_timeout,
        Duration::from_secs(15)
    );
    assert_eq!(config.routes[0].timeout, Some(Duration::from_secs(600)));
    assert!(config.ca_file.is_some() && config.proxy.is_some() && config.state_file.is_some());
}
