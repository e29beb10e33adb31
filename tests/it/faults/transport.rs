//! Faults below HTTP: there is no answer, or not in time.

use super::*;

const DRIP: Duration = Duration::from_millis(100);

fn silent_after_head() -> Script {
    Script::head(
        200,
        &[
            ("Content-Type", "application/json"),
            ("Content-Length", "500"),
        ],
    )
    .silence()
}

/// A head of complete lines only, so that each of its bytes may be the last.
const HALF_A_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

faults! {
    refused: "unreachable", ClosedPort::new();
    /// A label of more than 63 letters cannot exist (RFC 1035 section 2.3.4), so no name server is asked.
    unresolvable: "unreachable", *format!("http://{}.test/v1", "a".repeat(70));
    reset_on_accept: "unreachable", Upstream::resetting_on_accept();
    reset_instead_of_an_answer: "unreachable", Upstream::always(Script::default().reset());
    closed_instead_of_an_answer: "unreachable", Upstream::always(Script::default().close());
    silence: "timeout", Upstream::always(Script::default().silence());
    half_a_status_line_then_silence: "timeout", Upstream::always(Script::raw("HTTP/1.1 20").silence());
    half_a_head_then_silence: "timeout", Upstream::always(Script::raw(HALF_A_HEAD).silence());
    headers_then_silence: "timeout", either(silent_after_head(), Script::stream().silence());
    half_a_body_then_silence: "timeout", either(
        Script::json(200, &openai::answer("from a")).silent_after(200),
        Script::stream().event(&openai::role()).silence());
    a_dripping_head: "timeout", Upstream::always(Script::default().drip(HALF_A_HEAD, DRIP));
    /// Each byte restarts a naive read timeout; the step is out of time all the same.
    a_dripping_body: "timeout", either(
        Script::head(200, &[("Content-Type", "application/json")]).drip(openai::answer("from a"), DRIP),
        Script::head(200, &[("Content-Type", "text/event-stream")]).drip(format!("data: {}\n\n", openai::text("from a")), DRIP));
    dripping_comments: "timeout", either(
        Script::head(200, &[("Content-Type", "application/json")]).drip(" ".repeat(100), DRIP),
        Script::head(200, &[("Content-Type", "text/event-stream")]).drip(":\n\n".repeat(100), DRIP));
    a_late_answer: "timeout", Upstream::saying_late("from a", TIMEOUT * 2);
    cut_in_the_head: "bad_response", Upstream::always(Script::raw(HALF_A_HEAD).close());
    reset_in_the_head: "bad_response", Upstream::always(Script::raw(HALF_A_HEAD).reset());
    no_http: "bad_response", Upstream::always(Script::raw("220 mail.test ESMTP ready\r\n\r\n").close());
    /// A TLS port, or a proxy's error in another protocol.
    binary: "bad_response", Upstream::always(Script::raw(b"\x15\x03\x01\0\x02\x02F\r\n\r\n".to_vec()).close());
}

/// The port answers in plain text where TLS is spoken to it.
#[test]
fn tls_spoken_to_a_plain_port() {
    for stream in [false, true] {
        let listener = Upstream::resetting_on_accept();
        let url = format!("https://{}/v1", listener.address);
        falls_back(url.as_str(), stream, "unreachable");
    }
}

/// A gateway that is asked again and again must not pile up what the silent provider leaves behind.
#[test]
fn a_step_out_of_time_closes_its_connection() {
    for stream in [false, true] {
        let a = Upstream::always(Script::default().silence());
        falls_back(&a, stream, "timeout");
        let gave_up = a.wait_for_abandonment(0).duration_since(a.request().at);
        assert!(gave_up < TIMEOUT + GRACE, "{gave_up:?}");
    }
}
