use super::*;

#[test]
fn every_providers_error_is_read() {
    // (body, code, type, message)
    for (body, code, kind, message) in [
        (
            r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
            Some("c"),
            Some("t"),
            "m",
        ),
        (r#"{"error":{"message":"m","code":null}}"#, None, None, "m"),
        (
            r#"{"error":{"code":429,"message":"m"}}"#,
            Some("429"),
            None,
            "m",
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            None,
            Some("overloaded_error"),
            "m",
        ),
        (
            r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
            Some("429"),
            Some("RESOURCE_EXHAUSTED"),
            "m",
        ),
        (
            r#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#,
            Some("400"),
            Some("BadRequestError"),
            "m",
        ),
        (
            r#"{"error":{"message":"m","n_prompt_tokens":9001,"n_ctx":8192}}"#,
            None,
            None,
            "m (9001 tokens > 8192)",
        ),
        (r#"{"error":"m \"x\""}"#, None, None, "m \"x\""),
        (
            r#"{"error":"m","code":"c","type":"t"}"#,
            Some("c"),
            Some("t"),
            "m",
        ),
        (
            r#"{"error":true,"message":"m","code":1}"#,
            Some("1"),
            None,
            "m",
        ),
        (r#"{"message":"m"}"#, None, None, "m"),
        (r#"{"detail":"Not Found"}"#, None, None, "Not Found"),
        (
            r#"{"detail":{"message":"m","code":"c"}}"#,
            Some("c"),
            None,
            "m",
        ),
        (
            r#"{"detail":[{"loc":["body"],"msg":"m"}]}"#,
            None,
            None,
            r#"[{"loc":["body"],"msg":"m"}]"#,
        ),
        (
            r#"{"success":false,"errors":[{"code":7003,"message":"m"}]}"#,
            Some("7003"),
            None,
            "m",
        ),
        (
            r#"{"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"try again in 4.3s"}}}"#,
            Some("429"),
            None,
            "Provider returned error: try again in 4.3s",
        ),
        (
            r#"{"error":{"reason":"x"}}"#,
            None,
            None,
            r#"{"reason":"x"}"#,
        ),
        (r#" {"error":{"message":"\ud800"}} "#, None, None, r"\ud800"),
        // llama-cpp-python: an exception without words.
        (
            r#"{"error":{"message":"","type":"internal_server_error","param":null,"code":null}}"#,
            None,
            Some("internal_server_error"),
            r#"{"message":"","type":"internal_server_error","param":null,"code":null}"#,
        ),
        // NVIDIA NIM: a problem of RFC 9457.
        (
            r#"{"status":400,"title":"Bad Request","detail":"Function id 'f': DEGRADED function cannot be invoked"}"#,
            Some("400"),
            None,
            "Function id 'f': DEGRADED function cannot be invoked",
        ),
        // text-generation-inference.
        (
            r#"{"error":"Model is overloaded","error_type":"overloaded"}"#,
            None,
            Some("overloaded"),
            "Model is overloaded",
        ),
        // xAI.
        (
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: ab***yz."}"#,
            Some("Client specified an invalid argument"),
            None,
            "Incorrect API key provided: ab***yz.",
        ),
        // MiniMax: a 200 without choices.
        (
            r#"{"id":"x","choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            Some("1008"),
            None,
            "insufficient balance",
        ),
        // MiniMax: the status by another name.
        (
            r#"{"error":{"http_code":"429","message":"m","type":"insufficient_balance_error"}}"#,
            Some("429"),
            Some("insufficient_balance_error"),
            "m",
        ),
        // Azure's API management.
        (
            r#"{"statusCode":404,"message":"Resource not found"}"#,
            Some("404"),
            None,
            "Resource not found",
        ),
        // OAuth.
        (
            r#"{"error":{"error":"invalid_token","error_description":"expired"}}"#,
            None,
            None,
            "expired",
        ),
        (r#"{"errors":["m","n"]}"#, None, None, "m"),
        // OpenRouter: what the provider said is JSON in a text.
        (
            r#"{"error":{"code":400,"message":"Provider returned error","metadata":{"raw":"{\"error\":{\"message\":\"too long\",\"type\":\"t\"}}"}}}"#,
            Some("400"),
            None,
            "Provider returned error: too long",
        ),
        // LiteLLM in front of another one.
        (
            r#"{"error":{"message":"litellm.BadRequestError: OpenAIException - {\"error\":{\"message\":\"{\\\"detail\\\":\\\"deep\\\"}\",\"code\":\"c\"}}","type":null,"code":"400"}}"#,
            Some("400"),
            None,
            "litellm.BadRequestError: OpenAIException: deep",
        ),
        // The message is an object.
        (
            r#"{"error":{"message":{"message":{"message":"m","code":"c"}}}}"#,
            Some("c"),
            None,
            "m",
        ),
        // A page of HTML inside JSON.
        (
            r#"{"error":{"message":"<html><head><title>502 Bad Gateway</title></head></html>"}}"#,
            None,
            None,
            "a page of HTML: 502 Bad Gateway",
        ),
    ] {
        let error = error_of(body).unwrap_or_else(|| panic!("{body}"));
        assert_eq!(error.code.as_deref(), code, "{body}");
        assert_eq!(error.kind.as_deref(), kind, "{body}");
        assert_eq!(error.message, message, "{body}");
    }
}

#[test]
fn good_answers_and_other_texts_name_no_error() {
    for body in [
        r#"{"error":null,"choices":[]}"#,
        r#"{"error":{}}"#,
        r#"{"error":""}"#,
        r#"{"error":false}"#,
        r#"{"message":{"role":"assistant"}}"#,
        r#"{"detail":null}"#,
        r#"{"detail":[]}"#,
        // Success, in many words.
        r#"{"error":{"code":0,"message":"success"},"choices":[]}"#,
        r#"{"error":{"code":"0","message":""},"choices":[]}"#,
        r#"{"error":{"code":200,"message":"OK"},"choices":[]}"#,
        r#"{"error":{"code":null,"message":null,"type":"","param":{}},"choices":[]}"#,
        r#"{"error":{"code":"success"},"choices":[]}"#,
        r#"{"error":"none","choices":[]}"#,
        r#"{"error":0,"choices":[]}"#,
        r#"{"error":[],"choices":[]}"#,
        r#"{"code":0,"message":"success","data":{}}"#,
        r#"{"choices":null,"base_resp":{"status_code":0,"status_msg":""}}"#,
        "{}",
        "[]",
        "[[[]]]",
        "[1]",
        "\"error\"",
        "<html>error</html>",
        "",
    ] {
        assert_eq!(error_of(body), None, "{body}");
    }
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(3000) + "x");
    assert_eq!(error_of(&body).unwrap().message, "é".repeat(1024));
    let body = format!(r#"{{"error":"x{}"}}"#, "é".repeat(3000));
    assert_eq!(error_of(&body).unwrap().message.len(), MAX_MESSAGE - 1);
    let body = format!(r#"{{"error":{{"code":"{}"}}}}"#, "9".repeat(3000));
    assert_eq!(error_of(&body).unwrap().code.unwrap().len(), MAX_MESSAGE);
}

#[test]
fn a_code_is_a_status_only_if_it_is_an_error_status() {
    for (code, status) in [
        ("429", Some(429)),
        ("599", Some(599)),
        ("200", None),
        ("7003", None),
        ("x", None),
        ("4.29e2", None),
    ] {
        let error = ProviderError {
            code: Some(code.to_owned()),
            ..ProviderError::default()
        };
        assert_eq!(error.status(), status, "{code}");
    }
}

#[test]
fn a_refusal_is_read_whatever_it_is() {
    for (body, is_page, message) in [
        (
            "<html><head><title>403 Forbidden</title></head>",
            true,
            "a page of HTML: 403 Forbidden",
        ),
        (" 404 page not found\n", false, "404 page not found"),
        ("error code: 1010", false, "error code: 1010"),
        (
            "Error: {\"error\":{\"message\":\"m\"}} (gateway)",
            false,
            "Error: m",
        ),
        (
            "<?xml version='1.0'?><Error><Code>AccessDenied</Code><p>no</p></Error>",
            false,
            "AccessDenied no",
        ),
        (
            r#"{"error":{"code":0,"message":""}}"#,
            false,
            r#"{"error":{"code":0,"message":""}}"#,
        ),
        ("", false, ""),
    ] {
        let said = refusal_of(body);
        assert_eq!(
            (said.is_page, said.message.as_str()),
            (is_page, message),
            "{body}"
        );
    }
}

#[test]
fn the_wait_in_a_message_is_found_behind_its_end_as_well() {
    // Google lists every limit that was met, and tells the wait behind all of them.
    let body = format!(
        r#"{{"error":{{"message":"{}Please retry in 33.4s."}}}}"#,
        "* Quota exceeded for metric: generativelanguage.example, limit: 20\\n".repeat(60)
    );
    let said = error_of(&body).unwrap();
    assert_eq!(
        said.wait,
        Some(Wait::Span(std::time::Duration::from_millis(33_400)))
    );
    assert!(said.message.len() <= MAX_MESSAGE);
}

#[test]
fn a_long_body_takes_a_time_that_grows_with_it() {
    let long = "x".repeat(1 << 18);
    for body in [
        format!(r#"{{"message":"{long}"}}"#),
        format!(r#"{{"error":{{"message":"\n{long}","code":"{long}"}}}}"#),
        format!(
            r#"{{"error":{}"{long}"{}}}"#,
            r#"{"message":"#.repeat(9),
            "}".repeat(9)
        ),
        format!(r#"{{"errors":[{}1]}}"#, r#"{"a":[[]]},"#.repeat(20_000)),
    ] {
        let begun = std::time::Instant::now();
        let said = error_of(&body).unwrap();
        assert!(said.message.len() <= MAX_MESSAGE);
        // A search that is not linear would take hours.
        assert!(begun.elapsed() < std::time::Duration::from_secs(60));
    }
}

/// Would break for whoever has a provider that says much in front of what it is about.
#[test]
fn an_error_behind_many_members_is_read() {
    let many = r#"{"code":1},"#.repeat(600);
    let body = format!(
        r#"{{"many":[{many}1],"error":{{"code":"c","type":"t","message":"m","more":{{"reason":"r"}}}}}}"#
    );
    let said = error_of(&body).unwrap();
    assert_eq!(
        (said.code.as_deref(), said.kind.as_deref(), &*said.message),
        (Some("c"), Some("t"), "m")
    );
    assert_eq!(said.names, ["1"]);
}

#[test]
fn of_repeated_errors_the_last_counts() {
    for (body, message) in [
        (r#"{"error":{"message":"a"},"error":{"message":"b"}}"#, "b"),
        (
            r#"{"error":{"message":"a"},"error":{"code":"c"}}"#,
            r#"{"code":"c"}"#,
        ),
        (r#"{"other":{"message":"a"},"error":{"msg":"b"}}"#, "b"),
        (r#"{"error":{"message":"a"},"error":"b"}"#, "b"),
    ] {
        assert_eq!(error_of(body).unwrap().message, message, "{body}");
    }
}
