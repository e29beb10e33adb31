//! Where two transcripts part.

use super::notation::TITLE;

/// Lines shown of either side, and before them.
const SHOWN: usize = 12;
const BEFORE: usize = 3;

/// The first differing lines, with the section and the line in the file; `None` for equal texts.
pub fn first(expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let expected: Vec<&str> = expected.split('\n').collect();
    let actual: Vec<&str> = actual.split('\n').collect();
    let same = |(one, other): &(&&str, &&str)| one == other;
    let start = expected.iter().zip(&actual).take_while(same).count();
    let room = expected.len().min(actual.len()) - start;
    let behind = expected.iter().rev().zip(actual.iter().rev());
    let end = behind.take(room).take_while(same).count();

    let title = expected[..start]
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix(TITLE));
    let mut lines = vec![format!(
        "line {}, section {:?}:",
        start + 1,
        title.unwrap_or("before the first")
    )];
    let before = &expected[start.saturating_sub(BEFORE)..start];
    lines.extend(before.iter().map(|line| format!("  {line}")));
    lines.extend(side('-', &expected[start..expected.len() - end]));
    lines.extend(side('+', &actual[start..actual.len() - end]));
    Some(lines.join("\n"))
}

fn side(sign: char, lines: &[&str]) -> Vec<String> {
    let shown = lines.iter().take(SHOWN);
    let mut shown: Vec<String> = shown.map(|line| format!("{sign} {line}")).collect();
    if lines.len() > SHOWN {
        shown.push(format!("{sign} ... {} more lines", lines.len() - SHOWN));
    }
    shown
}

#[test]
fn the_first_difference_is_shown_with_its_place() {
    assert_eq!(first("a\nb", "a\nb"), None);
    assert_eq!(
        first("=== log\na\nb\nc\n", "=== log\na\nx\ny\nc\n").as_deref(),
        Some("line 3, section \"log\":\n  === log\n  a\n- b\n+ x\n+ y")
    );
    assert_eq!(
        first("a\n", "a\na\n").as_deref(),
        Some("line 2, section \"before the first\":\n  a\n+ a")
    );
}
