//! Valid providers and what becomes of them.

use super::super::Auth;
use super::{MINIMAL, accept, with};
use crate::dialect::step_traits::ProviderKind;

#[test]
fn provider_keys_are_collected_trimmed_and_counted_once() {
    let cases: [(&str, &[&str]); 9] = [
        ("", &[]),
        ("api_key: \"\"", &[]),
        ("api_key:", &[]),
        ("api_key: ' k '", &["k"]),
        ("api_key: ${CR}", &["sk-crlf"]),
        ("api_keys: [a, b, \"\", a]", &["a", "b"]),
        ("api_keys: [${NUMBER}, ${UNSET:-}, ${EMPTY}]", &["42"]),
        ("api_key: a\n    api_keys: [b, a]", &["a", "b"]),
        ("api_keys: []", &[]),
    ];
    for (lines, expected) in cases {
        let text = MINIMAL.replace(
            "{name: p, base_url: https://p.example/v1}",
            &format!("name: p\n    base_url: https://p.example/v1\n    {lines}"),
        );
        let config = accept(&text);
        let keys: Vec<_> = config.providers[0]
            .keys
            .iter()
            .map(|key| key.expose())
            .collect();
        assert_eq!(keys, expected, "{lines}");
    }
}

#[test]
fn headers_of_a_provider() {
    let text = MINIMAL.replace(
        "v1}",
        "v1, headers: {X-Title: home, Authorization: 'Bearer ${NUMBER}', X-Empty: ${UNSET:-}, X-Number: 1.0, X-None: ~}}",
    );
    let config = accept(&text);
    let headers: Vec<_> = config.providers[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(
        headers,
        [
            ("X-Title", "home"),
            ("Authorization", "Bearer 42"),
            ("X-Number", "1.0")
        ]
    );
}

#[test]
fn a_provider_may_be_called_past_the_proxy() {
    let config = with("proxy: 'http://me:${OTHER}@proxy:3128'\nproxy_private: yes");
    assert!(config.proxy_private && !config.providers[0].direct);
    let redacted = config.redactor().redact("a sk-other\"2 b");
    assert_eq!(redacted, "a *** b");
    let direct = MINIMAL.replace("v1}", "v1, proxy: none}");
    assert!(accept(&direct).providers[0].direct);
}

#[test]
fn a_provider_and_its_steps_say_what_they_speak() {
    let text = "\
api_key: k
providers:
  - {name: claude, kind: anthropic, base_url: https://api.anthropic.com}
  - {name: other, kind: anthropic, base_url: https://llm.example/v1, server_tools: true}
  - {name: keyed, kind: anthropic, base_url: http://localhost:8080, auth: x-api-key}
  - {name: openai, base_url: https://api.openai.com/v1, responses: true}
  - {name: plain, base_url: https://p.example/v1}
routes:
  - name: r
    steps:
      - {provider: claude, model: m}
      - {provider: other, model: m}
      - {provider: keyed, model: m}
      - {provider: openai, model: m}
      - {provider: openai, model: m, responses: false}
      - {provider: plain, model: m}
      - {provider: plain, model: m, responses: true}
";
    let config = accept(text);
    let told: Vec<_> = config.routes[0]
        .steps
        .iter()
        .map(|step| {
            let traits = &step.traits;
            (
                traits.kind == ProviderKind::Anthropic,
                step.provider.auth == Auth::ApiKey,
                traits.base_has_version,
                traits.has_server_tools,
                traits.speaks_responses,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (true, true, false, true, false),
            (true, false, true, true, false),
            (true, true, false, false, false),
            (false, false, true, false, true),
            (false, false, true, false, false),
            (false, false, true, false, false),
            (false, false, true, false, true),
        ]
    );
}
