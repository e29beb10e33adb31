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
    status_403: "unauthorized", answering(403);
    status_404: "model_not_found", answering(404);
    status_405: "rejected", answering(405);
    status_408: "transient", answering(408);
    status_409: "rejected", answering(409);
    status_410: "model_not_found", answering(410);
    status_413: "too_large", answering(413);
    status_418: "rejected", answering(418);
    status_422: "rejected", answering(422);
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

    /// A day is the most that is believed.
    #[test]
    fn as_ten_to_the_twelve() {
        let told = seconds(&[("Retry-After", "1000000000000")], "no");
        assert!((86_390..=86_400).contains(&told), "{told}");
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
