//! The output of the demo and the selftest for a person: JSON in lines, the routing summary as a table, colours on a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use crate::json::raw;

/// The longest value that stays in one line (characters, its indentation included).
const LINE: usize = 96;

/// The width of a terminal that does not say, and the least that tables are made for (columns).
const USUAL_COLUMNS: usize = 80;
const LEAST_COLUMNS: usize = 40;

/// The longest text in a cell of the table (characters).
const CELL: usize = 48;

/// A style of text, by its SGR parameter (ECMA-48 section 8.3.117).
#[derive(Clone, Copy)]
pub enum Style {
    Heading,
    Aside,
    Key,
    Text,
    Number,
    Good,
    Bad,
}

impl Style {
    fn parameter(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Aside => "2",
            Self::Key => "36",
            Self::Text | Self::Good => "32",
            Self::Number => "33",
            Self::Bad => "31",
        }
    }
}

/// The output, with or without colours.
#[derive(Clone, Copy)]
pub struct Show {
    coloured: bool,
}

/// The columns of the table of a `routing_summary`.
const HEADS: [&str; 6] = ["step", "provider", "model", "outcome", "took", "said"];

impl Show {
    /// Output with colours if a terminal reads it that can show them, and `NO_COLOR` (no-color.org) is not set.
    pub fn on_stdout() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let able = set("TERM").is_some_and(|terminal| terminal != "dumb");
        Self {
            coloured: able && set("NO_COLOR").is_none() && std::io::stdout().is_terminal(),
        }
    }

    /// Prints a text, behind the lines that the log holds. A reader that has gone is no failure.
    pub fn print(self, text: &str) {
        log::logger().flush();
        let _ = std::io::stdout().write_all(text.as_bytes());
    }

    /// The text in a style.
    pub fn styled(self, style: Style, text: &str) -> String {
        if self.coloured {
            format!("\x1b[{}m{text}\x1b[0m", style.parameter())
        } else {
            text.to_owned()
        }
    }

    /// A JSON text in lines that are indented by so many spaces; a value that is short stays in one.
    pub fn json(self, json: &str, indent: usize) -> String {
        let mut out = " ".repeat(indent);
        self.push_json(&mut out, json, indent, Some(LINE));
        out
    }

    /// A JSON text in one line.
    pub fn json_line(self, json: &str) -> String {
        let mut out = String::new();
        self.push_json(&mut out, json, 0, None);
        out
    }

    /// The steps of a `routing_summary` as a table; empty for what is none.
    pub fn summary(self, json: &str) -> String {
        let mut rows = vec![HEADS.map(str::to_owned)];
        let mut styles = vec![Style::Aside];
        let steps = raw::member(json, "steps").unwrap_or_default();
        // What is no list has no rows.
        let _ = raw::each_item(steps, &mut |step| {
            let (row, style) = row(styles.len(), step);
            rows.push(row);
            styles.push(style);
        });
        if rows.len() == 1 {
            return String::new();
        }
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        let mut out = String::new();
        for (row, style) in rows.iter().zip(styles) {
            let cells = row.iter().zip(widths);
            let line: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            let line = self.styled(style, line.join("  ").trim_end());
            // A String takes whatever is written, here and below.
            let _ = writeln!(out, "  {line}");
        }
        out
    }

    /// Adds a value; in one line if `longest` is `None` or the value fits into so many characters.
    fn push_json(self, out: &mut String, json: &str, indent: usize, longest: Option<usize>) {
        if !raw::is_object(json) && !raw::is_array(json) {
            let style = if json.starts_with('"') {
                Style::Text
            } else {
                Style::Number
            };
            out.push_str(&self.styled(style, json));
            return;
        }
        let longest = longest.filter(|longest| indent + json.len() > *longest);
        let Some(entries) = self.entries(json, indent + 2, longest) else {
            // `[DONE]`, for one.
            return out.push_str(json);
        };
        let (open, close) = if raw::is_object(json) {
            ('{', '}')
        } else {
            ('[', ']')
        };
        out.push(open);
        match longest {
            Some(_) if !entries.is_empty() => {
                let inner = " ".repeat(indent + 2);
                let entries = entries.join(&format!(",\n{inner}"));
                let _ = write!(out, "\n{inner}{entries}\n{}", " ".repeat(indent));
            }
            _ => out.push_str(&entries.join(", ")),
        }
        out.push(close);
    }

    /// The members or items; `None` if the text is no JSON.
    fn entries(self, json: &str, indent: usize, longest: Option<usize>) -> Option<Vec<String>> {
        let mut entries = Vec::new();
        let read = if raw::is_object(json) {
            raw::each_member(json, &mut |key, value| {
                let mut entry = format!("{}: ", self.styled(Style::Key, key));
                self.push_json(&mut entry, value, indent, longest);
                entries.push(entry);
            })
        } else {
            raw::each_item(json, &mut |item| {
                let mut entry = String::new();
                self.push_json(&mut entry, item, indent, longest);
                entries.push(entry);
            })
        };
        read.is_ok().then_some(entries)
    }
}

/// The cells of a step, and how they are shown.
fn row(number: usize, step: &str) -> ([String; 6], Style) {
    let text = |name| {
        let text = raw::member(step, name).and_then(raw::text);
        text.map(Cow::into_owned).unwrap_or_default()
    };
    let answered = raw::member(step, "success") == Some("true");
    let (outcome, style) = match raw::member(step, "status") {
        _ if answered => ("answered".to_owned(), Style::Good),
        None => (text("class"), Style::Bad),
        Some(status) => (format!("{} ({status})", text("class")), Style::Bad),
    };
    let took = raw::member(step, "duration_ms").unwrap_or_default();
    let cells = [
        number.to_string(),
        text("provider"),
        text("model"),
        outcome,
        format!("{took} ms"),
        shortened(&text("error")),
    ];
    (cells, style)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= CELL {
        return text.to_owned();
    }
    let kept: String = text.chars().take(CELL - 1).collect();
    format!("{}…", kept.trim_end())
}

/// The width of the terminal; 80 where there is none (columns).
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    match columns {
        0 => told().unwrap_or(USUAL_COLUMNS),
        columns => columns.max(LEAST_COLUMNS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Show = Show { coloured: false };

    #[test]
    fn long_values_stand_in_lines_and_short_ones_in_one() {
        let text =
            "a text that is so long that an object with two of them has no room in a single line";
        let json = format!(r#"{{"first":"{text}","second":[{{"a":1}},null],"third":{{}},"4":[]}}"#);
        let expected = format!(
            "  {{\n    \"first\": \"{text}\",\n    \"second\": [{{\"a\": 1}}, null],\n    \"third\": {{}},\n    \"4\": []\n  }}"
        );
        assert_eq!(PLAIN.json(&json, 2), expected);
        assert_eq!(
            PLAIN.json_line(r#"{"a":{"b":[1,"x, {y"]}}"#),
            r#"{"a": {"b": [1, "x, {y"]}}"#
        );
        assert_eq!(PLAIN.json_line("[DONE]"), "[DONE]");
    }

    #[test]
    fn the_columns_of_the_table_stand_below_each_other() {
        let json = r#"{"route_name":"demo","steps":[
            {"step_index":0,"provider":"limited","model":"m","success":false,"duration_ms":12,"error":"Rate limit reached. Please try again in two seconds, not before.","class":"rate_limited","status":429},
            {"step_index":1,"provider":"b","model":"echo-1","success":true,"duration_ms":0}]}"#;
        assert_eq!(
            PLAIN.summary(json),
            "  step  provider  model   outcome             took   said\n\
             \x20 1     limited   m       rate_limited (429)  12 ms  Rate limit reached. Please try again in two sec…\n\
             \x20 2     b         echo-1  answered            0 ms\n"
        );
        assert_eq!(PLAIN.summary("no JSON"), "");
    }

    #[test]
    fn colours_are_there_only_if_they_are_wanted() {
        let coloured = Show { coloured: true };
        assert_eq!(
            coloured.json_line(r#"{"a":1}"#),
            "{\x1b[36m\"a\"\x1b[0m: \x1b[33m1\x1b[0m}"
        );
        assert_eq!(PLAIN.json_line(r#"{"a":1}"#), r#"{"a": 1}"#);
    }
}
