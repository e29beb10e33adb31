//! Where two transcripts part.

use super::notation::TITLE;

/// Lines shown of either side, and before them.
const SHOWN: usize = 12;
const BEFORE: usize = 3;

/// Characters shown of a long line, a part of them before the place where it parts from the other one.
const WIDTH: usize = 180;
const MARGIN: usize = 60;

/// The first differing lines, with the section and the line in the file; `None` for equal texts.
pub fn first(expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let expected: Vec<&str> = expected.split('\n').collect();
    let actual: Vec<&str> = actual.split('\n').collect();
    let start = common(expected.iter(), actual.iter());
    let room = expected.len().min(actual.len()) - start;
    let end = common(expected.iter().rev(), actual.iter().rev()).min(room);
    let (removed, added) = (
        &expected[start..expected.len() - end],
        &actual[start..actual.len() - end],
    );
    let at = match (removed, added) {
        ([one, ..], [other, ..]) => common(one.chars(), other.chars()),
        _ => 0,
    };

    let mut earlier = expected[..start].iter().rev();
    let title = earlier.find_map(|line| line.strip_prefix(TITLE));
    let mut lines = vec![format!(
        "line {}, section {:?}:",
        start + 1,
        title.unwrap_or("before the first")
    )];
    let before = &expected[start.saturating_sub(BEFORE)..start];
    lines.extend(before.iter().map(|line| format!("  {}", excerpt(line, 0))));
    lines.extend(side('-', removed, at));
    lines.extend(side('+', added, at));
    Some(lines.join("\n"))
}

/// How many items are the same at the beginning.
fn common<T: PartialEq>(one: impl Iterator<Item = T>, other: impl Iterator<Item = T>) -> usize {
    one.zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

/// Lines of one side; the first of them differs from that character on.
fn side(sign: char, lines: &[&str], at: usize) -> Vec<String> {
    let shown = lines.iter().take(SHOWN).enumerate();
    let mut shown: Vec<String> = shown
        .map(|(place, line)| {
            let at = if place == 0 { at } else { 0 };
            format!("{sign} {}", excerpt(line, at))
        })
        .collect();
    if lines.len() > SHOWN {
        shown.push(format!("{sign} ... {} more lines", lines.len() - SHOWN));
    }
    shown
}

fn excerpt(line: &str, at: usize) -> String {
    let length = line.chars().count();
    if length <= WIDTH {
        return line.to_owned();
    }
    let start = at.saturating_sub(MARGIN).min(length - WIDTH);
    let middle: String = line.chars().skip(start).take(WIDTH).collect();
    let before = if start > 0 { "..." } else { "" };
    let behind = if start + WIDTH < length { "..." } else { "" };
    format!("{before}{middle}{behind}")
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
    // Of long lines, the place where they part.
    let long = |end: &str| format!("{}{end}{}", "x".repeat(500), "y".repeat(500));
    let difference = first(&long("a"), &long("b")).unwrap();
    assert!(difference.len() < 450, "{difference}");
    assert!(
        difference.contains("xay") && difference.contains("xby"),
        "{difference}"
    );
}
