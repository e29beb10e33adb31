//! The table of endpoints: a row for each thing that a client can ask for.
//!
//! The `Allow` header, 405, OPTIONS, the name of the trace, whether a key is needed, and which thread answers: all
//! follow from the row. Base URLs are pasted in every form, so `/v1` may be absent, and slashes may be doubled or
//! trailing.

mod ollama;
mod row;

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

use super::pages;

pub use row::{Access, AnsweredBy, Endpoint, Method, ToldAnswer, Visibility, segments};

use row::PageAnswer;

use Access::{Keyed, Open, OpenWhere};
use Visibility::{Quiet, Traced};

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
    page("/v1/usage", Keyed, Traced, pages::usage::page),
    page("/v1/diagnostics/routes", Keyed, Traced, pages::routes::page),
    page(
        "/v1/diagnostics/requests",
        Keyed,
        Quiet,
        pages::requests::page,
    ),
    keyed("/v1/diagnostics/actions", Method::Post, AnsweredBy::Action),
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
    page(
        "/health/{route}",
        OpenWhere(|config, _| !config.health_needs_key),
        Quiet,
        pages::route_health::page,
    ),
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
    find_at(config, head.path(), head.arrival().entrance)
}

/// The endpoint of a raw path at an entrance; none if it names none.
pub fn find_at(config: &Config, path: &str, entrance: Entrance) -> Option<Found> {
    let of_ollama = || {
        config.ollama.as_ref()?;
        found_in(ollama::TABLE, ollama_path(path)?)
    };
    let usual = || {
        let found = found_in(TABLE, path)?;
        found.endpoint.is_at(entrance).then_some(found)
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
fn ollama_path<'p>(path: &'p str) -> Option<&'p str> {
    // Of several slashes one is left, with which the patterns begin.
    let from_slash = |path: &'p str| -> Option<&'p str> {
        let name = path.trim_start_matches('/');
        path.get((path.len() - name.len()).checked_sub(1)?..)
    };
    let before = ["/ollama", "/v1"].into_iter();
    let rest = before.fold(from_slash(path)?, |path, name| {
        path.strip_prefix(name).and_then(from_slash).unwrap_or(path)
    });
    rest.starts_with("/api/").then_some(rest)
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
    fn a_base_url_of_ollama_may_be_pasted_in_any_form() {
        for (path, expected) in [
            ("/api/tags", Some("/api/tags")),
            ("//api/tags", Some("/api/tags")),
            ("/v1/api/tags/", Some("/api/tags/")),
            ("/ollama//api/tags", Some("/api/tags")),
            ("/ollama/v1/api/tags", Some("/api/tags")),
            ("/ollamaapi/tags", None),
            ("/v1/models", None),
            ("api/tags", None),
            ("", None),
        ] {
            assert_eq!(ollama_path(path), expected, "{path}");
            let found = expected.and_then(|path| found_in(ollama::TABLE, path));
            let pattern = found.map(|found| found.endpoint.pattern);
            assert_eq!(pattern, expected.map(|_| "/api/tags"), "{path}");
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
        for endpoint in TABLE.iter().chain(ollama::TABLE) {
            for method in ["GET", "HEAD", "POST", "PUT", "get"] {
                let is_listed = endpoint.allow().split(", ").any(|listed| listed == method);
                let pattern = endpoint.pattern;
                assert_eq!(endpoint.allows(method), is_listed, "{method} {pattern}");
            }
        }
    }
}
