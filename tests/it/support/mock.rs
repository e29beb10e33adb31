//! A well-formed provider on `tiny_http`: an HTTP implementation that is neither the gateway's nor this folder's.

use std::io::Cursor;
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use tiny_http::{Header, Response, Server, StatusCode};

use super::config::Reachable;
use super::openai;

pub struct Mock {
    server: Arc<Server>,
}

impl Mock {
    /// Answers with this text, plain or streamed as asked.
    pub fn saying(text: &str) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a port"));
        let serving = Arc::clone(&server);
        let text = text.to_owned();
        thread::spawn(move || {
            for mut request in serving.incoming_requests() {
                let mut body = String::new();
                drop(request.as_reader().read_to_string(&mut body));
                let asked: Value = serde_json::from_str(&body).unwrap_or_default();
                let (kind, body) = match (request.url(), asked["stream"] == true) {
                    ("/v1/models", _) => ("application/json", openai::models(&["m"])),
                    (_, false) => ("application/json", openai::answer(&text)),
                    (_, true) => ("text/event-stream", stream(&text)),
                };
                let kind = Header::from_bytes("Content-Type", kind).expect("a header");
                // No length: tiny_http then answers chunked.
                let answer =
                    Response::new(StatusCode(200), vec![kind], Cursor::new(body), None, None);
                drop(request.respond(answer));
            }
        });
        Self { server }
    }
}

impl Reachable for Mock {
    fn base_url(&self) -> String {
        format!("http://{}/v1", self.server.server_addr())
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn stream(text: &str) -> String {
    let mut body = String::new();
    for event in openai::events(&[text]) {
        body.push_str(&format!("data: {event}\n\n"));
    }
    body + "data: [DONE]\n\n"
}
