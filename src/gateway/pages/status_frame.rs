//! The frame of the status page: one file with its style and its script, and the policy that lets nothing else in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::gateway::shared_answer::Rendered;
use crate::http::ResponseHead;

/// The page (at most 60 KB). It holds no data and so needs no key.
const PAGE: &str = include_str!("status.html");

/// The page, under its policy: its own style and script run, by their hashes, and its script asks nobody but the gateway.
pub fn page() -> Rendered {
    let (style, script) = (hash("<style>", "</style>"), hash("<script>", "</script>"));
    let policy = format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let head = ResponseHead::new(200, "text/html; charset=utf-8")
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", policy)
        .with("Referrer-Policy", "no-referrer");
    Rendered::new(head, PAGE)
}

/// The source of what stands between two tags, as a policy names it (CSP level 3, section 2.3.1).
fn hash(begin: &str, end: &str) -> String {
    let inside = PAGE.split_once(begin);
    let inside = inside.and_then(|(_, rest)| rest.split_once(end));
    let inside = inside.map_or("", |(inside, _)| inside);
    let digest = digest(&SHA256, inside.as_bytes());
    format!("'sha256-{}'", STANDARD.encode(digest.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phones on slow lines, and a binary that is to stay small.
    #[test]
    fn the_page_is_small_and_needs_nobody_else() {
        assert!(PAGE.len() <= 60_000, "{} bytes", PAGE.len());
        for foreign in [
            "https:",
            " src=",
            "url(",
            "@import",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            " style=",
            " onclick",
        ] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
        let addresses = PAGE.matches("http:").count();
        assert_eq!(addresses, 1, "the name of SVG is the only one");
        for tag in ["<style>", "</style>", "<script>", "</script>"] {
            assert_eq!(PAGE.matches(tag).count(), 1, "{tag}");
        }
    }
}
