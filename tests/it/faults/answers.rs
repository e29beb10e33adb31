//! Status 200, and yet no answer. Passing these on is how a gateway loses its users' trust.

use super::*;

/// The same text for both kinds of request, each with its content type.
fn ok(body: &str) -> Upstream {
    typed("application/json", body)
}

fn typed(kind: &str, body: &str) -> Upstream {
    Upstream::always(Script::body(200, &[("Content-Type", kind)], body))
}

fn choices(choices: Value) -> String {
    json!({"id": "x", "object": "chat.completion", "model": "m", "choices": choices}).to_string()
}

fn message(message: Value) -> String {
    choices(json!([{"index": 0, "message": message, "finish_reason": "stop"}]))
}

faults! {
    html: "bad_response", typed("text/html", "<!doctype html><title>Sign in to the hotel network</title>");
    html_called_json: "bad_response", ok("<!doctype html><title>Sign in</title>");
    no_json: "bad_response", ok("OK");
    truncated_json: "bad_response", ok(&openai::answer("from a")[..150]);
    two_json_objects: "bad_response", ok(&openai::answer("from a").repeat(2));
    an_array: "bad_response", ok("[]");
    a_string: "bad_response", ok(r#""hello""#);
    an_empty_body: "bad_response", ok("");
    white_space: "bad_response", ok("  \n ");
    no_choices: "empty_answer", ok(r#"{"id":"x","object":"chat.completion"}"#);
    empty_choices: "empty_answer", ok(&choices(json!([])));
    null_content: "empty_answer", ok(&message(json!({"role": "assistant", "content": null})));
    empty_content: "empty_answer", ok(&message(json!({"role": "assistant", "content": ""})));
    no_content: "empty_answer", ok(&message(json!({"role": "assistant"})));
    empty_tool_calls: "empty_answer", ok(&message(json!({"role": "assistant", "content": null, "tool_calls": []})));
    error_object: "server_error", ok(r#"{"error":{"message":"upstream provider failed"}}"#);
    error_text: "server_error", ok(r#"{"error":"upstream provider failed"}"#);
    error_with_rate_limit_number: "rate_limited", ok(r#"{"error":{"message":"slow down","code":429}}"#);
    error_with_a_code: "rate_limited", ok(r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#);
    error_of_quota: "quota_exhausted", ok(r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#);
    error_of_length: "too_large", ok(r#"{"error":{"message":"long","code":"context_length_exceeded"}}"#);
    error_beside_null_choices: "server_error", ok(r#"{"error":{"message":"upstream failed","code":502},"choices":null}"#);
}

/// The other way round: each of these is an answer, however odd it looks.
#[test]
fn odd_answers_that_are_answers() {
    for body in [
        message(
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
        ),
        message(json!({"role": "assistant", "content": null, "refusal": "I cannot"})),
        message(json!({"role": "assistant", "content": "", "reasoning_content": "thinking"})),
        message(json!({"role": "assistant", "content": null, "reasoning": "thinking"})),
        message(
            json!({"role": "assistant", "content": null, "audio": {"id": "a", "data": "UklG"}}),
        ),
        message(json!({"role": "assistant", "content": " "})),
        message(json!({"role": "assistant", "content": [{"type": "text", "text": "hi"}]})),
        choices(
            json!([{"index": 0, "message": {"content": ""}}, {"index": 1, "message": {"content": "second"}}]),
        ),
        openai::answer("fine").replacen('{', r#"{"error":null,"#, 1),
        // An error that says success.
        openai::answer("fine").replacen('{', r#"{"error":{"code":0,"message":"success"},"#, 1),
        openai::answer("fine").replacen(
            '{',
            r#"{"error":{"code":null,"message":null,"type":""},"#,
            1,
        ),
        openai::answer("fine").replacen(
            '{',
            r#"{"base_resp":{"status_code":0,"status_msg":""},"#,
            1,
        ),
        format!(" \r\n{}\r\n ", openai::answer("fine")),
    ] {
        for kind in ["application/json; charset=utf-8", "text/plain"] {
            let a = typed(kind, &body);
            let b = Upstream::saying("from b");
            let response = route(&a, &b).ask("r", false);
            assert_eq!(
                response.header("x-routed-via"),
                Some("a/model-a"),
                "{body}: {response}"
            );
        }
    }
}
