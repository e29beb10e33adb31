//! Streams that fail after they have begun to speak. Both of Anthropic's libraries take a bare end for a whole message.

use super::*;

/// A stream that has said a word, and more to come.
fn begun() -> Script {
    messages::begun(&messages::events(&["one"])[..4]).pause(std::time::Duration::from_millis(50))
}

fn breaks_off(script: Script) {
    let a = Upstream::always(script);
    let b = saying("from b");
    let gateway = route(&a, &b);
    let response = ask(&gateway, true);
    assert_eq!(
        (response.status, &response.end),
        (200, &End::Complete),
        "{response}"
    );
    let events = events(&response);
    assert_eq!(
        kinds(&events)[3..],
        ["content_block_delta", "error"],
        "{response}"
    );
    let error = &events[4];
    assert_eq!(error["error"]["type"], "api_error");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("the stream broke"),
        "{error}"
    );
    assert_eq!(error["request_id"].as_str(), response.header("request-id"));
    assert_eq!(b.requests().len(), 0, "a second answer was begun");
    let line = gateway.wait_for_log(|line| line["msg"] == "request");
    assert!(
        line["error"].is_string(),
        "it passes for a whole answer: {line}"
    );
}

macro_rules! broken_streams {
    ($($name:ident: $script:expr;)*) => {$(
        #[test]
        fn $name() {
            breaks_off($script);
        }
    )*};
}

broken_streams! {
    a_cut: begun().close();
    an_end_without_a_reason: begun().last_chunk();
    a_mark_without_a_reason: begun().done();
    a_stall: begun().silence();
    an_error_event: begun().chunk(format!("event: error\ndata: {}\n\n", messages::error("overloaded_error"))).last_chunk();
    an_error_of_openais_shape: begun().event(r#"{"error":{"message":"m"}}"#).last_chunk();
    an_event_that_is_cut: begun().chunk("event: content_block_delta\ndata: {\"type\":\"cont\n\n").last_chunk();
}
