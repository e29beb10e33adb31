//! A row of the table of endpoints.

use percent_encoding::percent_decode_str;

use crate::config::Config;
use crate::dialect::Dialect;
use crate::dialect::side_question::SideQuestion;
use crate::gateway::context::Context;
use crate::gateway::pages::{Unserved, Visit};
use crate::http::{Entrance, Head, Response};

/// The endpoints that a side entrance has besides Ollama's own: VS Code reads Ollama's lists, and then posts to chat.
const BESIDE_OLLAMA: [&str; 3] = ["/", "/health", "/v1/chat/completions"];

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
    /// A worker, with an action of the operator's, which the body names.
    Action,
    /// A single step of the route that the body names, or the gateway itself.
    Aside(&'static dyn SideQuestion),
    /// Nothing: 404 with these words, for every method, in this dialect.
    Absent(&'static str, &'static dyn Dialect),
    /// A walk over the route that the body names, in this dialect.
    Walk(&'static dyn Dialect),
}

/// The function behind a page that is told from a body.
pub type ToldAnswer = fn(&Visit<'_, '_>, &[u8]) -> Result<Response, Unserved>;

/// The function behind a page.
pub type PageAnswer = fn(&Visit<'_, '_>) -> Result<Response, Unserved>;

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
            AnsweredBy::Walk(_) | AnsweredBy::Aside(_) | AnsweredBy::Action => true,
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
            AnsweredBy::Front(_) | AnsweredBy::Page(_) | AnsweredBy::Action => None,
        }
    }

    /// Whether it is to be had at an entrance.
    pub fn is_at(&self, entrance: Entrance) -> bool {
        entrance == Entrance::Main || BESIDE_OLLAMA.contains(&self.pattern)
    }

    /// The rest of a path that matches the pattern; none if it does not match.
    pub fn parameter_in(&self, path: &str) -> Option<String> {
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
