//! The end of a connection before its peer wanted it.

use std::io::Read;

use crate::dialect::error::Code;
use crate::json::raw;
use crate::text;

use super::endpoints::Answer;

/// The most that is read of a refusal (bytes).
const LONGEST_REFUSAL: u64 = 256 * 1024;

/// The reason why a connection ends.
#[derive(Debug)]
pub enum Fault {
    /// The peer has gone, is idle, or speaks something else.
    Gone,
    /// The peer is told in the event `error`.
    Told { text: String, code: String },
}

impl Fault {
    pub fn told(code: Code, text: impl Into<String>) -> Self {
        Self::Told {
            text: text.into(),
            code: code.label().to_owned(),
        }
    }

    /// A refusal of the gateway, in its words.
    pub fn of_refusal(answer: Answer) -> Self {
        let status = answer.status;
        let mut body = Vec::new();
        // As much as came is as good as all of it.
        let _ = answer.body.take(LONGEST_REFUSAL).read_to_end(&mut body);
        let body = String::from_utf8_lossy(&body);
        let error = raw::member(&body, "error").unwrap_or_default();
        let said = |name| raw::member(error, name).and_then(raw::text);
        let words = said("message").map(|words| text::for_people(&words).to_owned());
        let code = said("code").map(|code| code.into_owned());
        Self::Told {
            text: words.unwrap_or_else(|| format!("the gateway answered {status}")),
            code: code.unwrap_or_else(|| Code::RouteExecutionFailed.label().to_owned()),
        }
    }
}
