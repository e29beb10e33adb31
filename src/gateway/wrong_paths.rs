//! Paths at which there is nothing, and the ones that were probably meant: a base URL is pasted with an endpoint behind it,
//! or with `/v1` twice, and clients of other gateways ask for what those have.

use crate::config::closest;

use super::endpoints::{self, Endpoint, Method};
use super::refusal::BASE_URL;

const NOTHING: &str = "there is nothing at this path";

/// The segments at the end of a path that are looked at: no endpoint has more, but for names in them.
const LONGEST: usize = 8;

const CHAT: &str = "/v1/chat/completions";

/// A path that other gateways and APIs have.
struct Elsewhere {
    /// As in a table of endpoints: the path, or the beginning of it.
    path: &'static str,
    /// What it stands for there; empty where the path says it.
    subject: &'static str,
    /// The endpoint that serves the purpose here; empty where none does.
    here: &'static str,
}

const fn elsewhere(path: &'static str, subject: &'static str, here: &'static str) -> Elsewhere {
    Elsewhere {
        path,
        subject,
        here,
    }
}

/// The paths of others, as OpenAI, Anthropic, Google, Ollama, LiteLLM and Kubernetes have them. A row goes once the path
/// is served.
const ELSEWHERE: &[Elsewhere] = &[
    elsewhere("/v1/assistants", "the Assistants API", CHAT),
    elsewhere("/v1/threads", "the Assistants API", CHAT),
    elsewhere("/v1beta/models", "Google's own API", CHAT),
    elsewhere("/api/chat", "Ollama's own API", CHAT),
    elsewhere("/api/generate", "Ollama's own API", CHAT),
    elsewhere("/api/tags", "Ollama's own API", "/v1/models"),
    elsewhere("/api/show", "Ollama's own API", "/v1/models"),
    elsewhere("/v1/files", "files", ""),
    elsewhere("/v1/batches", "batches", ""),
    elsewhere("/v1/fine_tuning", "fine-tuning", ""),
    elsewhere("/v1/realtime", "the Realtime API", ""),
    elsewhere("/v1/model/info", "", "/v1/models"),
    elsewhere("/health/liveliness", "", "/livez"),
    elsewhere("/health/liveness", "", "/livez"),
    elsewhere("/health/readiness", "", "/readyz"),
    elsewhere("/healthz", "", "/health"),
    elsewhere("/ping", "", "/health"),
    elsewhere("/api/version", "", "/health"),
    elsewhere("/status", "", "/v1/diagnostics/status"),
    elsewhere("/dashboard", "", "/"),
    elsewhere("/admin", "", "/"),
    elsewhere("/ui", "", "/"),
];

/// The words of a 404, with the path that was probably meant.
pub fn told(path: &str) -> String {
    let asked: Vec<&str> = endpoints::segments(path).take(LONGEST + 1).collect();
    if asked.is_empty() {
        return BASE_URL.to_owned();
    }
    if let Some(known) = ELSEWHERE.iter().find(|known| begins(path, known.path)) {
        let subject = match known.subject {
            "" => String::new(),
            subject => format!(": it belongs to {subject}, which this gateway does not have"),
        };
        return match find_row(known.here) {
            Some(endpoint) => format!("{NOTHING}{subject}; {} is here", spelled(endpoint)),
            None => format!("{NOTHING}{subject}"),
        };
    }
    if let Some(endpoint) = behind_more(path) {
        return format!(
            "{NOTHING}; {} is probably meant: the base URL of this gateway is http://HOST:PORT/v1",
            spelled(endpoint)
        );
    }
    let patterns = endpoints::all().map(|endpoint| endpoint.pattern);
    let longer = endpoints::all().find(|endpoint| begins(endpoint.pattern, path));
    let near = || closest(path, patterns).and_then(find_row);
    match longer.or_else(near) {
        Some(endpoint) => format!("{NOTHING}; {} is probably meant", spelled(endpoint)),
        None => NOTHING.to_owned(),
    }
}

fn spelled(endpoint: &Endpoint) -> String {
    let method = match endpoint.method {
        Method::Get => "GET",
        Method::Post | Method::Any => "POST",
    };
    format!("{method} {}", endpoint.pattern)
}

fn find_row(pattern: &str) -> Option<&'static Endpoint> {
    endpoints::all().find(|endpoint| endpoint.pattern == pattern)
}

/// Whether a path begins with the segments of another, in any case and spelling of the base URL.
fn begins(path: &str, beginning: &str) -> bool {
    let mut of_path = endpoints::segments(path);
    let mut of_beginning = endpoints::segments(beginning);
    of_beginning.all(|expected| {
        of_path
            .next()
            .is_some_and(|segment| segment.eq_ignore_ascii_case(expected))
    })
}

/// The endpoint at the end of a path, behind what belongs to no path of ours: `/v1/v1/models`, `/api/v1/chat/completions`,
/// `/v1/chat/completions/chat/completions`. The longest end counts.
fn behind_more(path: &str) -> Option<&'static Endpoint> {
    let lower = path.to_ascii_lowercase();
    let mut ends: Vec<usize> = lower
        .rmatch_indices('/')
        .map(|(at, _)| at)
        .take(LONGEST)
        .collect();
    ends.reverse();
    ends.into_iter()
        .filter_map(|at| endpoints::find(lower.get(at..)?))
        .map(|found| found.endpoint)
        .find(|endpoint| endpoint.pattern != "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_that_was_meant_is_told() {
        let chat = "POST /v1/chat/completions is probably meant";
        for (path, said) in [
            ("/v1/v1/chat/completions", chat),
            ("/v1/v1/v1/chat/completions/", chat),
            ("/v1/chat/completions/chat/completions", chat),
            ("/v1/chat/completions/v1/chat/completions", chat),
            ("/api/v1/chat/completions", chat),
            ("/openai/v1/chat/completions", chat),
            ("/openai/deployments/r/chat/completions", chat),
            ("/V1/Chat/Completions", chat),
            ("/v1/chat", chat),
            ("/v1/chat/completion", chat),
            (
                "/v1/chat/completions/models",
                "GET /v1/models is probably meant",
            ),
            ("/v1/v1/models", "GET /v1/models is probably meant"),
            ("/v2/models", "GET /v1/models is probably meant"),
            ("/v1/model", "GET /v1/models is probably meant"),
            (
                "/v1/diagnostic/routes",
                "GET /v1/diagnostics/routes is probably meant",
            ),
            ("/v1/metrics/metrics", "GET /metrics is probably meant"),
            ("/v1", "a base URL itself"),
            ("/v1/", "a base URL itself"),
            ("/", "a base URL itself"),
            (
                "/v1/assistants/asst_1",
                "the Assistants API, which this gateway does not have; POST /v1/chat/completions is here",
            ),
            ("/fine_tuning/jobs", "belongs to fine-tuning"),
            ("/v1beta/models/gemini:generateContent", "Google's own"),
            ("/healthz", "GET /health is here"),
            ("/ui/", "GET / is here"),
        ] {
            let told = told(path);
            assert!(told.contains(said), "{path}: {told}");
        }
        for path in [
            "/favicon.ico",
            "/wp-login.php",
            "*",
            "/x/y/z/x/y/z/x/y/z/x/y/z",
            "/%2e%2e/",
        ] {
            assert_eq!(told(path), NOTHING, "{path}");
        }
    }

    #[test]
    fn what_is_told_of_others_is_here_or_is_not() {
        for known in ELSEWHERE {
            let path = known.path;
            assert!(
                endpoints::find(path).is_none(),
                "{path} is served: the row can go"
            );
            assert!(
                known.here.is_empty() || find_row(known.here).is_some(),
                "{path}"
            );
            assert!(
                !(known.here.is_empty() && known.subject.is_empty()),
                "{path}"
            );
        }
    }
}
