//! Paths at which there is nothing, and the ones that were probably meant: a base URL is pasted with an endpoint behind it,
//! or with `/v1` twice, and clients of other gateways ask for what those have.

use crate::config::closest;

use super::endpoints::{self, Endpoint, Method};
use super::refusal::BASE_URL;

const NOTHING: &str = "there is nothing at this path";

/// The segments at the end of a path that are looked at: no endpoint has more, but for names in them.
const LONGEST: usize = 8;

/// A path that other gateways and APIs have.
struct Elsewhere {
    /// As in a table of endpoints: the path, or the beginning of it.
    path: &'static str,
    /// The purpose of the path there; empty where the path says it.
    subject: &'static str,
    /// The endpoints that serve the purpose here, of which those are told that there are; empty where none does.
    here: &'static [&'static str],
    /// The advice for the client, with these endpoints or without; empty where they say it.
    instead: &'static str,
}

const fn elsewhere(
    path: &'static str,
    subject: &'static str,
    here: &'static [&'static str],
    instead: &'static str,
) -> Elsewhere {
    Elsewhere {
        path,
        subject,
        here,
        instead,
    }
}

const CHAT: &[&str] = &["/v1/chat/completions"];
const MODELS: &[&str] = &["/v1/models"];
const EMBEDDINGS: &[&str] = &["/v1/embeddings"];
const RERANK: &[&str] = &["/v1/rerank"];
const VOICE: &[&str] = &[
    "/v1/audio/transcriptions",
    "/v1/chat/completions",
    "/v1/audio/speech",
];

const KEEPS_NOTHING: &str = "send the whole conversation with each request";
const IN_THE_REQUEST: &str = "put what the file holds into the request";
const NO_BATCHES: &str = "send the requests one by one";
const TURNED_ON: &str = "`ollama: {enabled: true}` in its configuration turns it on";
const NO_USERS: &str = "clients and their keys stand in the configuration";

/// The paths of others, as OpenAI, Anthropic, Google, Mistral, Cohere, Ollama, vLLM, llama.cpp, OpenRouter, LiteLLM and
/// Kubernetes have them; of two that fit, the first. A row goes once the path is served.
const ELSEWHERE: &[Elsewhere] = &[
    elsewhere(
        "/v1/audio/voices",
        "a list of voices",
        &["/v1/audio/speech"],
        "`override: {voice: ...}` on a step sets the voice that its provider has",
    ),
    elsewhere(
        "/v1/realtime",
        "the Realtime API",
        VOICE,
        "ask for each turn of a conversation by itself",
    ),
    elsewhere("/v1/assistants", "the Assistants API", CHAT, KEEPS_NOTHING),
    elsewhere("/v1/threads", "the Assistants API", CHAT, KEEPS_NOTHING),
    elsewhere("/v1/agents", "agents of a provider", CHAT, KEEPS_NOTHING),
    elsewhere("/v1/files", "file uploads", CHAT, IN_THE_REQUEST),
    elsewhere("/v1/uploads", "file uploads", CHAT, IN_THE_REQUEST),
    elsewhere("/v1/ocr", "reading of documents", CHAT, IN_THE_REQUEST),
    elsewhere("/v1/batches", "batches", CHAT, NO_BATCHES),
    elsewhere(
        "/v1/vector_stores",
        "vector stores",
        EMBEDDINGS,
        "keep the vectors in a store of your own",
    ),
    elsewhere(
        "/v1/fine_tuning",
        "fine-tuning",
        &[],
        "train at the provider, and name the model in a step of a route",
    ),
    elsewhere("/v1/videos", "videos", &[], ""),
    elsewhere("/v1/containers", "containers", &[], ""),
    elsewhere("/v1/evals", "evaluations", &[], ""),
    elsewhere("/v1/complete", "Anthropic's old completions", CHAT, ""),
    elsewhere(
        "/v1/fim/completions",
        "Mistral's own API",
        &["/v1/completions"],
        "",
    ),
    elsewhere("/v1/edits", "OpenAI's old edits", CHAT, ""),
    elsewhere("/v1/embed", "Cohere's own API", EMBEDDINGS, ""),
    elsewhere("/v2/embed", "Cohere's own API", EMBEDDINGS, ""),
    elsewhere("/v2/chat", "Cohere's own API", CHAT, ""),
    elsewhere("/v1/score", "vLLM's own API", RERANK, ""),
    elsewhere("/v1beta/models", "Google's own API", CHAT, ""),
    elsewhere("/api/chat", "Ollama's own API", CHAT, TURNED_ON),
    elsewhere("/api/generate", "Ollama's own API", CHAT, TURNED_ON),
    elsewhere("/api/embed", "Ollama's own API", EMBEDDINGS, TURNED_ON),
    elsewhere("/api/embeddings", "Ollama's own API", EMBEDDINGS, TURNED_ON),
    elsewhere("/api/tags", "Ollama's own API", MODELS, TURNED_ON),
    elsewhere("/api/show", "Ollama's own API", MODELS, TURNED_ON),
    elsewhere("/api/ps", "Ollama's own API", MODELS, TURNED_ON),
    elsewhere("/api/pull", "Ollama's own API", &[], TURNED_ON),
    elsewhere("/tokenize", "a provider's tokenizer", &[], ""),
    elsewhere("/detokenize", "a provider's tokenizer", &[], ""),
    elsewhere("/v1/model/info", "", MODELS, ""),
    elsewhere("/props", "", MODELS, ""),
    elsewhere("/v1/organization", "accounts", &[], NO_USERS),
    elsewhere("/key", "accounts", &[], NO_USERS),
    elsewhere("/user", "accounts", &[], NO_USERS),
    elsewhere("/slots", "", &["/v1/diagnostics/status"], ""),
    elsewhere("/healthz", "", &["/health"], ""),
    elsewhere("/ping", "", &["/health"], ""),
    elsewhere("/api/version", "", &["/health"], ""),
    elsewhere("/status", "", &["/v1/diagnostics/status"], ""),
    elsewhere("/dashboard", "", &["/"], ""),
    elsewhere("/admin", "", &["/"], ""),
    elsewhere("/ui", "", &["/"], ""),
];

impl Elsewhere {
    /// The words of a 404, which applications show to their users.
    fn told(&self) -> String {
        let subject = match self.subject {
            "" => String::new(),
            subject => format!(" ({subject})"),
        };
        let here = self.here.iter().filter_map(|pattern| find_row(pattern));
        let here: Vec<String> = here.map(spelled).collect();
        let here = match here.as_slice() {
            [] => String::new(),
            [one] => format!("{one} is here"),
            several => format!("{} are here", several.join(", ")),
        };
        let advice = [here.as_str(), self.instead];
        let advice: Vec<&str> = advice
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect();
        let colon = if advice.is_empty() { "" } else { "; " };
        let path = self.path;
        format!(
            "this gateway has no {path}{subject}{colon}{}",
            advice.join(": ")
        )
    }
}

/// The words of a 404, with the path that was probably meant.
pub fn told(path: &str) -> String {
    let asked: Vec<&str> = endpoints::segments(path).take(LONGEST + 1).collect();
    if asked.is_empty() {
        return BASE_URL.to_owned();
    }
    if let Some(known) = ELSEWHERE.iter().find(|known| begins(path, known.path)) {
        return known.told();
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
        .filter_map(|at| endpoints::find_usual(lower.get(at..)?))
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
                "this gateway has no /v1/assistants (the Assistants API); POST /v1/chat/completions is here: send the \
                 whole conversation with each request",
            ),
            (
                "/fine_tuning/jobs",
                "this gateway has no /v1/fine_tuning (fine-tuning); train at the provider",
            ),
            ("/v1/audio/voices", "a list of voices"),
            ("/realtime", "this gateway has no /v1/realtime"),
            ("/v1/evals", "this gateway has no /v1/evals (evaluations)"),
            ("/key/info", "stand in the configuration"),
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
                endpoints::find_usual(path).is_none(),
                "{path} is served: the row can go"
            );
            for here in known.here {
                let comes = ELSEWHERE.iter().any(|known| begins(here, known.path));
                assert!(find_row(here).is_some() || comes, "{path}: {here}");
            }
            let says_something = !known.subject.is_empty() || !known.here.is_empty();
            assert!(says_something, "{path}");
            assert!(known.told().len() <= 300, "{}", known.told());
            let first = ELSEWHERE.iter().find(|other| begins(path, other.path));
            assert_eq!(first.map(|first| first.path), Some(path), "hidden");
        }
    }
}
