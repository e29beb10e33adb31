//! Problems as they are told: where, in which order, how many, and never with a secret.

use super::super::{Problem, parse as parse_in};
use super::{MINIMAL, parse, refuse, variables};

#[test]
fn a_file_without_keys_providers_or_routes_says_so() {
    assert_eq!(
        refuse("port: 1\n"),
        "config.yaml: providers is missing: at least one is needed\n\
         config.yaml: routes is missing: at least one is needed\n\
         config.yaml: api_key is missing: clients need a key, often `api_key: ${GATEWAY_API_KEY}`"
    );
    for (line, expected) in [
        (
            "api_key: ''",
            "config.yaml:1: api_key: is empty: clients need a key",
        ),
        (
            "api_key: ${EMPTY}",
            "config.yaml:1: api_key: is empty: clients need a key",
        ),
        (
            "api_key: ' '",
            "config.yaml:1: api_key: is empty: clients need a key",
        ),
        (
            "api_keys: []",
            "config.yaml:1: api_keys: is empty: clients need a key",
        ),
    ] {
        assert_eq!(refuse(&MINIMAL.replace("api_key: k", line)), expected);
    }
}

#[test]
fn a_misspelled_provider_is_found_on_its_own_line_among_many() {
    let text = "\
api_key: k
providers:
  - name: cerebras
    base_url: https://api.cerebras.ai/v1

routes:
  - name: one
    steps:
      - provider: cerebras
        model: m
  - name: two
    steps:
      - model: m
        # a comment
        provider: cerebas
";
    let errors = parse(text).unwrap_err();
    assert_eq!(
        errors.clone().in_file("my.yaml").to_string(),
        "my.yaml:15: routes[1].steps[0].provider (route \"two\", step 1): unknown provider \"cerebas\", did you mean \"cerebras\"?"
    );
    assert_eq!(
        errors.problems(),
        [Problem {
            path: "routes[1].steps[0].provider".to_owned(),
            place: "route \"two\", step 1".to_owned(),
            line: Some(15),
            message: "unknown provider \"cerebas\", did you mean \"cerebras\"?".to_owned(),
        }]
    );
}

#[test]
fn a_problem_in_a_merged_mapping_is_found_where_it_was_written() {
    let text = "\
x-slow: &slow
  timeout: slow
api_key: k
providers: [{name: p, base_url: http://p}]
routes:
  - name: r
    steps:
      - <<: *slow
        provider: p
        model: m
";
    assert!(refuse(text).starts_with("config.yaml:2: routes[0].steps[0].timeout: \"slow\""));
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_their_lines() {
    let text = "\
routes:
  - name: r
    steps:
      - {provider: q, model: '${MISSING_B}', timeout: 3}
api_key: ${MISSING_C}
providers:
  - name: p
    base_url: ${MISSING_A}/${MISSING_B}
    api_key: kéy
    nmae: x
port: http
";
    assert_eq!(
        refuse(text),
        "config.yaml: missing environment variables: MISSING_A, MISSING_B, MISSING_C\n\
         config.yaml:4: routes[0].steps[0].provider: unknown provider \"q\"\n\
         config.yaml:4: routes[0].steps[0].timeout: \"3\" has no unit: write `3s` for seconds\n\
         config.yaml:9: providers[0].api_key: holds a character that cannot stand in a header\n\
         config.yaml:10: providers[0].nmae: unknown key, did you mean \"name\"?\n\
         config.yaml:11: port: \"http\" is no port from 1 to 65535"
    );
}

#[test]
fn a_name_that_cannot_be_read_causes_no_second_problem() {
    let text = MINIMAL
        .replace("api_key: k", "api_keys: [{name: a, key: k, routes: [r]}]")
        .replace("name: p", "name: ${UNSET_P}")
        .replace("name: r", "name: ${UNSET_R}");
    assert_eq!(
        refuse(&text),
        "config.yaml: missing environment variables: UNSET_P, UNSET_R"
    );
}

#[test]
fn secrets_do_not_appear_wherever_they_are_put() {
    for reference in ["${KEY}", "${OTHER}", "x${OTHER}"] {
        let fields = [
            "port",
            "listen",
            "default_timeout",
            "default_step_cooldown",
            "response_model",
            "proxy",
            "server",
            "api_keys",
        ];
        for field in fields {
            refuse(&format!("{MINIMAL}{field}: {reference}\n"));
        }
        for (from, to) in [
            ("https://p.example/v1", reference.to_owned()),
            ("provider: p,", format!("provider: {reference},")),
            ("model: m", format!("model: m, retries: {reference}")),
            ("model: m", format!("model: m, thinking: {reference}")),
            ("v1}", format!("v1, api_keys: {reference}}}")),
            ("v1}", format!("v1, headers: {{Host: {reference}}}}}")),
        ] {
            refuse(&MINIMAL.replace(from, &to));
        }
    }
    // Written into the file itself, too, where the setting is a secret.
    let literal = "sk-literalékey";
    for text in [
        MINIMAL.replace("v1}", &format!("v1, api_key: {literal}}}")),
        MINIMAL.replace("v1}", &format!("v1, headers: {{te: {literal}}}}}")),
        MINIMAL.replace("api_key: k", &format!("api_key: \"{literal}\\n{literal}\"")),
        MINIMAL.replace("api_key: k", &format!("api_key: !!int {literal}")),
        MINIMAL.replace("https://p", &format!("https://{literal}@p")),
    ] {
        let message = refuse(&text);
        assert!(!message.contains("literal"), "{message}");
    }
}

#[test]
fn a_wrong_port_in_the_environment_is_refused() {
    let message = parse_in(MINIMAL, &variables([("PORT", "http")]))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "config.yaml: the environment variable PORT is no port from 1 to 65535"
    );
}

#[test]
fn an_odd_key_does_not_break_the_line() {
    let text = format!("{MINIMAL}\"a\\nb\\e{}\": 1\n", "x".repeat(500));
    let message = refuse(&text);
    assert!(
        message.starts_with("config.yaml:6: a\u{fffd}b\u{fffd}xxx"),
        "{message}"
    );
    assert!(
        message.len() < 150 && message.lines().count() == 1,
        "{message}"
    );
}

#[test]
fn a_file_full_of_problems_does_not_fill_the_terminal() {
    let wrong: String = (0..1_000).map(|n| format!("wrong{n}: 1\n")).collect();
    let message = refuse(&format!("{MINIMAL}{wrong}"));
    assert_eq!(message.lines().count(), 101);
    assert!(
        message.ends_with("config.yaml: and 900 more problems"),
        "{message}"
    );
}

/// Said when the file is read, and not by a 401 in the night.
#[test]
fn keys_that_can_never_work_are_refused_wherever_they_come_from() {
    let environment = super::variables([
        ("QUOTED", "\"s3cret-of-a-client\""),
        ("BEARER", "Bearer s3cret"),
        ("MARKED", "\u{feff}s3cret"),
        ("BARE", "$S3CRET"),
        ("YOURS", "your-s3cret-key"),
    ]);
    for variable in environment.keys() {
        for (from, to) in [
            ("api_key: k", format!("api_key: ${{{variable}}}")),
            (
                "api_key: k",
                format!("api_keys: [{{name: a, key: '${{{variable}}}'}}]"),
            ),
            (
                "name: p,",
                format!("name: p, api_keys: [good, '${{{variable}}}'],"),
            ),
        ] {
            let errors = super::super::parse(&MINIMAL.replace(from, &to), &environment);
            let told = errors.expect_err(variable).to_string();
            assert_eq!(told.lines().count(), 1, "{variable}: {told}");
            assert!(told.contains("key"), "{told}");
            assert!(!told.to_lowercase().contains("s3cret"), "{told}");
        }
    }
    for (from, to, words) in [
        (
            "api_key: k",
            "api_key: $CLIENT_KEY",
            "api_key: is a `$` and a name",
        ),
        ("model: m", "model: $MODEL", "model: is a `$` and a name"),
        (
            "https://p",
            "https://$HOST.p",
            "base_url: holds a `$` and a name",
        ),
        (
            "api_key: k",
            "api_key: change-me",
            "api_key: is a placeholder",
        ),
    ] {
        let told = refuse(&MINIMAL.replace(from, to));
        assert!(told.contains(words), "{told}");
    }
    // A server of one's own takes any word for a key.
    super::accept(&MINIMAL.replace(
        "https://p.example/v1",
        "http://localhost:1/v1, api_key: your-key",
    ));
}

#[test]
fn a_name_that_could_mean_two_routes_is_refused() {
    let at = MINIMAL.find("routes:").unwrap();
    for (first, second, rest, expected) in [
        ("aliases: [b]", "aliases: []", "", "routes[1].name: "),
        (
            "aliases: [x]",
            "aliases: [x]",
            "",
            "routes[1].aliases[0]: \"x\" is the name of another",
        ),
        (
            "aliases: [\"x*\"]",
            "aliases: [\"x*\"]",
            "",
            "routes[1].aliases[0]: \"x*\" is the name",
        ),
        (
            "aliases: [a]",
            "",
            "",
            "routes[0].aliases[0]: \"a\" is the name",
        ),
        (
            "aliases: [x, x]",
            "",
            "",
            "routes[0].aliases[1]: \"x\" is the name",
        ),
        (
            "aliases: [\"x*y\"]",
            "",
            "",
            "holds a `*` that is not its end",
        ),
        ("endpoints: []", "", "", "routes[0].endpoints: is empty"),
        ("endpoints: [chta]", "", "", "did you mean"),
        (
            "",
            "",
            "default_routes: {image: a}",
            "unknown endpoint, did you mean \"images\"?",
        ),
        (
            "",
            "",
            "default_routes: {images: c}",
            "there is no route \"c\"",
        ),
        (
            "endpoints: [chat]",
            "",
            "default_routes: {images: a}",
            "does not serve images",
        ),
    ] {
        let route = |name, more: &str| {
            let comma = if more.is_empty() { "" } else { "," };
            format!("  - {{name: {name}, {more}{comma} steps: [{{provider: p, model: m}}]}}\n")
        };
        let (a, b) = (route("a", first), route("b", second));
        let text = format!("{}routes:\n{a}{b}{rest}\n", &MINIMAL[..at]);
        let message = refuse(&text);
        assert!(message.contains(expected), "{text}\n{message}");
    }
}
