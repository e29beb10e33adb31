//! The members of an error's body, at any depth: the names of what went wrong, and the waits.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::{memchr2, memrchr2};

use super::waits::{TimeUnit, Wait, parse_wait};
use crate::json::raw;
use crate::word_index::WordIndex;

/// Objects and arrays inside each other, at most; deeper ones are not read.
const DEEPEST: usize = 12;

/// Texts that hold JSON, inside each other, at most: a gateway behind a gateway behind a gateway.
pub const MOST_UNWRAPPED: usize = 3;

/// Members read, at most.
const MOST_MEMBERS: usize = 512;

/// The longest text that is looked into (bytes, with its escapes).
const LONGEST_TEXT: usize = 256 * 1024;

/// Names kept, at most, and the longest one (bytes).
const MOST_NAMES: usize = 16;
const LONGEST_NAME: usize = 128;

/// The members of an error that mean something wherever they stand.
#[derive(Debug, Default)]
pub struct ErrorMembers {
    /// The texts and numbers of all `code`, `type`, `status`, `reason` and the like.
    pub names: Vec<String>,
    /// The wait of a member that is spelled like a retry, else like a reset.
    pub wait: Option<Wait>,
}

impl ErrorMembers {
    /// Reads a JSON value. What is no JSON holds no members.
    pub fn of(json: &str) -> Self {
        let mut reading = Collected::default();
        reading.value(json, 0, 0);
        Self {
            names: reading.names,
            wait: reading.retry.or(reading.reset),
        }
    }
}

#[derive(Default)]
struct Collected {
    names: Vec<String>,
    retry: Option<Wait>,
    reset: Option<Wait>,
    members: usize,
}

impl Collected {
    fn value(&mut self, json: &str, depth: usize, unwrapped: usize) {
        if depth > DEEPEST || self.members > MOST_MEMBERS {
            return;
        }
        if raw::is_object(json) {
            let _ = raw::each_member(json, &mut |key, value| {
                self.members += 1;
                self.member(key, value);
                self.value(value, depth + 1, unwrapped);
            });
        } else if raw::is_array(json) {
            let _ = raw::each_item(json, &mut |item| {
                self.members += 1;
                self.value(item, depth + 1, unwrapped);
            });
        } else if unwrapped < MOST_UNWRAPPED
            && json.len() <= LONGEST_TEXT
            && let Some(text) = raw::text(json)
            && let Some(inner) = json_in(&text)
        {
            self.value(inner, depth + 1, unwrapped + 1);
        }
    }

    fn member(&mut self, raw_key: &str, value: &str) {
        if self.members > MOST_MEMBERS {
            return;
        }
        let key = plain(raw_key);
        if NAMES.contains(&&*key) {
            self.name(value);
        } else if SINGLE_WORDS.contains(&&*key) {
            let is_single = !raw::is_object(value) && !value.contains(char::is_whitespace);
            if is_single {
                self.name(value);
            }
        } else if WAITS.keys_in([&*key]).next().is_some() && !key.contains("count") {
            let is_retry = RETRIES.iter().any(|retry| key.contains(retry));
            let told = if is_retry {
                &mut self.retry
            } else {
                &mut self.reset
            };
            *told = told.or_else(|| wait_of(&key, value));
        }
    }

    fn name(&mut self, value: &str) {
        if value.len() > LONGEST_TEXT {
            return;
        }
        let name = match raw::text(value) {
            Some(text) => text,
            None if value.parse::<f64>().is_ok() => Cow::Borrowed(value),
            None => return,
        };
        // Google's `@type` is the address of a schema, other addresses are of pages about the error.
        let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains('/');
        if is_name
            && self.names.len() < MOST_NAMES
            && !self.names.iter().any(|known| *known == name)
        {
            self.names.push(name.into_owned());
        }
    }
}

/// Members that name what went wrong, their names in lower case and without `_` and the like.
const NAMES: [&str; 14] = [
    "code",
    "quotaid",
    "type",
    "status",
    "reason",
    "errorcode",
    "errortype",
    "errcode",
    "statuscode",
    "httpcode",
    "errorname",
    "errorstatus",
    "errorkind",
    "kind",
];

/// Members that name it where they hold a single word, and are prose elsewhere.
const SINGLE_WORDS: [&str; 3] = ["error", "name", "title"];

/// Members that tell a wait: Google's `retryDelay`, `retry_after_seconds`, Hugging Face's `estimated_time` until a model is
/// loaded, LiteLLM's `cooldown_time`.
const RETRIES: [&str; 12] = [
    "retryat",
    "tryagain",
    "availablein",
    "availableat",
    "retryafter",
    "retrydelay",
    "retryin",
    "waitseconds",
    "waittime",
    "secondstowait",
    "estimatedtime",
    "cooldowntime",
];

/// The spellings of members that tell a wait.
static WAITS: LazyLock<WordIndex<()>> = LazyLock::new(|| {
    let words = RETRIES.into_iter().chain(["reset"]);
    WordIndex::of(words.map(|word| ((), word)))
});

/// A text, a number, or protobuf's `{"seconds": 39}`.
fn wait_of(key: &str, value: &str) -> Option<Wait> {
    if raw::is_object(value) {
        return wait_of("seconds", raw::member(value, "seconds")?);
    }
    let text = raw::text(value).unwrap_or(Cow::Borrowed(value));
    // One that makes no sense must not hide one that does.
    parse_wait(&text, TimeUnit::of_name(key)).filter(|wait| wait.is_sane())
}

/// A key without its quotes, in lower case, letters and digits only, as most are spelled anyway.
fn plain(raw_key: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if let Some(key) = raw::inside(raw_key)
        && key.len() < LONGEST_NAME
        && key.bytes().all(is_plain)
    {
        return Cow::Borrowed(key);
    }
    let mut plain = String::with_capacity(raw_key.len().min(LONGEST_NAME));
    let key = raw_key.chars().take(LONGEST_NAME);
    let key = key.filter(char::is_ascii_alphanumeric);
    plain.extend(key.map(|c| c.to_ascii_lowercase()));
    Cow::Owned(plain)
}

/// The object or array in a text that begins with one, or ends with one behind a few words, as
/// `litellm.RateLimitError: ... - {"error": ...}`; `None` for a text without braces.
pub fn json_in(text: &str) -> Option<&str> {
    let start = memchr2(b'{', b'[', text.as_bytes())?;
    let end = memrchr2(b'}', b']', text.as_bytes())?;
    let inner = text.get(start..=end)?;
    // A list of a few words in brackets is no JSON, and an object has a key.
    let second = inner.get(1..)?.trim_start();
    let is_json = match inner.as_bytes().first()? {
        b'{' => second.starts_with('"'),
        _ => second.starts_with('{'),
    };
    is_json.then_some(inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn waits_are_found_wherever_they_stand() {
        let span = |milliseconds| Some(Wait::Span(Duration::from_millis(milliseconds)));
        for (source, body, wait) in [
            (
                "Google AI Studio",
                r#"[{"error":{"code":429,"details":[{"@type":"x/google.rpc.Help"},{"@type":"x/google.rpc.RetryInfo","retryDelay":"45.837906927s"}]}}]"#,
                Some(Wait::Span(Duration::from_nanos(45_837_906_927))),
            ),
            (
                "protobuf's Duration as an object",
                r#"{"error":{"details":[{"retryDelay":{"seconds":"39","nanos":5}}]}}"#,
                span(39_000),
            ),
            (
                "OpenRouter, metadata.headers",
                r#"{"error":{"code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1790000040000"}}}}"#,
                Some(Wait::Until(UNIX_EPOCH + Duration::from_secs(1_790_000_040))),
            ),
            (
                "Hugging Face, a model that is loading",
                r#"{"error":"Model x is currently loading","estimated_time":20.5}"#,
                span(20_500),
            ),
            (
                "ChatGPT's backend",
                r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":1234,"plan_type":"plus"}}"#,
                span(1_234_000),
            ),
            (
                "Discord's form",
                r#"{"message":"slow","retry_after":1.5,"global":false}"#,
                span(1_500),
            ),
            ("in milliseconds", r#"{"retryAfterMs":2500}"#, span(2_500)),
            (
                "a point in time",
                r#"{"error":{"reset_at":"2026-09-21T14:13:30Z"}}"#,
                Some(Wait::Until(UNIX_EPOCH + Duration::from_secs(1_790_000_010))),
            ),
            (
                "LiteLLM around Google: JSON inside a text",
                r#"{"error":{"message":"litellm.RateLimitError: VertexAIException - {\n \"error\": {\"details\": [{\"retryDelay\": \"33s\"}]}}"}}"#,
                span(33_000),
            ),
            (
                "a retry before a reset",
                r#"{"reset":"9s","retry_after":3}"#,
                span(3_000),
            ),
            (
                "no wait",
                r#"{"retry_after":null,"reset":true,"retry_count":3}"#,
                None,
            ),
            (
                "LiteLLM's budget",
                r#"{"error":{"retry_after":0,"next_available_in":"00:00:40"}}"#,
                span(40_000),
            ),
            ("negative", r#"{"retry_after":-5}"#, None),
            ("prose", r#"{"retry_after":"soon"}"#, None),
            ("no JSON", "retry_after", None),
        ] {
            assert_eq!(ErrorMembers::of(body).wait, wait, "{source}");
        }
    }

    #[test]
    fn names_are_collected_wherever_they_stand() {
        let body = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","reason":"API_KEY_INVALID"}],"metadata":{"raw":"{\"type\":\"insufficient_quota\"}"}}}"#;
        assert_eq!(
            ErrorMembers::of(body).names,
            [
                "400",
                "INVALID_ARGUMENT",
                "API_KEY_INVALID",
                "insufficient_quota"
            ]
        );
    }

    #[test]
    fn what_is_read_is_bounded() {
        let deep = format!("{}{}", r#"{"code":"c","a":"#.repeat(500), "1") + &"}".repeat(500);
        assert_eq!(ErrorMembers::of(&deep).names, ["c"]);
        let wide: Vec<String> = (0..5000).map(|n| format!(r#"{{"code":{n}}}"#)).collect();
        let wide = format!("[{}]", wide.join(","));
        assert_eq!(ErrorMembers::of(&wide).names.len(), MOST_NAMES);
    }
}
