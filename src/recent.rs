//! The last requests, for people at a terminal: `ai-gateway explain --request` and `ai-gateway tail`.

use std::collections::VecDeque;
use std::fmt::Write;
use std::io::{self, IsTerminal};

use serde::Deserialize;

use crate::text::is_deceptive;

/// The requests of which `tail` knows that it has shown them.
const MOST_SHOWN: usize = 1000;

/// The last requests of the running gateway (`GET /v1/diagnostics/requests`), the newest first.
#[derive(Debug, Default, Deserialize)]
pub struct RecentRequests {
    data: Vec<RecentRequest>,
}

/// A request, as far as it is shown.
#[derive(Debug, Deserialize)]
struct RecentRequest {
    id: String,
    time: String,
    client: Option<String>,
    route: Option<String>,
    api: String,
    stream: bool,
    status: u16,
    code: Option<String>,
    served_by: Option<Server>,
    first_content_ms: Option<u64>,
    total_ms: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    estimated: bool,
    cost: Option<String>,
    ended: String,
    steps: Vec<LookedAt>,
}

#[derive(Debug, Deserialize)]
struct Server {
    provider: String,
    model: String,
}

/// A step that was looked at.
#[derive(Debug, Deserialize)]
struct LookedAt {
    step_index: usize,
    provider: String,
    model: String,
    key: Option<usize>,
    #[serde(default)]
    success: bool,
    #[serde(default)]
    skipped: bool,
    error: Option<String>,
    class: Option<String>,
    status: Option<u16>,
    duration_ms: u64,
    retry_after_ms: Option<u64>,
    standing: String,
}

/// The requests that somebody wants to follow.
#[derive(Debug, Default)]
pub struct Follow {
    pub route: Option<String>,
    /// Only those that did not end whole.
    pub failed: bool,
}

/// The requests that were shown already, and how new ones are shown.
pub struct Tail {
    follow: Follow,
    in_colours: bool,
    /// `None` before the first look, which shows what there is.
    shown: Option<VecDeque<String>>,
}

impl RecentRequests {
    /// Why a request went where it went: a line for each step that was looked at; `None` of an unknown id.
    pub fn story(&self, id: &str) -> Option<String> {
        self.data
            .iter()
            .find(|request| request.id == id)
            .map(RecentRequest::story)
    }

    /// The ids of the last requests, the newest first (at most `most`).
    pub fn ids(&self, most: usize) -> impl Iterator<Item = &str> {
        self.data
            .iter()
            .map(|request| request.id.as_str())
            .take(most)
    }
}

impl RecentRequest {
    fn story(&self) -> String {
        let mut story = format!("{}\n", self.heading());
        // Writing into a String cannot fail.
        let _ = writeln!(story, "  {}", self.outcome());
        for step in &self.steps {
            let _ = writeln!(story, "  {}", step.story());
        }
        if self.steps.is_empty() {
            story.push_str("  no step was looked at\n");
        }
        harmless(&story)
    }

    fn heading(&self) -> String {
        let client = self.client.as_deref().unwrap_or("nobody");
        let route = self.route.as_deref().unwrap_or("no route");
        let stream = if self.stream { ", streamed" } else { "" };
        let Self { id, time, api, .. } = self;
        format!("{id}  {time}  {client} asked {route} ({api}{stream})")
    }

    fn outcome(&self) -> String {
        let mut outcome = match self.ended.as_str() {
            "whole" => format!("answered with {}", self.status),
            "broken" => "broke after its first content".to_owned(),
            "left" => "its client left".to_owned(),
            _ => format!("refused with {}", self.status),
        };
        if let Some(code) = &self.code {
            let _ = write!(outcome, " {code}");
        }
        if let Some(server) = &self.served_by {
            let _ = write!(outcome, " by {}/{}", server.provider, server.model);
        }
        if let Some(first) = self.first_content_ms {
            let _ = write!(outcome, ", first content after {}", seconds(first));
        }
        let _ = write!(outcome, ", {} in all", seconds(self.total_ms));
        if let Some(tokens) = self.tokens() {
            let _ = write!(outcome, ", {tokens}");
        }
        if let Some(cost) = &self.cost {
            let _ = write!(outcome, ", cost {cost}");
        }
        outcome
    }

    fn tokens(&self) -> Option<String> {
        let about = if self.estimated { "about " } else { "" };
        match (self.input_tokens, self.output_tokens) {
            (None, None) => None,
            (input, output) => Some(format!(
                "{about}{} + {} tokens",
                input.unwrap_or_default(),
                output.unwrap_or_default()
            )),
        }
    }

    fn is_followed(&self, follow: &Follow) -> bool {
        let is_route = |wanted: &String| self.route.as_ref() == Some(wanted);
        follow.route.as_ref().is_none_or(is_route) && !(follow.failed && self.ended == "whole")
    }

    /// One line: time, client, route, status, duration, the way through the steps, and the id.
    fn line(&self, in_colours: bool) -> String {
        let failed = self.steps.iter().filter(|step| !step.success);
        let way: Vec<String> = failed.map(LookedAt::in_short).collect();
        let server = self.served_by.as_ref();
        let server = server.map(|server| format!("{}/{}", server.provider, server.model));
        let arrow = if way.is_empty() || server.is_none() {
            ""
        } else {
            " > "
        };
        let (paint, end) = match (in_colours, self.ended.as_str()) {
            (false, _) => ("", ""),
            (true, "whole") if way.is_empty() => ("\x1b[32m", "\x1b[0m"),
            (true, "whole" | "left") => ("\x1b[33m", "\x1b[0m"),
            (true, _) => ("\x1b[31m", "\x1b[0m"),
        };
        let time = self.time.get(11..19).unwrap_or(&self.time);
        let asked = format!(
            "{time} {:<12} {:<20}",
            self.client.as_deref().unwrap_or("-"),
            self.route.as_deref().unwrap_or("-")
        );
        let went = format!(
            "{:>8}  {}{arrow}{}  {}",
            seconds(self.total_ms),
            way.join(", "),
            server.as_deref().unwrap_or(""),
            self.id,
        );
        format!(
            "{} {paint}{} {:<7}{end} {}\n",
            harmless(&asked),
            self.status,
            harmless(&self.ended),
            harmless(&went)
        )
    }
}

impl LookedAt {
    fn story(&self) -> String {
        let Self {
            step_index,
            provider,
            model,
            standing,
            ..
        } = self;
        let mut story = format!("step {step_index} {provider}/{model}");
        if let Some(key) = self.key {
            let _ = write!(story, " key {key}");
        }
        if self.skipped {
            let _ = write!(story, ": skipped, {standing}");
            return story;
        }
        let took = seconds(self.duration_ms);
        if self.success {
            let _ = write!(story, ": {standing}; answered after {took}");
            return story;
        }
        let class = self.class.as_deref().unwrap_or("failed");
        let _ = write!(story, ": {standing}; {class}");
        if let Some(status) = self.status {
            let _ = write!(story, " ({status})");
        }
        let _ = write!(story, " after {took}");
        if let Some(error) = &self.error {
            let _ = write!(story, ": {error}");
        }
        if let Some(wait) = self.retry_after_ms {
            let _ = write!(story, "; left alone for {}", seconds(wait));
        }
        story
    }

    fn in_short(&self) -> String {
        let class = self.class.as_deref().unwrap_or("failed");
        let word = if self.skipped { "skipped" } else { class };
        format!("{} {word}", self.provider)
    }
}

impl Tail {
    pub fn new(follow: Follow) -> Self {
        let able = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let wanted = std::env::var_os("NO_COLOR").is_none();
        Self {
            follow,
            in_colours: able && wanted && io::stdout().is_terminal(),
            shown: None,
        }
    }

    /// The lines of the requests that are new, the oldest first.
    pub fn lines(&mut self, recent: &RecentRequests) -> String {
        let is_first = self.shown.is_none();
        let shown = self.shown.get_or_insert_default();
        let is_new = |request: &&RecentRequest| !shown.contains(&request.id);
        let new: Vec<&RecentRequest> = recent.data.iter().filter(is_new).collect();
        let has_gap = !is_first && !new.is_empty() && new.len() == recent.data.len();
        let mut lines = String::new();
        if has_gap && !shown.is_empty() {
            lines.push_str("(more requests ended than are shown)\n");
        }
        for request in new.into_iter().rev() {
            if request.is_followed(&self.follow) {
                lines.push_str(&request.line(self.in_colours));
            }
            shown.push_back(request.id.clone());
        }
        while shown.len() > MOST_SHOWN {
            shown.pop_front();
        }
        lines
    }
}

/// A text that no terminal obeys: providers and clients name things as they like.
fn harmless(text: &str) -> String {
    let is_harmful = |character: char| character != '\n' && is_deceptive(character);
    text.replace(is_harmful, "?")
}

/// Below ten seconds in milliseconds.
fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        0..10_000 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent() -> RecentRequests {
        serde_json::from_str(
            r#"{"object":"list","data":[
            {"id":"req-2","time":"2026-11-25T10:00:01.123Z","client":null,"route":null,"api":"chat","stream":false,
             "status":404,"code":"ROUTE_NOT_FOUND","served_by":null,"first_content_ms":null,"total_ms":1,
             "input_tokens":null,"output_tokens":null,"estimated":false,"cost":null,"request_bytes":1,"ended":"refused","steps":[]},
            {"id":"req-1","time":"2026-11-25T10:00:00.123Z","client":"home","route":"r","api":"chat","stream":true,
             "status":200,"code":null,"served_by":{"step":2,"provider":"c","model":"o","key":null},"first_content_ms":640,
             "total_ms":12310,"input_tokens":812,"output_tokens":120,"estimated":true,"cost":"0.000120","request_bytes":4120,
             "ended":"whole","steps":[
              {"step_index":0,"provider":"a","model":"m","key":1,"success":false,"duration_ms":88,"error":"slow down",
               "class":"rate_limited","status":429,"retry_after_ms":20000,"standing":"open, 29 of 30 requests/min used"},
              {"step_index":1,"provider":"b","model":"n","success":false,"duration_ms":0,"error":"limit: 10 requests/min used, free in 12s",
               "class":"rate_limited","skipped":true,"standing":"limit: 10 requests/min used, free in 12s"},
              {"step_index":2,"provider":"c","model":"o","success":true,"duration_ms":700,"standing":"open"}]}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_story_of_a_request_has_a_line_for_each_step() {
        let expected = "\
req-1  2026-11-25T10:00:00.123Z  home asked r (chat, streamed)
  answered with 200 by c/o, first content after 640 ms, 12.3 s in all, about 812 + 120 tokens, cost 0.000120
  step 0 a/m key 1: open, 29 of 30 requests/min used; rate_limited (429) after 88 ms: slow down; left alone for 20.0 s
  step 1 b/n: skipped, limit: 10 requests/min used, free in 12s
  step 2 c/o: open; answered after 700 ms
";
        assert_eq!(recent().story("req-1").as_deref(), Some(expected));
        let story = recent().story("req-2").unwrap();
        assert!(story.contains("nobody asked no route"), "{story}");
        assert!(story.contains("no step was looked at"), "{story}");
        assert_eq!(recent().story("req-9"), None);
    }

    #[test]
    fn each_request_is_shown_once_the_oldest_first() {
        let mut tail = Tail {
            follow: Follow::default(),
            in_colours: false,
            shown: None,
        };
        let lines = tail.lines(&recent());
        assert_eq!(
            lines,
            "\
10:00:00 home         r                    200 whole     12.3 s  a rate_limited, b skipped > c/o  req-1
10:00:01 -            -                    404 refused     1 ms    req-2
"
        );
        assert_eq!(tail.lines(&recent()), "");
    }

    #[test]
    fn an_arrow_leads_to_the_step_that_answered() {
        let mut recent = recent();
        recent.data[1].served_by = None;
        let line = recent.data[1].line(false);
        assert!(
            line.ends_with("  a rate_limited, b skipped  req-1\n"),
            "{line}"
        );
    }

    /// A client may put anything into the name of a model.
    #[test]
    fn no_terminal_obeys_a_name() {
        let mut recent = recent();
        recent.data[0].route = Some("\u{1b}[2Jx\u{202e}".to_owned());
        for text in [recent.story("req-2").unwrap(), recent.data[0].line(true)] {
            assert!(text.contains("?[2Jx?"), "{text}");
        }
    }

    #[test]
    fn those_that_nobody_follows_are_left_out() {
        for (route, failed, ids) in [
            (Some("r"), false, &["req-1"][..]),
            (None, true, &["req-2"]),
            (Some("r"), true, &[]),
        ] {
            let mut tail = Tail {
                follow: Follow {
                    route: route.map(str::to_owned),
                    failed,
                },
                in_colours: false,
                shown: None,
            };
            let lines = tail.lines(&recent());
            let shown: Vec<&str> = lines
                .lines()
                .filter_map(|line| line.split(' ').next_back())
                .collect();
            assert_eq!(shown, ids, "{route:?} {failed}");
        }
    }
}
