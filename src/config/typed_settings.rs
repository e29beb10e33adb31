//! Settings with a type: durations, sizes, counts, switches, choices.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::{self, Wrong};
use super::section::{Section, Setting, Text};
use super::size;
use super::suggest::did_you_mean;

/// The longest duration of any setting: more is a typing error, such as `s` for `ms`.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Setting<'_> {
    /// A duration above zero (at most 24 h); `None` when empty or wrong, and the latter is reported, here and below.
    pub fn timeout(&self) -> Option<Duration> {
        let (text, duration) = self.any_duration()?;
        if duration.is_zero() {
            self.report(format!("{} is not above zero", text.quoted()));
            return None;
        }
        Some(duration)
    }

    /// A duration that may be zero (at most 24 h).
    pub fn duration(&self) -> Option<Duration> {
        self.any_duration().map(|(_, duration)| duration)
    }

    /// A size (bytes).
    pub fn size(&self, range: &RangeInclusive<usize>) -> Option<usize> {
        let text = self.filled()?;
        let size = size::parse(&text.content);
        if size.is_none() {
            self.report(format!(
                "{} is no size such as `32MiB`, `10MB` or `1048576`",
                text.quoted()
            ));
        }
        self.within(size?, range, &text)
    }

    /// A whole number.
    pub fn count(&self, range: &RangeInclusive<usize>) -> Option<usize> {
        let text = self.filled()?;
        let count = parse_count(&text.content);
        if count.is_none() {
            self.report(format!("{} is no whole number", text.quoted()));
        }
        self.within(count?, range, &text)
    }

    /// A boolean as YAML 1.1 spells it, which the Go gateway's parser read.
    pub fn flag(&self) -> Option<bool> {
        let text = self.filled()?;
        match text.content.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => {
                self.report(format!("{} is neither true nor false", text.quoted()));
                None
            }
        }
    }

    /// The option behind a word, of a few.
    pub fn choice<T: Copy>(&self, options: &[(&str, T)]) -> Option<T> {
        let text = self.filled()?;
        let chosen = options.iter().find(|(word, _)| *word == text.content);
        if chosen.is_none() {
            let words: Vec<&str> = options.iter().map(|(word, _)| *word).collect();
            let suggestion = did_you_mean(&text.content, words.iter().copied());
            let listed = words.join(" or ");
            self.report(format!("{} is not {listed}{suggestion}", text.quoted()));
        }
        chosen.map(|(_, value)| *value)
    }

    /// Whether a text is free of control characters, for names that appear in headers and logs.
    pub fn is_printable(&self, text: &Text) -> bool {
        let printable = !text.content.chars().any(char::is_control);
        if !printable {
            self.report("holds a line break or another control character");
        }
        printable
    }

    fn any_duration(&self) -> Option<(Text, Duration)> {
        let text = self.filled()?;
        let reason = match duration::parse(&text.content) {
            Ok(duration) if duration <= LONGEST => return Some((text, duration)),
            Ok(_) | Err(Wrong::TooLong) => "is longer than 24h".to_owned(),
            Err(Wrong::Form) => {
                "is no duration such as `30s`, `1m30s`, `1.5h` or `250ms`".to_owned()
            }
            Err(Wrong::NoUnit) if text.substituted => {
                "has no unit: write `30s` for thirty seconds".to_owned()
            }
            Err(Wrong::NoUnit) => format!("has no unit: write `{}s` for seconds", text.content),
        };
        self.report(format!("{} {reason}", text.quoted()));
        None
    }

    fn within(&self, number: usize, range: &RangeInclusive<usize>, text: &Text) -> Option<usize> {
        if range.contains(&number) {
            return Some(number);
        }
        self.report(format!(
            "{} is not between {} and {}",
            text.quoted(),
            range.start(),
            range.end()
        ));
        None
    }
}

impl Section<'_> {
    /// The `name` of one of several `kind` (in the plural); it must be there and differ from the others.
    pub fn unique_name(&self, kind: &str, is_taken: impl Fn(&str) -> bool) -> Option<String> {
        let (value, name) = self.required("name")?;
        if !value.is_printable(&name) {
            return None;
        }
        if is_taken(&name.content) {
            value.report(format!("{} is the name of two {kind}", name.quoted()));
        }
        Some(name.content)
    }
}

/// A number of digits only, as `from_str` would take `+1` too; `None` for any other text.
pub(super) fn parse_count(text: &str) -> Option<usize> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}
