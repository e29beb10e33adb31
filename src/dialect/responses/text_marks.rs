//! The marks on a text: citations and log probabilities, in the shape that typed clients require.

use crate::json::raw;

/// The marks on the text that is open, or that comes.
#[derive(Debug, Default)]
pub struct TextMarks {
    /// Citations, raw. They are told at the end of the text.
    citations: Vec<String>,
    /// Log probabilities of the text that comes next, raw and with commas.
    logprobs: String,
}

impl TextMarks {
    pub fn note_citation(&mut self, citation: &str) {
        self.citations.push(citation.to_owned());
    }

    /// Notes a raw array of log probabilities.
    pub fn note_logprobs(&mut self, logprobs: &str) {
        push_logprobs(&mut self.logprobs, logprobs);
    }

    pub fn take_citations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.citations)
    }

    pub fn take_logprobs(&mut self) -> String {
        std::mem::take(&mut self.logprobs)
    }

    /// Their memory (bytes).
    pub fn bytes(&self) -> usize {
        let citations: usize = self.citations.iter().map(String::len).sum();
        self.logprobs.len() + citations
    }
}

/// An annotation of a citation, a raw object.
pub fn annotation(citation: &str) -> String {
    let [url, title, start, end] =
        raw::said_members(citation, ["url", "title", "start_index", "end_index"]);
    format!(
        r#"{{"type":"url_citation","url":{},"title":{},"start_index":{},"end_index":{}}}"#,
        url.unwrap_or("\"\""),
        title.unwrap_or("\"\""),
        start.unwrap_or("0"),
        end.unwrap_or("0")
    )
}

/// Appends the items of a raw array of log probabilities, with commas, each with all its members.
fn push_logprobs(out: &mut String, logprobs: &str) {
    // What is no array has no items.
    let _ = raw::each_item(logprobs, &mut |token| {
        push_comma(out);
        let [top] = raw::said_members(token, ["top_logprobs"]);
        push_token(out, token);
        out.push_str(",\"top_logprobs\":[");
        let mut is_first = true;
        let _ = raw::each_item(top.unwrap_or_default(), &mut |other| {
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            push_token(out, other);
            out.push('}');
        });
        out.push_str("]}");
    });
}

/// A comma behind all but the first of a list without its brackets.
pub fn push_comma(list: &mut String) {
    if !list.is_empty() {
        list.push(',');
    }
}

/// Appends a token, its object left open.
fn push_token(out: &mut String, token: &str) {
    let [text, logprob, bytes] = raw::said_members(token, ["token", "logprob", "bytes"]);
    for (name, value) in [
        ("{\"token\":", text.unwrap_or("\"\"")),
        (",\"logprob\":", logprob.unwrap_or("0")),
        (",\"bytes\":", bytes.unwrap_or("[]")),
    ] {
        out.push_str(name);
        out.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_typed_clients_require_is_missing() {
        assert_eq!(
            annotation(r#"{"url":"u","start_index":3,"title":null}"#),
            r#"{"type":"url_citation","url":"u","title":"","start_index":3,"end_index":0}"#
        );
        let mut out = String::new();
        push_logprobs(&mut out, r#"[{"token":"a","logprob":-0.1,"bytes":null}]"#);
        push_logprobs(
            &mut out,
            r#"[{"token":"b","logprob":-1,"bytes":[98],"top_logprobs":[{"token":"b","logprob":-1},{"token":"c","logprob":-2}]}]"#,
        );
        assert_eq!(
            out,
            r#"{"token":"a","logprob":-0.1,"bytes":[],"top_logprobs":[]},{"token":"b","logprob":-1,"bytes":[98],"top_logprobs":[{"token":"b","logprob":-1,"bytes":[]},{"token":"c","logprob":-2,"bytes":[]}]}"#
        );
    }
}
