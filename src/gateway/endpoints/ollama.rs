//! The rows of Ollama's API, where the configuration turns it on.

use super::row::{Access, AnsweredBy, Endpoint, Method, ToldAnswer, Visibility};
use crate::dialect::Dialect;
use crate::dialect::ollama::{Chat, Embed, Generate};
use crate::gateway::pages::ollama as pages;

/// All rows.
pub const TABLE: &[Endpoint] = &[
    walk("/api/chat", &Chat),
    walk("/api/generate", &Generate),
    walk("/api/embed", &Embed::SEVERAL),
    walk("/api/embeddings", &Embed::ONE),
    told("/api/version", Method::Get, pages::version),
    told("/api/tags", Method::Get, pages::tags),
    told("/api/ps", Method::Get, pages::ready),
    told("/api/show", Method::Post, pages::show),
    told("/api/pull", Method::Post, pages::pull),
    told("/api/create", Method::Any, pages::unstored),
    told("/api/copy", Method::Any, pages::unstored),
    told("/api/push", Method::Any, pages::unstored),
    told("/api/delete", Method::Any, pages::unstored),
    told("/api/blobs/{digest}", Method::Any, pages::unstored),
    row(
        "/api/{rest}",
        Method::Any,
        AnsweredBy::Absent("not found", &Chat),
    ),
];

const fn walk(pattern: &'static str, dialect: &'static dyn Dialect) -> Endpoint {
    row(pattern, Method::Post, AnsweredBy::Walk(dialect))
}

const fn told(pattern: &'static str, method: Method, answer: ToldAnswer) -> Endpoint {
    row(pattern, method, AnsweredBy::Told(answer, &Chat))
}

const fn row(pattern: &'static str, method: Method, answer: AnsweredBy) -> Endpoint {
    Endpoint {
        pattern,
        method,
        access: Access::Ollama,
        visibility: Visibility::Traced,
        answer,
    }
}
