//! The table of endpoints: a row for each thing that a client can ask for.
//!
//! The `Allow` header, 405, OPTIONS, the name of the trace, whether a key is needed, and which thread answers: all
//! follow from the row. Base URLs are pasted in every form, so `/v1` may be absent, and slashes may be doubled or
//! trailing.

mod ollama;

use percent_encoding::percent_decode_str;

use crate::config::Config;
use crate::dialect::Dialect;
use crate::dialect::audio::{Recordings, Speech};
use crate::dialect::chat::Chat;
use crate::dialect::completions::Completions;
use crate::dialect::embeddings::Embeddings;
use crate::dialect::images::Images;
use crate::dialect::messages::{CountTokens, Messages};
use crate::dialect::moderations::Moderations;
use crate::dialect::rerank::Rerank;
use crate::dialect::responses::Responses;
use crate::dialect::side_question::SideQuestion;
use crate::http::{Entrance, Head, Response};

use super::context::Context;
use super::pages::{self, Unserved, Visit};

/// A row.
pub struct Endpoint {
    /// The path in its canonical form, for traces as well. A last segment in braces takes the rest of the path.
    pub pattern: &'static str,
    pub method: Method,
    pub access: Access,
    pub visibility: Visibility,
    pub answer: AnsweredBy,
}

/// The method of an endpoint; each comes with OPTIONS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// With HEAD.
    Get,
    Post,
    /// For what is not there, whichever way it is asked for.
    Any,
}

/// Whether an endpoint is answered without a key.
#[derive(Clone, Copy)]
pub enum Access {
    Open,
    Keyed,
    /// Answered with a key, or without one for the callers whom the configuration of Ollama's API lets in.
    Ollama,
    /// Open to requests of a kind, in a configuration of a kind.
    OpenWhere(fn(&Config, &Head) -> bool),
}

/// The traces that a request leaves in the telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// A line in the log, a count, and a trace.
    Traced,
    /// None while all is well: monitors and open pages ask over and over, about the gateway and not through it.
    Quiet,
}

/// The source of an endpoint's answer.
pub enum AnsweredBy {
    /// The front thread, so that a busy gateway still says that it is well. Must not block.
    Front(fn() -> Response),
    /// A worker, without a walk.
    Page(PageAnswer),
    /// A worker, without a walk, from the body of the request where the method has one; refusals are in this dialect.
    Told(ToldAnswer, &'static dyn Dialect),
    /// A single step of the route that the body names, or the gateway itself.
    Aside(&'static dyn SideQuestion),
    /// Nothing: 404 with these words, for every method, in this dialect.
    Absent(&'static str, &'static dyn Dialect),
    /// A walk over the route that the body names, in this dialect.
    Walk(&'static dyn Dialect),
}

use Access::{Keyed, Open, OpenWhere};
use Visibility::{Quiet, Traced};

/// The function behind a page that is told from a body.
pub type ToldAnswer = fn(&Visit<'_, '_>, &[u8]) -> Result<Response, Unserved>;

/// The function behind a page.
type PageAnswer = fn(&Visit<'_, '_>) -> Result<Response, Unserved>;

/// The words at the paths of what is kept of an answer elsewhere. Not 501: client libraries ask again after a 5xx.
const NO_RESPONSES: &str = "this gateway keeps no responses and no conversations: send the whole conversation with each \
                            request to POST /v1/responses";

/// The words at the other paths below Messages.
const NO_BATCHES: &str = "this gateway has no batches of messages: send each to POST /v1/messages";

/// All endpoints.
const TABLE: &[Endpoint] = &[
    walk("/v1/chat/completions", &Chat),
    walk("/v1/responses", &Responses),
    absent("/v1/responses/{id}", NO_RESPONSES, &Responses),
    absent("/v1/conversations", NO_RESPONSES, &Responses),
    absent("/v1/conversations/{id}", NO_RESPONSES, &Responses),
    walk("/v1/messages", &Messages),
    aside("/v1/messages/count_tokens", &CountTokens),
    absent("/v1/messages/{rest}", NO_BATCHES, &Messages),
    walk("/v1/completions", &Completions),
    walk("/v1/audio/transcriptions", &Recordings::Transcriptions),
    walk("/v1/audio/translations", &Recordings::Translations),
    walk("/v1/audio/speech", &Speech),
    walk("/v1/images/generations", &Images::Generations),
    walk("/v1/images/edits", &Images::Edits),
    walk("/v1/images/variations", &Images::Variations),
    walk("/v1/embeddings", &Embeddings),
    walk("/v1/moderations", &Moderations),
    walk("/v1/rerank", &Rerank),
    // Cohere's SDK.
    walk("/v2/rerank", &Rerank),
    page("/v1/models", Keyed, Traced, pages::models::list),
    page("/v1/models/{model}", Keyed, Traced, pages::models::one),
    page(
        "/v1/diagnostics/upstream-models",
        Open,
        Traced,
        pages::upstream_models::page,
    ),
    page("/v1/diagnostics/routes", Keyed, Traced, pages::routes::page),
    page("/v1/diagnostics/status", Keyed, Quiet, pages::status::data),
    page(
        "/",
        OpenWhere(pages::status::is_open),
        Quiet,
        pages::status::frame,
    ),
    page(
        "/metrics",
        OpenWhere(|config, _| !config.metrics_need_key),
        Quiet,
        pages::metrics::page,
    ),
    front("/health", pages::health::health),
    front("/livez", pages::health::live),
    page("/readyz", Open, Quiet, pages::health::ready),
];

/// The row of an endpoint that walks over the steps of a route.
const fn walk(pattern: &'static str, dialect: &'static dyn Dialect) -> Endpoint {
    keyed(pattern, Method::Post, AnsweredBy::Walk(dialect))
}

/// The row of an endpoint that asks one step of a route.
const fn aside(pattern: &'static str, question: &'static dyn SideQuestion) -> Endpoint {
    keyed(pattern, Method::Post, AnsweredBy::Aside(question))
}

/// The row of a path where clients look for what is not here.
const fn absent(
    pattern: &'static str,
    words: &'static str,
    dialect: &'static dyn Dialect,
) -> Endpoint {
    keyed(pattern, Method::Any, AnsweredBy::Absent(words, dialect))
}

/// The row of a path that monitors ask for.
const fn front(pattern: &'static str, answer: fn() -> Response) -> Endpoint {
    Endpoint {
        pattern,
        method: Method::Get,
        access: Open,
        visibility: Quiet,
        answer: AnsweredBy::Front(answer),
    }
}

/// The row of a page.
const fn page(
    pattern: &'static str,
    access: Access,
    visibility: Visibility,
    answer: PageAnswer,
) -> Endpoint {
    Endpoint {
        pattern,
        method: Method::Get,
        access,
        visibility,
        answer: AnsweredBy::Page(answer),
    }
}

const fn keyed(pattern: &'static str, method: Method, answer: AnsweredBy) -> Endpoint {
    Endpoint {
        pattern,
        method,
        access: Keyed,
        visibility: Traced,
        answer,
    }
}

/// An endpoint that a path names, and the rest of the path where the pattern leaves one open, decoded.
pub struct Found {
    pub endpoint: &'static Endpoint,
    pub parameter: String,
}

/// The endpoints that a side entrance has besides Ollama's own: VS Code reads Ollama's lists, and then posts to chat.
const BESIDE_OLLAMA: [&str; 3] = ["/", "/health", "/v1/chat/completions"];

/// The answer that the front thread gives to a request; none if that takes a worker.
pub fn at_once(head: &Head) -> Option<Response> {
    TABLE.iter().find_map(|endpoint| match endpoint.answer {
        AnsweredBy::Front(answer) if endpoint.allows(head.method()) => {
            endpoint.parameter_in(head.path())?;
            endpoint.is_at(head.arrival().entrance).then(answer)
        }
        _ => None,
    })
}

/// The endpoint of a request; none if its path names none.
pub fn find(config: &Config, head: &Head) -> Option<Found> {
    let path = head.path();
    let of_ollama = || {
        config.ollama.as_ref()?;
        found_in(ollama::TABLE, ollama_path(path)?)
    };
    let usual = || {
        let found = found_in(TABLE, path)?;
        found
            .endpoint
            .is_at(head.arrival().entrance)
            .then_some(found)
    };
    usual().or_else(of_ollama)
}

/// The endpoint of a raw path, Ollama's left aside; none if it names none.
pub fn find_usual(path: &str) -> Option<Found> {
    found_in(TABLE, path)
}

fn found_in(table: &'static [Endpoint], path: &str) -> Option<Found> {
    table.iter().find_map(|endpoint| {
        let parameter = endpoint.parameter_in(path)?;
        Some(Found {
            endpoint,
            parameter,
        })
    })
}

/// A path of Ollama's API from its `/api` on; none for another path. Base URLs end in `/ollama`, too.
fn ollama_path(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('/');
    let before = ["ollama", "v1"].into_iter();
    let rest = before.fold(path, |path, name| {
        let rest = path.strip_prefix(name).filter(|rest| rest.starts_with('/'));
        rest.map_or(path, |rest| rest.trim_start_matches('/'))
    });
    rest.starts_with("api/").then_some(rest)
}

/// The rows of the table.
pub fn all() -> impl Iterator<Item = &'static Endpoint> {
    TABLE.iter()
}

/// The dialects in which clients ask, each once.
pub fn dialects() -> impl Iterator<Item = &'static dyn Dialect> {
    let mut seen: Vec<&str> = Vec::new();
    let rows = all().chain(ollama::TABLE);
    rows.filter_map(Endpoint::dialect).filter(move |dialect| {
        let is_new = !seen.contains(&dialect.name());
        seen.push(dialect.name());
        is_new
    })
}

impl Endpoint {
    /// The methods that it answers, as `Allow` lists them.
    pub fn allow(&self) -> &'static str {
        match self.method {
            Method::Get => "GET, HEAD, OPTIONS",
            Method::Post => "POST, OPTIONS",
            Method::Any => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        }
    }

    /// Whether a method gets its answer. OPTIONS is answered for all alike.
    pub fn allows(&self, method: &str) -> bool {
        match self.method {
            Method::Get => matches!(method, "GET" | "HEAD"),
            Method::Post => method == "POST",
            Method::Any => matches!(method, "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE"),
        }
    }

    /// Whether a request is answered without a key.
    pub fn is_open(&self, context: &Context, head: &Head) -> bool {
        match self.access {
            Access::Open => true,
            Access::Keyed | Access::Ollama => false,
            Access::OpenWhere(condition) => condition(&context.config, head),
        }
    }

    /// Whether pages of this origin may call it without a key.
    pub fn is_keyless(&self, config: &Config, origin: &str) -> bool {
        let ollama = config.ollama.iter();
        let mut origins =
            ollama.flat_map(|ollama| ollama.keyless.iter().flat_map(|it| &it.origins));
        matches!(self.access, Access::Ollama) && origins.any(|listed| listed == origin)
    }

    /// Whether it reads the body of a request.
    pub fn reads_body(&self) -> bool {
        match self.answer {
            AnsweredBy::Walk(_) | AnsweredBy::Aside(_) => true,
            AnsweredBy::Told(..) => self.method == Method::Post,
            AnsweredBy::Front(_) | AnsweredBy::Page(_) | AnsweredBy::Absent(..) => false,
        }
    }

    /// The dialect of its requests and refusals; none for pages.
    pub fn dialect(&self) -> Option<&'static dyn Dialect> {
        match self.answer {
            AnsweredBy::Walk(dialect)
            | AnsweredBy::Absent(_, dialect)
            | AnsweredBy::Told(_, dialect) => Some(dialect),
            AnsweredBy::Aside(question) => Some(question.dialect()),
            AnsweredBy::Front(_) | AnsweredBy::Page(_) => None,
        }
    }

    /// Whether it is to be had at an entrance.
    fn is_at(&self, entrance: Entrance) -> bool {
        entrance == Entrance::Main || BESIDE_OLLAMA.contains(&self.pattern)
    }

    /// The rest of a path that matches the pattern; none if it does not match.
    fn parameter_in(&self, path: &str) -> Option<String> {
        // A base URL without an endpoint is no wish for the front page.
        if self.pattern == "/" {
            return (path == "/").then(String::new);
        }
        // The usual spelling is not taken apart.
        if path == self.pattern {
            return Some(String::new());
        }
        let mut rest = segments(path);
        for expected in segments(self.pattern) {
            if expected.starts_with('{') {
                let name = rest.collect::<Vec<_>>().join("/");
                return Some(decoded(&name)?).filter(|name| !name.is_empty());
            }
            rest.next().filter(|segment| *segment == expected)?;
        }
        rest.next().is_none().then(String::new)
    }
}

/// The segments of a path, without `v1` before them.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .peekable();
    let _ = segments.next_if_eq(&"v1");
    segments
}

/// Names come percent-encoded (`dynamic%2Fn8n`) and, from less careful clients, with bare slashes.
fn decoded(name: &str) -> Option<String> {
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<(&'static str, String)> {
        find_usual(path).map(|found| (found.endpoint.pattern, found.parameter))
    }

    #[test]
    fn a_base_url_may_be_pasted_in_any_form() {
        for (path, pattern) in [
            ("/health", Some("/health")),
            ("/health/", Some("/health")),
            ("/v1/health", Some("/health")),
            ("/livez", Some("/livez")),
            ("/readyz", Some("/readyz")),
            ("/v1/chat/completions", Some("/v1/chat/completions")),
            ("/chat/completions", Some("/v1/chat/completions")),
            ("/v1//chat/completions/", Some("/v1/chat/completions")),
            ("/v1/v1/chat/completions", None),
            ("/chat", None),
            ("/chat/completions/x", None),
            ("//v1/models", Some("/v1/models")),
            ("/v1/models/", Some("/v1/models")),
            (
                "/v1/diagnostics/upstream-models",
                Some("/v1/diagnostics/upstream-models"),
            ),
            ("/v1/diagnostics/status", Some("/v1/diagnostics/status")),
            ("/metrics", Some("/metrics")),
            ("/v1/diagnostics", None),
            ("/v2/models", None),
            ("/", Some("/")),
            ("//", None),
            ("", None),
            ("/v1", None),
            ("/Health", None),
        ] {
            let pattern = pattern.map(|pattern| (pattern, String::new()));
            assert_eq!(found(path), pattern, "{path}");
        }
    }

    #[test]
    fn a_route_may_have_slashes_in_its_name() {
        for (path, name) in [
            ("/v1/models/dynamic%2Fn8n", Some("dynamic/n8n")),
            ("/models/dynamic/n8n", Some("dynamic/n8n")),
            ("/v1/models/%FF", None),
        ] {
            let expected = name.map(|name| ("/v1/models/{model}", name.to_owned()));
            assert_eq!(found(path), expected, "{path}");
        }
    }

    #[test]
    fn the_allow_header_and_the_check_agree() {
        for endpoint in TABLE {
            for method in ["GET", "HEAD", "POST", "PUT", "get"] {
                let is_listed = endpoint.allow().split(", ").any(|listed| listed == method);
                let pattern = endpoint.pattern;
                assert_eq!(endpoint.allows(method), is_listed, "{method} {pattern}");
            }
        }
    }
}
