//! Every fault inside a provider, a route or a step, with its whole message.

use super::{MINIMAL, refuse};

/// Faults inside a provider, which stands on line 3, or a route, on line 5.
#[test]
fn a_wrong_provider_route_or_step_is_named_with_its_line() {
    let provider = "{name: p, base_url: https://p.example/v1}";
    let route = "{name: r, steps: [{provider: p, model: m}]}";
    let cases = [
        (
            provider,
            "{base_url: http://p}",
            "3: providers[0]: name is missing",
        ),
        (
            provider,
            "{name: '', base_url: http://p}",
            "3: providers[0].name: is empty",
        ),
        (
            provider,
            "{name: p}",
            "3: providers[0]: base_url is missing",
        ),
        (
            provider,
            "{name: p, base_url: p.example}",
            "3: providers[0].base_url: must begin with https:// or http://",
        ),
        (
            provider,
            "{name: p, base_url: https://u:secret@p}",
            "3: providers[0].base_url: must not hold a user or a password",
        ),
        (
            provider,
            "{name: p, base_url: https://p/v1/chat/completions/}",
            "3: providers[0].base_url: must end before /chat/completions, which the gateway adds",
        ),
        (
            provider,
            "{name: p, base_url: https://p/v1/responses, responses: true}",
            "3: providers[0].base_url: must end before /responses, which the gateway adds",
        ),
        (
            provider,
            "{name: p, kind: anthropic, base_url: https://p/v1/messages}",
            "3: providers[0].base_url: must end before /v1/messages, which the gateway adds",
        ),
        (
            provider,
            "{name: p, kind: antropic, base_url: https://p}",
            "3: providers[0].kind: \"antropic\" is not openai or anthropic, did you mean \"anthropic\"?",
        ),
        (
            provider,
            "{name: p, base_url: https://p, auth: basic}",
            "3: providers[0].auth: \"basic\" is not bearer or x-api-key",
        ),
        (
            provider,
            "{name: p, kind: anthropic, base_url: https://p, responses: true}",
            "3: providers[0].responses: stands beside `kind: anthropic`, which has no Responses",
        ),
        (
            provider,
            "{name: p, base_url: https://p, responses: perhaps}",
            "3: providers[0].responses: \"perhaps\" is neither true nor false",
        ),
        (
            provider,
            "{name: p, base_url: http://p, api_key: aéb}",
            "3: providers[0].api_key: holds a character that cannot stand in a header",
        ),
        (
            provider,
            "{name: p, base_url: http://p, api_keys: [ok, x–y]}",
            "3: providers[0].api_keys[1]: holds a character that cannot stand in a header",
        ),
        (
            provider,
            "{name: p, base_url: http://p, api_keys: x}",
            "3: providers[0].api_keys: must be a list, not a single value",
        ),
        (
            provider,
            "{name: p, base_url: http://p, strict_json_schema: maybe}",
            "3: providers[0].strict_json_schema: \"maybe\" is neither true nor false",
        ),
        (
            provider,
            "{name: p, base_url: http://p, headers: {Host: x}}",
            "3: providers[0].headers.Host: is a header that the gateway writes itself",
        ),
        (
            provider,
            "{name: p, base_url: http://p, headers: {a b: x}}",
            "3: providers[0].headers.a b: is no header name",
        ),
        (
            provider,
            "{name: p, base_url: http://p, headers: {a: \"x\\r\\ny: z\"}}",
            "3: providers[0].headers.a: holds a line break or a character outside ASCII, which headers do not have",
        ),
        (
            provider,
            "{name: p, base_url: http://p, headers: {a: x, A: y}}",
            "3: providers[0].headers.A: is given twice in another case",
        ),
        (
            provider,
            "{name: p, baseurl: x, base_url: http://p}",
            "3: providers[0].baseurl: unknown key, did you mean \"base_url\"?",
        ),
        (
            provider,
            "{name: p, base_url: http://p}\n  - {name: p, base_url: http://q}",
            "4: providers[1].name: \"p\" is the name of two providers",
        ),
        (
            route,
            "{steps: [{provider: p, model: m}]}",
            "5: routes[0]: name is missing",
        ),
        (
            route,
            "{name: \"r\\n\", steps: [{provider: p, model: m}]}",
            "5: routes[0].name: holds a line break or another control character",
        ),
        (
            route,
            "{name: r}",
            "5: routes[0]: steps is missing: at least one is needed",
        ),
        (
            route,
            "{name: r, steps: []}",
            "5: routes[0].steps: is empty: at least one is needed",
        ),
        (
            route,
            "{name: r, steps: p}",
            "5: routes[0].steps: must be a list, not a single value",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m}], timeout: 1s, route_timeout: 2s}",
            "5: routes[0].timeout: timeout and route_timeout are two names for one setting: keep one",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m}]}\n  - {name: r, steps: [{provider: p, model: m}]}",
            "6: routes[1].name: \"r\" is the name of two routes",
        ),
        (
            route,
            "{name: r, steps: [{model: m}]}",
            "5: routes[0].steps[0]: provider is missing",
        ),
        (
            route,
            "{name: r, steps: [{provider: p}]}",
            "5: routes[0].steps[0]: model is missing",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: }]}",
            "5: routes[0].steps[0]: model is missing",
        ),
        (
            route,
            "{name: r, steps: [p]}",
            "5: routes[0].steps[0]: must be a mapping of keys to values, not a single value",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m, timeout: 1s, step_timeout: 1s}]}",
            "5: routes[0].steps[0].timeout: timeout and step_timeout are two names for one setting: keep one",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m, retries: 11}]}",
            "5: routes[0].steps[0].retries: \"11\" is not between 0 and 10",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m, conflict_resolution: tool}]}",
            "5: routes[0].steps[0].conflict_resolution: \"tool\" is not tools or format, did you mean \"tools\"?",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m, think_tags: reason}]}",
            "5: routes[0].steps[0].think_tags: \"reason\" is not reasoning or strip",
        ),
        (
            route,
            "{name: r, reasoning_only: fails, steps: [{provider: p, model: m}]}",
            "5: routes[0].reasoning_only: \"fails\" is not fail or answer, did you mean \"fail\"?",
        ),
        (
            route,
            "{name: r, upstream_stream: allways, steps: [{provider: p, model: m}]}",
            "5: routes[0].upstream_stream: \"allways\" is not always or auto or never, did you mean \"always\"?",
        ),
        (
            route,
            "{name: r, stream_keepalive: 0, steps: [{provider: p, model: m}]}",
            "5: routes[0].stream_keepalive: \"0\" is not above zero",
        ),
        (
            route,
            "{name: r, steps: [{provider: p, model: m, stall_timeout: 0}]}",
            "5: routes[0].steps[0].stall_timeout: \"0\" is not above zero",
        ),
    ];
    for (from, to, expected) in cases {
        let message = refuse(&MINIMAL.replace(from, to));
        assert_eq!(message, format!("config.yaml:{expected}"), "{to}");
    }
}
