//! The traps of YAML itself.

use super::{MINIMAL, accept, parse, refuse};

#[test]
fn a_text_field_keeps_the_spelling_of_what_looks_like_a_number_or_boolean() {
    let spellings = [
        "1.0",
        "1.10",
        "1e3",
        "0x1F",
        "007",
        "+5",
        "yes",
        "True",
        "1_000",
        "2024-01-01",
        ".5",
        "12345678901234567890123",
    ];
    for spelling in spellings {
        let text = MINIMAL
            .replace("model: m", &format!("model: {spelling}"))
            .replace("api_key: k", &format!("api_key: {spelling}"));
        let config = accept(&text);
        assert_eq!(config.routes[0].steps[0].model, spelling);
        assert_eq!(config.clients[0].key.expose(), spelling);
    }
}

#[test]
fn a_tree_with_aliases_and_merges_is_spelled_right_everywhere() {
    let config = accept(
        "api_key: 1.0\n\
         x-steps: &steps [{model: 1.50, provider: p, thinking: ~, retries: 2}, {<<: {provider: p}, model: 0x2}]\n\
         providers: [{name: p, base_url: http://p}]\n\
         routes:\n\
         - {name: 1e1, steps: *steps}\n\
         - {name: 1e2, steps: *steps}\n",
    );
    for (route, name) in config.routes.iter().zip(["1e1", "1e2"]) {
        assert_eq!(route.name, name);
        assert_eq!(
            route
                .steps
                .iter()
                .map(|step| step.model.as_str())
                .collect::<Vec<_>>(),
            ["1.50", "0x2"]
        );
        assert_eq!((route.steps[0].retries, route.steps[0].thinking), (2, None));
    }
}

#[test]
fn what_a_mapping_says_itself_goes_before_what_it_merges() {
    let step = |step: &str| {
        let text = format!(
            "{MINIMAL}  - {{name: s, steps: [{step}]}}\n\
             x-a: &unused {{}}\n"
        );
        let anchors = "x-one: &one {timeout: 1s, provider: p, model: one}\nx-two: &two {timeout: 2s, retries: 2, model: two}\n";
        let config = accept(&format!("{anchors}{text}"));
        let step = &config.routes[1].steps[0];
        (step.timeout.as_secs(), step.model.clone(), step.retries)
    };
    assert_eq!(step("{<<: *one}"), (1, "one".to_owned(), 0));
    assert_eq!(step("{<<: *one, timeout: 9s}"), (9, "one".to_owned(), 0));
    assert_eq!(step("{timeout: 9s, <<: *one}"), (9, "one".to_owned(), 0));
    assert_eq!(step("{<<: [*one, *two]}"), (1, "one".to_owned(), 2));
    assert_eq!(
        step("{<<: [*two, *one], model: mine}"),
        (2, "mine".to_owned(), 2)
    );
    // The other name of a setting overrides a merged one, too.
    assert_eq!(
        step("{<<: {step_timeout: 1s, provider: p, model: one}, timeout: 9s}"),
        (9, "one".to_owned(), 0)
    );
    assert_eq!(
        step("{<<: *one, step_timeout: 9s}"),
        (9, "one".to_owned(), 0)
    );
}

#[test]
fn merged_headers_are_overridden_one_by_one() {
    let text = MINIMAL.replace("v1}", "v1, headers: {<<: {X-A: a, X-B: b}, X-A: mine}}");
    let config = accept(&text);
    let headers: Vec<_> = config.providers[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("X-A", "mine"), ("X-B", "b")]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let config = accept(&format!("\u{feff}{}", MINIMAL.replace('\n', "\r\n")));
    assert_eq!(config.routes[0].name, "r");
    assert_eq!(config.clients[0].key.expose(), "k");
}

#[test]
fn what_is_no_single_yaml_mapping_is_refused_in_a_line() {
    let cases = [
        ("", "config.yaml: the file is empty"),
        ("# only a comment\n", "config.yaml: the file is empty"),
        ("---\n", "config.yaml: the file is empty"),
        (
            "just text",
            "config.yaml:1: a configuration is made of lines",
        ),
        (
            "- a\n- b",
            "config.yaml:1: a configuration is made of lines",
        ),
        ("a: 1\n---\nb: 2\n", "second configuration"),
        ("a: 1\nb:\n\tc: 2\n", "config.yaml:3: "),
        ("a: 1\nb:\n\tc: 2\n", "not with tabs"),
        ("a: 1\nb: [1, 2\nc: 3\n", "config.yaml:2: "),
        ("a: b: c\n", "config.yaml:1: a second `: ` on the line"),
        (
            "a: *nowhere\n",
            "config.yaml:1: a value that begins with `*`",
        ),
        ("a: 1\n? [x, y]\n: 2\n", "config.yaml:2: "),
        ("a: \"\\q\"\n", "config.yaml:1: "),
        ("a: \0\n", "control characters are not allowed"),
    ];
    for (text, expected) in cases {
        let message = refuse(text);
        assert!(message.contains(expected), "{text:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn a_hostile_file_is_refused_instead_of_filling_the_memory() {
    let laughs: String = (1..40)
        .map(|n| format!("x-{n}: &l{n} [{0}, {0}]\n", format_args!("*l{}", n - 1)))
        .collect();
    let items = "0,".repeat(3_000);
    let mentions = "*l,".repeat(3_000);
    let cases = [
        (format!("x-0: &l0 [lol]\n{laughs}"), "limit exceeded"),
        (
            format!("x-0: &l [{items}]\nx-1: [{mentions}]\n"),
            "too large once its aliases are followed",
        ),
        (
            format!("x-0: {}\n", "[".repeat(1 << 20)),
            ":1: brackets are nested too deeply",
        ),
        (format!("{}\n", "- ".repeat(1_000)), "recursion limit"),
        (
            format!("x-0: {}1{}\n", "[".repeat(500), "]".repeat(500)),
            "recursion limit",
        ),
        (
            format!("x-0: {}1{}\n", "{a: ".repeat(500), "}".repeat(500)),
            "recursion limit",
        ),
    ];
    for (text, expected) in cases {
        let message = refuse(&text);
        assert!(message.contains(expected), "{message}");
        assert!(message.len() < 500, "{message}");
    }
}

#[test]
fn a_key_given_twice_is_refused_at_the_second_place() {
    assert_eq!(
        refuse(&format!("{MINIMAL}port: 1\nport: 2\n")),
        "config.yaml:7: port: is given twice"
    );
    let twice = MINIMAL.replace("model: m", "model: m, model: n");
    assert_eq!(
        refuse(&twice),
        "config.yaml:5: routes[0].steps[0].model: is given twice"
    );
}

#[test]
fn a_merge_of_something_else_and_a_tag_are_refused() {
    assert!(
        refuse(&format!("{MINIMAL}server:\n  <<: 5\n"))
            .contains(":7: server.<<: must name a mapping")
    );
    assert!(
        refuse(&format!("{MINIMAL}server:\n  <<: [{{}}, 5]\n"))
            .contains(":7: server.<<: must name a mapping")
    );
    assert!(
        refuse(&format!("{MINIMAL}port: !odd 5\n"))
            .contains(":6: port: must be a single value, not a value with a YAML tag")
    );
    assert_eq!(
        accept(&format!("{MINIMAL}port: !!str 5\n")).listen[0].port(),
        5
    );
}

#[test]
fn references_work_in_every_style_of_yaml() {
    let styles = [
        "api_key: ${NUMBER}",
        "api_key: \"${NUMBER}\"",
        "api_key: '${NUMBER}'",
        "api_key: |\n  ${NUMBER}",
        "api_key: >-\n  ${NUMBER}",
        "\"api_key\": ${NUMBER}   # ${COMMENT}",
        "<<: {api_key: ${NUMBER}}",
        "<<: {api_key: ${UNSET:-42}, port: ${NUMBER}}",
    ];
    for style in styles {
        let config = accept(&MINIMAL.replace("api_key: k", style));
        assert_eq!(config.clients[0].key.expose(), "42", "{style}");
    }
}

#[test]
fn a_replaced_value_is_text_and_never_yaml() {
    let text = MINIMAL.replace("{provider: p, model: m}", "{provider: p, model: ${KEY}}");
    assert_eq!(accept(&text).routes[0].steps[0].model, super::SECRETS[0]);
    let text = MINIMAL.replace("{provider: p, model: m}", "{provider: p, model: $${KEY}}");
    assert_eq!(accept(&text).routes[0].steps[0].model, "${KEY}");
}

#[test]
fn what_is_not_read_needs_no_variables() {
    let text = format!("{MINIMAL}# ${{COMMENT}}\nx-anything: ${{HOLDER}}\n.hidden: ${{HOLDER}}\n");
    assert!(parse(&text).is_ok());
}

/// The parser's own words, a block mapping or a simple key, tell nobody what to do.
#[test]
fn complaints_about_yaml_say_what_to_do_and_where_it_began() {
    let text = "\
api_key: k
providers:
  - name: p
    base_url: https://p.example/v1
routes:
  - name: r
    steps:
      - provider: p
        model: m
";
    for (from, to, line, words) in [
        ("model: m", "model: a: b", 9, "put the value in quotes"),
        ("name: r", "name: \"r", 6, "the quote that opens here"),
        (
            "name: p",
            "name: 'p\n    headers: {x: 'y'}",
            3,
            "the quote that opens here",
        ),
        ("name: r", "name: \"r\" x", 6, "in quotes, all of it"),
        (
            "model: m",
            "model: [\"m, n]",
            9,
            "the quote that opens here",
        ),
        ("    base_url", "\tbase_url", 4, "spaces, not with tabs"),
        ("model: m", "model: *m", 9, "put it in quotes"),
        ("model: m", "model: *", 9, "put it in quotes"),
        ("model: m", "model: &", 9, "put it in quotes"),
        ("model: m", "model: @cf/llama", 9, "put it in quotes"),
        ("model: m", "model: `m`", 9, "put it in quotes"),
        ("model: m", "model: %m", 9, "put it in quotes"),
        ("model: m", "model: {m", 9, "the `{` that opens here"),
        ("model: m", "model: [m", 9, "the `[` that opens here"),
        ("        model", "       model", 9, "indentation"),
        ("        model", "         model", 9, "indentation"),
        ("model: m", "model m", 9, "a colon is missing"),
        ("model: m", "model:m", 9, "the space behind it"),
        ("name: r", "name: \"C:\\qr\"", 6, "single quotes"),
        ("model: m", "model: {{ m }}", 9, "braces in braces"),
        ("model: m", "model: |m", 9, "put it in quotes"),
        ("model: m", "model: ? m", 9, "put it in quotes"),
        ("model: m", "model: - m", 9, "put it in quotes"),
        ("model: m", "model:\u{a0}m", 9, "a no-break space (U+00A0)"),
    ] {
        let errors = parse(&text.replace(from, to)).expect_err(to);
        let told = errors.to_string();
        let place = format!("config.yaml:{line}: ");
        assert!(
            told.starts_with(&place) && told.contains(words),
            "{to}: {told}"
        );
        for jargon in ["block", "scalar", "token", "flow", "anchor at"] {
            assert!(!told.contains(jargon), "{to}: {told}");
        }
    }
}

/// Blanks that were pasted with an example are no blanks to YAML, and nobody sees why.
#[test]
fn invisible_characters_are_named_with_their_line() {
    let text = "\
api_key: k
providers: [{name: p, base_url: https://p.example/v1}]
routes:
  - name: r
    steps:
      - provider: p
        model: m
";
    for (from, to, line, words) in [
        (
            "    steps",
            "\u{a0}\u{a0}\u{a0} steps",
            5,
            "no-break space (U+00A0)",
        ),
        (
            "        model",
            "\u{a0}       model",
            7,
            "no-break space (U+00A0)",
        ),
        (
            "model: m",
            "model: m\u{200b}",
            7,
            "zero width space (U+200B)",
        ),
        (
            "provider: p",
            "provider: \u{a0}p",
            6,
            "no-break space (U+00A0)",
        ),
        ("name: r", "name: r\u{feff}", 4, "byte order mark (U+FEFF)"),
        ("p.example", "p\u{ad}.example", 2, "soft hyphen (U+00AD)"),
        (
            "api_key: k",
            "api_key: k\u{2060}k",
            1,
            "word joiner (U+2060)",
        ),
    ] {
        let told = refuse(&text.replace(from, to));
        let place = format!("config.yaml:{line}: ");
        let told_there = told
            .lines()
            .any(|told| told.starts_with(&place) && told.contains(words));
        assert!(told_there, "{to}: {told}");
    }
    // In a comment they do no harm.
    accept(&text.replace("steps:", "steps:  #\u{a0}two"));
}
