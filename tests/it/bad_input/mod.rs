//! Requests nobody should send. Each is answered in the shape the client libraries parse, and the gateway lives on.

mod body;
mod framing;
mod head;
mod identity;
mod reflected;

use crate::support::client::Response;
use crate::support::{Config, Connection, Gateway, Upstream, openai};

/// A gateway with one working route and limits that are quick to reach.
struct Target {
    upstream: Upstream,
    gateway: Gateway,
}

impl Target {
    fn new() -> Self {
        let upstream = Upstream::saying("fine");
        let gateway = Config::new()
            .server("head_timeout: 400ms")
            .server("body_timeout: 400ms")
            .server("max_body: 16KiB")
            .provider("a", &upstream)
            .route("r", [("a", "model-a")])
            .start();
        Self { upstream, gateway }
    }

    /// Nothing got through, and the next client is served.
    fn is_unharmed(&self) {
        assert_eq!(self.upstream.requests().len(), 0, "it reached the provider");
        assert!(self.gateway.is_healthy());
        let answer = self.gateway.ask("r", false);
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(openai::content(&answer.json()), "fine");
    }
}

/// These bytes get this status and code; an empty code stands for any.
fn refused(bytes: impl AsRef<[u8]>, status: u16, code: &str) {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    // The gateway may answer and close before it has read everything.
    let _ = connection.try_send(bytes);
    let response = connection.response();
    is_refusal(&response, status, code);
    target.is_unharmed();
}

/// The same, and the connection is of no more use: what follows on it cannot be told from the rest of the bad request.
fn refused_and_closed(bytes: impl AsRef<[u8]>, status: u16, code: &str) {
    let target = Target::new();
    let mut connection = target.gateway.connect();
    let _ = connection.try_send(bytes);
    let response = connection.response();
    is_refusal(&response, status, code);
    assert_eq!(response.header("connection"), Some("close"), "{response}");
    assert!(connection.is_closed(), "still open");
    target.is_unharmed();
}

fn is_refusal(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response}");
    let kind = response.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{response}");
    let id = response.header("x-request-id").unwrap_or_default();
    assert!(!id.is_empty(), "no X-Request-Id: {response}");
    let error = &response.json()["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{response}"
    );
    let kind = match status {
        401 => "authentication_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    assert_eq!(error["type"], kind, "{response}");
    assert!(error.get("param").is_some(), "no param: {response}");
    let given = error["code"].as_str().unwrap_or_default();
    assert!(
        !given.is_empty() && (code.is_empty() || code == given),
        "{response}"
    );
}

/// One test per line: a name, what is sent, the status and the code.
macro_rules! refusals {
    ($how:ident; $($(#[$meta:meta])* $name:ident: $bytes:expr => $status:literal $code:literal;)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            super::$how($bytes, $status, $code);
        }
    )*};
}
use refusals;

/// Closed without an answer that could be mistaken for one, or with a refusal.
fn ends(connection: &mut Connection) {
    if connection.is_closed() {
        return;
    }
    let response = connection.response();
    assert!(matches!(response.status, 400 | 408), "{response}");
}
