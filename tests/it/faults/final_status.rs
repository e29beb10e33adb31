//! When all fail the status tells the client whether to come back, and when. Never 500, which says nothing.

use super::*;

/// One provider's way to fail.
enum Way {
    Dead,
    Silent,
    Says(u16),
    /// The provider has no eyes.
    Lacks,
    SaysCode(u16, &'static str),
}

use Way::{Dead, Lacks, Says, SaysCode, Silent};

/// All steps fail in these ways, in this order; plain and streamed end alike.
fn ends_in(ways: &[Way], status: u16) -> Response {
    let port = ClosedPort::new();
    let upstreams: Vec<Option<Upstream>> = ways
        .iter()
        .map(|way| match way {
            Dead => None,
            Silent => Some(Upstream::always(Script::default().silence())),
            Lacks => Some(Upstream::always(Script::json(
                500,
                r#"{"error":{"message":"image input is not supported","type":"server_error"}}"#,
            ))),
            Says(status) => Some(saying(*status, "some_code")),
            SaysCode(status, code) => Some(saying(*status, code)),
        })
        .collect();
    let config = || {
        let mut config = Config::new().with("default_timeout: 200ms");
        for (number, upstream) in upstreams.iter().enumerate() {
            let name = format!("p{number}");
            config = match upstream {
                Some(upstream) => config.provider(&name, upstream),
                None => config.provider(&name, &port),
            };
        }
        let steps = (0..ways.len()).map(|number| Step::new(&format!("p{number}"), "m"));
        config.route("r", steps).start()
    };
    let streamed = config().ask("r", true);
    let plain = config().ask("r", false);
    for response in [&streamed, &plain] {
        assert_eq!(response.status, status, "{response}");
        assert_eq!(
            response.header("content-type"),
            Some("application/json"),
            "{response}"
        );
        let error = &response.json()["error"];
        let code = if status == 504 {
            "ROUTE_TIMEOUT"
        } else {
            "ROUTE_EXECUTION_FAILED"
        };
        assert_eq!(error["code"], code, "{response}");
        assert_eq!(response.steps().len(), ways.len(), "{response}");
        let waits = response.header("retry-after").is_some();
        assert_eq!(waits, status == 429, "{response}");
    }
    plain
}

fn saying(status: u16, code: &str) -> Upstream {
    Upstream::always(Script::json(
        status,
        &openai::error("the provider's own words", code),
    ))
}

macro_rules! final_statuses {
    ($($name:ident: [$($way:expr),*] => $status:literal;)*) => {$(
        #[test]
        fn $name() {
            ends_in(&[$($way),*], $status);
        }
    )*};
}

final_statuses! {
    all_rate_limited: [Says(429), Says(429)] => 429;
    rate_limit_and_quota: [Says(429), Says(402)] => 429;
    all_out_of_time: [Silent, Silent] => 504;
    all_too_large: [Says(413), SaysCode(400, "context_length_exceeded")] => 413;
    all_rejected: [Says(400), Says(422)] => 400;
    all_without_the_model: [Says(404), SaysCode(400, "model_not_found")] => 404;
    all_dead: [Dead, Dead] => 502;
    all_broken: [Says(500), Says(503)] => 502;
    all_unauthorized: [Says(401), Says(403)] => 502;
    rejected_and_broken: [Says(400), Says(500)] => 502;
    rate_limited_and_broken: [Says(429), Says(500)] => 502;
    dead_does_not_mask_a_rejection: [Dead, Says(400)] => 400;
    dead_does_not_mask_a_rate_limit: [Dead, Says(429)] => 429;
    silence_does_not_mask_a_rejection: [Silent, Says(400)] => 400;
    silence_does_not_mask_what_is_too_large: [Says(413), Silent] => 413;
    silence_does_not_mask_a_rate_limit: [Silent, Says(429), Dead] => 429;
    dead_does_not_mask_a_missing_model: [Says(404), Dead] => 404;
    a_quota_is_a_limit: [Says(402)] => 429;
    a_code_beats_a_status: [SaysCode(400, "insufficient_quota"), SaysCode(403, "billing_not_active")] => 429;
    // DESIGN section 5: classes that blame the request make a 400 together. These were 502.
    rejected_and_too_large: [Says(400), Says(413)] => 400;
    rejected_and_without_the_model: [Says(404), Says(400)] => 400;
    too_large_and_without_the_model: [Says(413), Says(404), Dead] => 400;
    rejected_and_rate_limited: [Says(400), Says(429)] => 502;
    all_forbidden: [Says(403), Says(403)] => 502;
    all_passing: [Says(409), Says(424)] => 502;
    all_lacking: [Lacks, Lacks] => 400;
    lacking_and_too_large: [Lacks, Says(413)] => 400;
    lacking_does_not_mask_a_rate_limit: [Lacks, Says(429)] => 429;
    lacking_does_not_mask_an_outage: [Lacks, Says(503)] => 502;
    dead_and_silent: [Dead, Silent] => 502;
}

/// What cools has not answered this request: it masks nothing, and it is no reason to say "come back later" when another
/// step says that the request is wrong.
#[test]
fn what_is_cooling_masks_nothing() {
    for (cooling, status, expected) in [
        (429, 400, 400),
        (503, 413, 413),
        (503, 429, 429),
        (429, 500, 502),
    ] {
        let wait = [("Retry-After", "60")];
        let a = Upstream::always(Script::body(cooling, &wait, openai::error("no", "x")));
        let b = Upstream::saying("from b");
        let gateway = Config::new()
            .provider("a", &a)
            .provider("b", &b)
            .route("r", [("a", "m"), ("b", "m")])
            .start();
        assert_eq!(gateway.ask("r", false).status, 200);
        b.then(Script::json(status, &openai::error("no", "x")));
        let response = gateway.ask("r", false);
        assert_eq!(response.status, expected, "{response}");
        assert_eq!(response.steps()[0]["skipped"], true, "{response}");
        assert_eq!(
            response.header("retry-after").is_some(),
            expected == 429,
            "{response}"
        );
    }
}

/// A client can only mend its request if it hears what is wrong with it.
#[test]
fn a_rejection_arrives_in_the_providers_own_words() {
    let response = ends_in(&[Says(400)], 400);
    let message = response.json()["error"]["message"].clone();
    assert!(
        message
            .as_str()
            .unwrap()
            .contains("the provider's own words"),
        "{response}"
    );
    assert_eq!(response.json()["error"]["type"], "invalid_request_error");
}

/// Of several reasons the first step's is told.
#[test]
fn a_request_refused_for_several_reasons_gets_the_first_ones_words() {
    let response = ends_in(&[Dead, Lacks, Says(413)], 400);
    let message = response.json()["error"]["message"].clone();
    assert_eq!(message, "p1/m: image input is not supported", "{response}");
}

/// An error page of a megabyte is not what the client wants to see of each step, but its beginning is.
#[test]
fn a_providers_words_are_bounded() {
    for letters in [10_000, 500_000] {
        let words = openai::error(&"é".repeat(letters), "x");
        let a = Upstream::always(Script::json(503, &words));
        let gateway = Config::new()
            .provider("a", &a)
            .route("r", [("a", "m")])
            .start();
        let response = gateway.ask("r", false);
        assert_eq!(response.status, 502, "{letters}");
        let size = response.body.len();
        assert!(size < 16 * 1024, "{letters}: {size} bytes");
        assert!(response.text().contains("ééé"), "{letters}: {response}");
    }
}
