//! Pages of HTML where an error was expected: proxies, load balancers and challenge pages answer with them.

use memchr::memchr;

use crate::text;

/// The beginning of a text that is looked at (bytes).
const BEGINNING: usize = 1024;

/// The longest title that is shown (bytes).
const LONGEST_TITLE: usize = 200;

/// Whether a body is a page of HTML, by its beginning.
pub fn is_page(body: &str) -> bool {
    let beginning = text::cut(body.trim_start(), BEGINNING).to_ascii_lowercase();
    beginning.starts_with('<')
        && [
            "<!doctype html",
            "<html",
            "<head",
            "<body",
            "<title",
            "<center>",
            "<h1",
        ]
        .iter()
        .any(|mark| beginning.contains(mark))
}

/// The title of a page, else its first heading, else the beginning of its text, in a sentence that says that it is a page.
pub fn title_of(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = ["title", "h1", "h2"]
        .iter()
        .find_map(|tag| element(page, &lower, tag))
        .unwrap_or_else(|| without_tags(page));
    let title = text::cut(&title, LONGEST_TITLE);
    if title.is_empty() {
        "a page of HTML without a title".to_owned()
    } else {
        format!("a page of HTML: {title}")
    }
}

/// A text without HTML: a page in it is replaced by its title, single tags are taken out. A text without any stays.
pub fn without_markup(message: String) -> String {
    if memchr(b'<', message.as_bytes()).is_none() {
        return message;
    }
    let lower = message.to_ascii_lowercase();
    let page = ["<!doctype html", "<html", "<head>", "<body"]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min();
    if let Some((before, page)) = page.and_then(|at| message.split_at_checked(at)) {
        return format!("{}{}", without_tags_but_words(before), title_of(page));
    }
    let last = lower.rfind('>').unwrap_or(0);
    if TAGS.iter().any(|tag| has_tag(&lower, tag, last)) {
        without_tags(&message)
    } else {
        message
    }
}

/// Tags of HTML that appear in messages. Others, such as `<think>`, are words of models.
const TAGS: [&str; 24] = [
    "a", "p", "b", "i", "br", "br/", "hr", "hr/", "div", "span", "strong", "em", "h1", "h2", "h3",
    "pre", "code", "ul", "li", "table", "script", "style", "center", "title",
];

/// Whether a text has such a tag. `last` is where its last `>` stands.
fn has_tag(lower: &str, tag: &str, last: usize) -> bool {
    lower.match_indices(tag).any(|(at, _)| {
        let before = lower.get(..at).unwrap_or_default();
        let after = lower.get(at + tag.len()..).unwrap_or_default();
        at < last
            && (before.ends_with('<') || before.ends_with("</"))
            && after.starts_with(['>', ' ', '/', '\t', '\n'])
    })
}

fn without_tags_but_words(text: &str) -> String {
    if text.contains('<') {
        without_tags(text) + " "
    } else {
        text.to_owned()
    }
}

/// The text between the tags, blanks squeezed; the contents of scripts and styles are left out.
fn without_tags(markup: &str) -> String {
    let mut out = String::new();
    let mut rest = markup;
    while let Some((before, tag)) = rest.split_once('<') {
        push_words(&mut out, before);
        let (tag, after) = tag.split_once('>').unwrap_or((tag, ""));
        rest = after;
        for skipped in ["script", "style"] {
            if tag
                .get(..skipped.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(skipped))
            {
                rest = end_of_element(after, skipped);
            }
        }
    }
    push_words(&mut out, rest);
    out
}

/// The rest behind the end of an element; nothing where it never ends.
fn end_of_element<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("</") {
        if after
            .get(..name.len())
            .is_some_and(|end| end.eq_ignore_ascii_case(name))
        {
            return after.split_once('>').map_or("", |(_, after)| after);
        }
        rest = after;
    }
    ""
}

fn push_words(out: &mut String, text: &str) {
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        // `&lt;` stays: what it stands for would be a tag again.
        let word = word
            .replace("&nbsp;", " ")
            .replace("&amp;", "&")
            .replace("&quot;", "\"")
            .replace("&#39;", "'");
        out.push_str(&word);
    }
}

/// The words inside the first element of this name; `None` where there is none, or nothing in it.
fn element(page: &str, lower: &str, name: &str) -> Option<String> {
    let open = lower.find(&format!("<{name}"))?;
    let inside = open + lower.get(open..)?.find('>')? + 1;
    let end = inside + lower.get(inside..)?.find(&format!("</{name}"))?;
    Some(without_tags(page.get(inside..end)?)).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_texts_by_their_beginning() {
        for (body, expected) in [
            ("<!DOCTYPE html><html lang=\"en-US\"><head>", true),
            (
                "\r\n<html>\r\n<head><title>502 Bad Gateway</title></head>",
                true,
            ),
            ("<HTML><BODY>x", true),
            (
                "<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML\"><html>",
                true,
            ),
            (
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
                false,
            ),
            ("<think>html</think>", false),
            ("error: <html>", false),
            ("{\"a\":\"<html>\"}", false),
            ("", false),
        ] {
            assert_eq!(is_page(body), expected, "{body}");
        }
    }

    #[test]
    fn a_page_is_its_title() {
        for (page, title) in [
            (
                "<!DOCTYPE html><html><head><title>Just a moment...</title><style>*{margin:0}</style></head>",
                "a page of HTML: Just a moment...",
            ),
            (
                "<html><head><TITLE lang=en>\n Access &amp; Denied\n</TITLE></head>",
                "a page of HTML: Access & Denied",
            ),
            (
                "<html><h1>502 <b>Bad</b> Gateway</h1></html>",
                "a page of HTML: 502 Bad Gateway",
            ),
            (
                "<html><head><style>p{}</style><script>var a = '<p>';</script></head><body>Sorry, you\nhave been blocked",
                "a page of HTML: Sorry, you have been blocked",
            ),
            ("<html></html>", "a page of HTML without a title"),
            ("<html><title></title>", "a page of HTML without a title"),
        ] {
            assert_eq!(title_of(page), title, "{page}");
        }
        assert!(title_of(&format!("<html><title>{}</title>", "x".repeat(5000))).len() < 300);
    }

    #[test]
    fn no_message_holds_html() {
        for (message, expected) in [
            (
                "upstream said <html>\r\n<head><title>502 Bad Gateway</title></head></html>",
                "upstream said a page of HTML: 502 Bad Gateway",
            ),
            (
                "Quota exceeded, see <a href=\"https://x.example\">the docs</a>.<br/>Bye",
                "Quota exceeded, see the docs . Bye",
            ),
            (
                "the model said <think> and a < b > c",
                "the model said <think> and a < b > c",
            ),
            ("plain", "plain"),
        ] {
            assert_eq!(without_markup(message.to_owned()), expected);
        }
    }
}
