//! Streams that break, and the memory for what the end repeats.

use super::*;

/// Codex shows the first of the events, LangChain JS knows the second only.
#[test]
fn a_break_leaves_open_what_is_open_and_tells_it_twice() {
    for (code, said) in [
        ("timeout", "server_error"),
        ("quota_exhausted", "rate_limit_exceeded"),
    ] {
        let mut translation = translation(Names::default(), Some("route"));
        let mut frames = Frames::new(FrameForm::Data);
        for chunk in [
            chunk(json!({"content": "whole"})),
            call(0, "c", "f", "{\"x\":"),
        ] {
            translation.push(&chunk.to_string(), &mut frames).unwrap();
        }
        let error = ErrorBody {
            code,
            ..ErrorBody::new(Code::RouteExecutionFailed, "the stream broke: \"x\"")
        };
        translation.break_off(&error, &mut frames);
        translation.finish(&mut frames).unwrap();
        let events = parsed(&mut frames);
        assert!(
            kinds(&events)
                .ends_with("output_item.added function_call_arguments.delta failed error")
        );
        let [.., failed, error] = &events[..] else {
            panic!()
        };
        assert_eq!(failed["response"]["status"], json!("failed"));
        assert_eq!(
            failed["response"]["error"],
            json!({"code": said, "message": "the stream broke: \"x\""})
        );
        assert_eq!(failed["response"]["output"].as_array().unwrap().len(), 1);
        assert_eq!(failed["response"]["id"], events[0]["response"]["id"]);
        assert_eq!(error["sequence_number"], json!(events.len() - 1));
        assert_eq!(error["error"]["code"], json!(said));
    }
}

#[test]
fn what_is_kept_for_the_end_is_counted() {
    let mut translation = translation(Names::default(), None);
    let mut frames = Frames::new(FrameForm::Data);
    let before = translation.kept();
    let text = "x".repeat(10_000);
    for delta in [
        json!({"reasoning": text}),
        json!({"content": text}),
        json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": text}}]}),
    ] {
        let kept = translation.kept();
        translation
            .push(&chunk(delta).to_string(), &mut frames)
            .unwrap();
        assert!(translation.kept() >= kept + 10_000);
    }
    assert!(translation.kept() < before + 40_000);
}
