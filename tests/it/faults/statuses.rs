//! Every status of the table, with a body as providers send it.

use super::*;

/// An error answer of this status.
fn answering(status: u16) -> Upstream {
    Upstream::always(Script::json(status, &openai::error("no", "some_code")))
}

/// An error answer of this status with this code.
fn coded(status: u16, code: &str) -> Upstream {
    Upstream::always(Script::json(status, &openai::error("no", code)))
}

fn body(status: u16, body: &str) -> Upstream {
    Upstream::always(Script::json(status, body))
}

faults! {
    status_400: "rejected", answering(400);
    status_401: "unauthorized", answering(401);
    status_402: "quota_exhausted", answering(402);
    // DESIGN section 5: a 403 that does not speak of the key. It was unauthorized, and the key rested with all its models.
    status_403: "forbidden", answering(403);
    status_404: "model_not_found", answering(404);
    status_405: "rejected", answering(405);
    status_408: "transient", answering(408);
    // DESIGN section 5: a conflict or a failed dependency passes. It was rejected.
    status_409: "transient", answering(409);
    status_410: "model_not_found", answering(410);
    status_413: "too_large", answering(413);
    status_418: "rejected", answering(418);
    status_422: "rejected", answering(422);
    status_424: "transient", answering(424);
    status_425: "transient", answering(425);
    status_429: "rate_limited", answering(429);
    status_451: "rejected", answering(451);
    status_500: "server_error", answering(500);
    status_502: "server_error", answering(502);
    status_503: "server_error", answering(503);
    status_504: "server_error", answering(504);
    status_520: "server_error", answering(520);
    status_524: "server_error", answering(524);
    status_529: "server_error", answering(529);
    status_204: "bad_response", Upstream::always(Script::head(204, &[]));
    status_300: "bad_response", Upstream::always(Script::body(300, &[], ""));
    status_304: "bad_response", Upstream::always(Script::head(304, &[]));
    an_error_page_in_html: "server_error", Upstream::always(
        Script::body(502, &[("Content-Type", "text/html")], "<html><h1>502 Bad Gateway</h1></html>"));
    an_error_without_a_body: "server_error", Upstream::always(Script::body(503, &[], ""));
    /// The status has been read when the body breaks: it says enough.
    an_error_whose_body_is_cut: "rate_limited", Upstream::always(
        Script::head(429, &[("Content-Length", "500")]).send("{\"error\":").close());

    quota_under_429: "quota_exhausted", coded(429, "insufficient_quota");
    rate_limit_under_429: "rate_limited", coded(429, "rate_limit_exceeded");
    context_length_under_400: "too_large", coded(400, "context_length_exceeded");
    unknown_model_under_400: "model_not_found", coded(400, "model_not_found");
    throttling_under_400: "rate_limited", body(400, r#"{"__type":"ThrottlingException","message":"slow down"}"#);
    throttling_under_503: "rate_limited", coded(503, "rate_limit_exceeded");
    throttling_of_dashscope_in_openais_words: "rate_limited", body(429,
        r#"{"error":{"message":"You exceeded your current quota. For details, see: https://help.example/error-code#token-limit","code":"insufficient_quota"}}"#);
    no_money_in_prose_under_403: "quota_exhausted", body(403,
        r#"{"code":"x","error":"Your newly created team doesn't have any credits or licenses yet."}"#);
    no_money_of_today: "quota_exhausted", body(429,
        r#"{"errors":[{"message":"you have used up your daily free allocation of 10,000 neurons","code":4006}]}"#);
    a_dead_key_of_litellm_under_400: "unauthorized", body(400,
        r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#);
    a_dead_key_of_google_under_403: "unauthorized", body(403,
        r#"{"error":{"code":403,"message":"Your API key was reported as leaked.","status":"PERMISSION_DENIED"}}"#);
    overflow_of_embeddings_under_500: "too_large", body(500,
        r#"{"error":{"code":500,"message":"input (4001 tokens) is too large to process. increase the physical batch size","type":"server_error"}}"#);
    overflow_of_anthropic_in_prose: "too_large", body(400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#);
    the_providers_fault_of_lm_studio: "server_error", body(400,
        r#"{"error":"The model has crashed without additional information. (Exit code: 6)"}"#);
    the_providers_fault_of_ray: "server_error", body(400, r#"{"error":{"message":"The worker was lost"}}"#);
    capacity_under_429: "server_error", body(429,
        r#"{"error":{"message":"The engine is currently overloaded, please try again later","type":"engine_overloaded_error"}}"#);
    a_validation_error_under_500: "rejected", body(500,
        r#"{"error":{"message":"1 validation error: {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'role'), 'msg': \"Input should be 'system'\"}","type":"internal_server_error"}}"#);
    images_that_are_not_supported: "unsupported", body(500,
        r#"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#);
    tools_that_are_not_supported: "unsupported", body(400, r#"{"error":"gemma does not support tools"}"#);
    a_page_that_blocks: "blocked", Upstream::always(Script::body(403, &[("Content-Type", "text/html")],
        "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY>no</BODY></HTML>"));
    a_challenge_without_a_page: "blocked", Upstream::always(
        Script::body(429, &[("cf-mitigated", "challenge")], ""));
    a_blocked_agent: "blocked", Upstream::always(Script::body(403, &[("Content-Type", "text/plain")], "error code: 1010"));
    google_resource_exhausted: "rate_limited", body(429,
        r#"[{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED"}}]"#);
    google_bad_key_under_400: "unauthorized", body(400,
        r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#);
}

/// What the client is told about when to come back, for all the ways providers say it.
mod retry_after {
    use super::*;
    use std::time::SystemTime;

    /// The `Retry-After` of a route whose only step is rate-limited with these fields and this message.
    fn seconds(fields: &[(&str, &str)], message: &str) -> u64 {
        let body = openai::error(message, "rate_limit_exceeded");
        let mut seconds = Vec::new();
        for stream in [false, true] {
            let a = Upstream::always(Script::body(429, fields, &body));
            let gateway = Config::new()
                .provider("a", &a)
                .route("r", [("a", "m")])
                .start();
            let response = gateway.ask("r", stream);
            assert_eq!(response.status, 429, "{response}");
            let after = response.header("retry-after").expect("a Retry-After");
            seconds.push(after.parse().expect("whole seconds"));
        }
        // A second may pass between the two.
        let [plain, streamed]: [u64; 2] = seconds.try_into().unwrap();
        assert!(plain.abs_diff(streamed) <= 1, "{plain}, {streamed}");
        plain
    }

    #[test]
    fn as_seconds() {
        assert_eq!(seconds(&[("Retry-After", "7")], "no"), 7);
    }

    #[test]
    fn as_a_date() {
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
        let told = seconds(&[("Retry-After", &date)], "no");
        assert!((590..=601).contains(&told), "{told}");
    }

    #[test]
    fn as_a_date_in_the_past() {
        let date = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(600));
        let told = seconds(&[("Retry-After", &date)], "no");
        assert!((0..=60).contains(&told), "{told}");
    }

    /// DESIGN section 5: a number that makes no sense is no statement. It was taken for a day.
    #[test]
    fn as_ten_to_the_twelve() {
        let told = seconds(&[("Retry-After", "1000000000000")], "no");
        assert!((1..=60).contains(&told), "{told}");
    }

    /// A day is the most that is believed.
    #[test]
    fn as_a_week() {
        let told = seconds(&[("Retry-After", "604800")], "no");
        assert!((86_390..=86_400).contains(&told), "{told}");
    }

    /// The provider's clock stands ten years ahead of ours; its own `Date` tells.
    #[test]
    fn as_points_in_time_of_another_clock() {
        let written = SystemTime::now() + Duration::from_secs(10 * 365 * 86_400);
        let since_1970 = written
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let date = httpdate::fmt_http_date(written);
        let (in_seconds, in_milliseconds) = (
            (since_1970 + 40).to_string(),
            ((since_1970 + 40) * 1000).to_string(),
        );
        for (name, value) in [
            ("Retry-After", &in_seconds),
            ("x-ratelimit-reset", &in_seconds),
            ("x-ratelimit-reset", &in_milliseconds),
        ] {
            let told = seconds(&[("Date", &date), (name, value)], "no");
            assert!((38..=41).contains(&told), "{name}: {told}");
        }
    }

    #[test]
    fn in_other_headers() {
        for (fields, expected) in [
            (&[("Retry-After", "60s")][..], 60),
            (&[("RateLimit", "\"day\";r=0;t=33")], 33),
            (&[("x-rate-limit-reset-tokens", "55")], 55),
            (&[("x-ms-retry-after-ms", "21000")], 21),
        ] {
            let told = seconds(fields, "no");
            assert!(
                (expected - 1..=expected).contains(&told),
                "{fields:?}: {told}"
            );
        }
    }

    /// The `Retry-After` of a route whose only step is limited with this body.
    fn seconds_of(body: &str) -> u64 {
        let a = Upstream::always(Script::json(429, body));
        let gateway = Config::new()
            .provider("a", &a)
            .route("r", [("a", "m")])
            .start();
        let response = gateway.ask("r", false);
        assert_eq!(response.status, 429, "{response}");
        let after = response.header("retry-after").expect("a Retry-After");
        after.parse().expect("whole seconds")
    }

    #[test]
    fn in_a_member_of_the_body() {
        for (body, expected) in [
            (
                r#"{"error":{"message":"no","details":[{"retryDelay":{"seconds":"44"}}]}}"#,
                44,
            ),
            (
                r#"{"error":{"message":"no","metadata":{"headers":{"X-RateLimit-Reset":"52s"}}}}"#,
                52,
            ),
            (r#"{"detail":"no","retry_after_seconds":31.5}"#, 32),
            (
                r#"{"error":{"message":"{\"error\":{\"retry_after_ms\":27000}}"}}"#,
                27,
            ),
        ] {
            let told = seconds_of(body);
            assert!((expected - 1..=expected).contains(&told), "{body}: {told}");
        }
    }

    #[test]
    fn as_garbage() {
        for garbage in ["soon", "-5", "", "1e3", "99999999999999999999999999"] {
            let told = seconds(&[("Retry-After", garbage)], "no");
            assert!((0..=86_400).contains(&told), "{garbage}: {told}");
        }
    }

    #[test]
    fn in_milliseconds() {
        assert_eq!(seconds(&[("retry-after-ms", "6500")], "no"), 7);
    }

    #[test]
    fn as_a_reset_header() {
        let fields = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "2m59.5s"),
        ];
        let told = seconds(&fields, "no");
        assert!((179..=180).contains(&told), "{told}");
    }

    #[test]
    fn in_the_text() {
        for (message, expected) in [
            (
                "Rate limit reached. Please try again in 14.3s. Visit us.",
                15,
            ),
            ("Please retry after 20 seconds.", 20),
            ("try again in 7m12.5s", 433),
            ("Limit resets in: ~4h 12m", 15_120),
            ("Please wait at least another 90 seconds", 90),
        ] {
            let told = seconds(&[], message);
            assert!(
                (expected - 1..=expected).contains(&told),
                "{message}: {told}"
            );
        }
    }

    /// Nothing was said: a guess is still better for the client than nothing.
    #[test]
    fn not_at_all() {
        let told = seconds(&[], "no");
        assert!((1..=60).contains(&told), "{told}");
    }
}
