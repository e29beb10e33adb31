//! The rows of Ollama's API, where the configuration turns it on.

use super::{Access, Answer, Endpoint, Method, Visibility};
use crate::dialect::ollama::{Chat, Embed, Generate};
use crate::gateway::pages::ollama as pages;

/// All rows. That of the front page stands before the usual one.
pub const TABLE: &[Endpoint] = &[
    Endpoint {
        pattern: "/api/chat",
        method: Method::Post,
        answer: Answer::Walk(&Chat),
        ..ROW
    },
    Endpoint {
        pattern: "/api/generate",
        method: Method::Post,
        answer: Answer::Walk(&Generate),
        ..ROW
    },
    Endpoint {
        pattern: "/api/embed",
        method: Method::Post,
        answer: Answer::Walk(&Embed::SEVERAL),
        ..ROW
    },
    Endpoint {
        pattern: "/api/embeddings",
        method: Method::Post,
        answer: Answer::Walk(&Embed::ONE),
        ..ROW
    },
    Endpoint {
        pattern: "/api/version",
        answer: Answer::Told(pages::version, &Chat),
        ..ROW
    },
    Endpoint {
        pattern: "/api/tags",
        answer: Answer::Told(pages::tags, &Chat),
        ..ROW
    },
    Endpoint {
        pattern: "/api/ps",
        answer: Answer::Told(pages::ready, &Chat),
        ..ROW
    },
    Endpoint {
        pattern: "/api/show",
        method: Method::Post,
        answer: Answer::Told(pages::show, &Chat),
        ..ROW
    },
    Endpoint {
        pattern: "/api/pull",
        method: Method::Post,
        answer: Answer::Told(pages::pull, &Chat),
        ..ROW
    },
    Endpoint {
        pattern: "/api/create",
        ..UNSTORED
    },
    Endpoint {
        pattern: "/api/copy",
        ..UNSTORED
    },
    Endpoint {
        pattern: "/api/push",
        ..UNSTORED
    },
    Endpoint {
        pattern: "/api/delete",
        ..UNSTORED
    },
    Endpoint {
        pattern: "/api/blobs/{digest}",
        ..UNSTORED
    },
    Endpoint {
        pattern: "/api/{rest}",
        method: Method::Any,
        answer: Answer::Absent("not found", &Chat),
        ..ROW
    },
];

const ROW: Endpoint = Endpoint {
    pattern: "/api",
    method: Method::Get,
    access: Access::Ollama,
    visibility: Visibility::Traced,
    answer: Answer::Told(pages::version, &Chat),
};

/// A row of what has no meaning here, whichever way it is asked for.
const UNSTORED: Endpoint = Endpoint {
    method: Method::Any,
    answer: Answer::Told(pages::unstored, &Chat),
    ..ROW
};
