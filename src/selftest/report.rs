//! The report: a table for people, and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json as object};

use crate::show::{Show, Style};

use super::rows::{Failing, Row};
use super::run::{Outcome, Run};

/// The width of the first column and of a short cell (characters).
const TITLE: usize = 26;
const CELL: usize = 16;

/// The width from which the words of a row that failed stand beside it (columns).
const WIDE: usize = 120;

/// The report on a configuration.
pub struct Report {
    pub routes: Vec<RouteReport>,
}

impl Report {
    /// Whether every row of every route came out as the contract says.
    pub fn is_well(&self) -> bool {
        self.routes.iter().all(RouteReport::is_well)
    }
}

/// A row of a route where the first step fails, or all do.
pub struct Cell {
    pub row: &'static Row,
    pub failing: Failing,
    pub expected: String,
    pub is_well: bool,
    pub seen: String,
    pub advice: String,
}

impl Cell {
    pub fn new(run: &Run<'_>, outcome: &Outcome) -> Self {
        Self {
            row: run.row,
            failing: run.failing,
            expected: outcome.expected.words(),
            is_well: outcome.is_well,
            seen: outcome.seen.clone(),
            advice: outcome.advice.clone(),
        }
    }

    /// The words of a cell that failed.
    fn complaint(&self) -> String {
        let advice = match self.advice.as_str() {
            "" => String::new(),
            advice => format!(" ({advice})"),
        };
        let seen = self.seen.trim_end_matches('.');
        format!("{seen}; should be {}{advice}", self.expected)
    }
}

/// The report on a route.
pub struct RouteReport {
    pub name: String,
    pub endpoint: &'static str,
    pub steps: Vec<String>,
    /// The deviations from the configuration.
    pub notes: Vec<String>,
    pub advice: Vec<String>,
    pub cells: Vec<Cell>,
}

impl RouteReport {
    pub fn is_well(&self) -> bool {
        self.cells.iter().all(|cell| cell.is_well)
    }

    /// The two cells of each row.
    fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        self.cells.chunk_by(|one, other| one.row.id == other.row.id)
    }
}

/// The report for people, in lines of so many columns at most.
pub fn table(report: &Report, show: Show, columns: usize) -> String {
    let mut out = String::new();
    for route in &report.routes {
        let number = route.steps.len();
        let plural = if number == 1 { "" } else { "s" };
        let name = show.styled(Style::Heading, &route.name);
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(out, "{name}  {} of {number} step{plural}", route.endpoint);
        for (index, step) in route.steps.iter().enumerate() {
            push_wrapped(&mut out, &format!("  {}. ", index + 1), step, columns);
        }
        let head = format!("  {:TITLE$}{:CELL$}all steps", "", "the first step");
        let _ = writeln!(out, "\n{}", show.styled(Style::Aside, &head));
        for cells in route.rows() {
            push_row(&mut out, cells, show, columns);
        }
        for (title, lines) in [("Run with", &route.notes), ("Advice", &route.advice)] {
            if !lines.is_empty() {
                let _ = writeln!(out, "\n  {}", show.styled(Style::Heading, title));
            }
            for line in lines {
                push_wrapped(&mut out, "  - ", line, columns);
            }
        }
        out.push('\n');
    }
    let failed = report.routes.iter().flat_map(|route| &route.cells);
    let (failed, all) = failed.fold((0, 0), |(failed, all), cell| {
        (failed + usize::from(!cell.is_well), all + 1)
    });
    let (style, words) = match failed {
        0 => (Style::Good, format!("All {all} are as they should be.")),
        _ => (
            Style::Bad,
            format!("{failed} of {all} are not as they should be."),
        ),
    };
    let _ = writeln!(out, "{}", show.styled(style, &words));
    out
}

fn push_row(out: &mut String, cells: &[Cell], show: Show, columns: usize) {
    let Some(first) = cells.first() else { return };
    let title = first.row.title;
    let mut line = format!("  {title:TITLE$}");
    for cell in cells {
        let (style, word) = match cell.is_well {
            true => (Style::Good, "ok"),
            false => (Style::Bad, "FAILED"),
        };
        let blanks = " ".repeat(CELL.saturating_sub(word.len()));
        let _ = write!(line, "{}{blanks}", show.styled(style, word));
    }
    let mut complaints: Vec<(Option<Failing>, String)> = Vec::new();
    for cell in cells.iter().filter(|cell| !cell.is_well) {
        let complaint = cell.complaint();
        match complaints.iter_mut().find(|(_, other)| *other == complaint) {
            Some((failing, _)) => *failing = None,
            None => complaints.push((Some(cell.failing), complaint)),
        }
    }
    if let ([(_, complaint)], true) = (complaints.as_slice(), columns >= WIDE)
        && TITLE + 2 * CELL + 2 + complaint.chars().count() <= columns
    {
        let _ = writeln!(out, "{line}{complaint}");
        return;
    }
    let _ = writeln!(out, "{}", line.trim_end());
    for (failing, complaint) in complaints {
        let lead = match failing {
            Some(Failing::First) => "      first: ",
            Some(Failing::All) => "      all: ",
            None => "      both: ",
        };
        push_wrapped(out, lead, &complaint, columns);
    }
}

/// Adds words behind a lead, in as many lines as they take; the further ones are indented as deep.
fn push_wrapped(out: &mut String, lead: &str, words: &str, columns: usize) {
    let indent = " ".repeat(lead.chars().count());
    let (mut line, mut is_empty) = (lead.to_owned(), true);
    for word in words.split_whitespace() {
        let width = line.chars().count() + word.chars().count() + 1;
        if !is_empty && width > columns {
            let _ = writeln!(out, "{}", line.trim_end());
            line.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

/// The report in JSON. Members are only added.
pub fn json(report: &Report) -> String {
    let routes = report.routes.iter().map(|route| {
        let rows: Vec<Value> = route.cells.iter().map(cell).collect();
        object!({
            "route": route.name,
            "endpoint": route.endpoint,
            "steps": route.steps,
            "ok": route.is_well(),
            "rows": rows,
            "notes": route.notes,
            "advice": route.advice,
        })
    });
    let routes: Vec<Value> = routes.collect();
    let whole = object!({ "object": "selftest", "ok": report.is_well(), "routes": routes });
    format!("{whole}\n")
}

fn cell(cell: &Cell) -> Value {
    object!({
        "row": cell.row.id,
        "failing": cell.failing.name(),
        "ok": cell.is_well,
        "expected": cell.expected,
        "seen": cell.seen,
        "change": (!cell.advice.is_empty()).then_some(&cell.advice),
    })
}
