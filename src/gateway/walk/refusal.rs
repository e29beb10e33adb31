//! Refusals: answers whose status is no success, with the provider's own words.

use std::time::Instant;

use crate::dialect::provider_error::{ProviderError, error_of, refusal_of};
use crate::routing::Failure;
use crate::text::cut;
use crate::upstream::{Body, CallError, Head};

use super::failure::{failure_of, failure_of_error};

/// Bytes of a refusal that are read; providers' error bodies are a few hundred.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// Bytes of a refusal that are read at once.
const AT_ONCE: usize = 2048;

/// Bytes of the words that stand beside the URL that was called.
const LONGEST_WORDS: usize = 160;

/// The failure behind an answer with a status that is no success, and its body. `url` is the one that was called, `advice`
/// what may help where the provider does not have it; none for the usual advice.
pub fn refusal(
    head: &Head,
    mut body: Box<Body>,
    deadline: Instant,
    url: impl Fn() -> String,
    advice: Option<&str>,
) -> (Failure, String) {
    let body = match beginning(&mut body, deadline) {
        Ok(body) => body,
        Err(cancelled) => return (failure_of(&cancelled), String::new()),
    };
    let text = String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let mut said = refusal_of(&text);
    if said.message.trim().is_empty() {
        said.message = without_words(head);
    }
    if let (404 | 405 | 501, Some(advice)) = (head.status, advice) {
        said.message = format!(
            "{} for {}: {advice} It said: {}",
            head.status,
            url(),
            cut(&said.message, LONGEST_WORDS)
        );
    } else if matches!(head.status, 404 | 405) && is_no_word_of_an_api(&text) {
        said.message = format!(
            "{} for {}: is base_url right? It said: {}",
            head.status,
            url(),
            cut(&said.message, LONGEST_WORDS)
        );
    }
    (failure_of_error(head, said), text)
}

/// Whether a 404 comes from something that knows nothing of the path: no JSON error, or the one of a web framework.
fn is_no_word_of_an_api(text: &str) -> bool {
    const OF_FRAMEWORKS: [&str; 5] = [
        "not found",
        "file not found",
        "method not allowed",
        "resource not found",
        "404 page not found",
    ];
    let is_of_a_framework = |said: &ProviderError| {
        OF_FRAMEWORKS
            .iter()
            .any(|words| said.message.eq_ignore_ascii_case(words))
    };
    error_of(text).is_none_or(|said| is_of_a_framework(&said))
}

/// The message of a refusal that says nothing. What is cut stands at its end, where a key that was cut is masked.
fn without_words(head: &Head) -> String {
    match head.header("location") {
        Some(place) => format!(
            "the provider answered {}, a redirect that is not followed: {}",
            head.status,
            cut(place, LONGEST_WORDS)
        ),
        None => format!("the provider answered {} without a word", head.status),
    }
}

/// The beginning of a refusal's body. Its status says enough when the body breaks off, or is too long.
///
/// # Errors
/// The client left.
fn beginning(body: &mut Body, deadline: Instant) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    let announced = body.announced().map_or(usize::MAX, |bytes| bytes as usize);
    let longest = announced.min(LONGEST_REFUSAL);
    while bytes.len() < longest {
        let room = (longest - bytes.len()).min(AT_ONCE);
        match body.read_behind(&mut bytes, room, deadline) {
            Ok(true) => {}
            Ok(false) => break,
            Err(CallError::Cancelled) => return Err(CallError::Cancelled),
            Err(_) => break,
        }
    }
    Ok(bytes)
}
