//! A pass over a document, which collects its problems instead of stopping at the first.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::environment::Environment;
use super::errors::Problem;
use super::places;
use super::substitute::{self, Expanded};
use super::yaml_tree::{self, MappingEntry, Node};

/// The most problems that are shown: a file with more is no configuration, and each costs one more parse for its line.
const MOST_PROBLEMS: usize = 100;

/// The problems of a document, as far as it is read.
pub(super) struct Validation<'a> {
    pub environment: &'a dyn Environment,
    /// In the order of their nodes; those of the document itself come first.
    problems: RefCell<Vec<UnplacedProblem>>,
    missing: RefCell<BTreeSet<String>>,
}

/// A problem whose line is not known yet.
struct UnplacedProblem {
    node: Option<usize>,
    problem: Problem,
}

impl<'a> Validation<'a> {
    pub fn new(environment: &'a dyn Environment) -> Self {
        Self {
            environment,
            problems: RefCell::default(),
            missing: RefCell::default(),
        }
    }

    /// Adds a problem of a node. The message must hold no secret.
    pub fn report(&self, path: &NodePath, message: String) {
        let problem = Problem {
            path: path.text.clone(),
            message,
            ..Problem::default()
        };
        let mut problems = self.problems.borrow_mut();
        let place = problems.partition_point(|known| known.node <= path.node);
        let node = path.node;
        problems.insert(place, UnplacedProblem { node, problem });
    }

    /// A scalar with its references replaced; `None` when one cannot be, which is reported.
    pub fn expand(&self, path: &NodePath, scalar: &str) -> Option<Expanded> {
        let expanded = substitute::expand(scalar, self.environment);
        expanded
            .map_err(|error| {
                self.missing.borrow_mut().extend(error.missing);
                error
                    .problems
                    .into_iter()
                    .for_each(|message| self.report(path, message));
            })
            .ok()
    }

    /// All problems in the order of their lines; those without a line come first. `note` stands behind the variables that
    /// are missing.
    pub fn into_problems(self, text: &str, document: &[MappingEntry], note: &str) -> Vec<Problem> {
        let found = self.problems.into_inner();
        let surplus = found.len().saturating_sub(MOST_PROBLEMS);
        let without_line = |message| Problem {
            message,
            ..Problem::default()
        };
        let mut problems = Vec::new();
        let missing: Vec<String> = self.missing.into_inner().into_iter().collect();
        if !missing.is_empty() {
            problems.push(without_line(format!(
                "missing environment variables: {}{note}",
                missing.join(", ")
            )));
        }
        let shown = found.into_iter().take(MOST_PROBLEMS);
        problems.extend(shown.map(|UnplacedProblem { node, problem }| Problem {
            line: node.and_then(|node| yaml_tree::line_of(text, node)),
            place: places::in_words(document, &problem.path),
            ..problem
        }));
        if surplus > 0 {
            problems.push(without_line(format!("and {surplus} more problems")));
        }
        problems
    }
}

/// The way to a node from the top of the document.
#[derive(Clone, Default)]
pub(super) struct NodePath {
    /// The path as `routes[1].steps[0].provider`; empty for the document itself.
    text: String,
    /// [`Node::id`]; `None` for the document itself.
    node: Option<usize>,
}

impl NodePath {
    #[cfg(test)]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn key(&self, key: &str, node: &Node) -> Self {
        let key = shown_key(key);
        let text = if self.text.is_empty() {
            key
        } else {
            format!("{}.{key}", self.text)
        };
        Self {
            text,
            node: Some(node.id),
        }
    }

    pub fn element(&self, index: usize, node: &Node) -> Self {
        Self {
            text: format!("{}[{index}]", self.text),
            node: Some(node.id),
        }
    }
}

/// A key in a message: on one line and not longer than a key of ours could be.
fn shown_key(key: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    substitute::unprotect(key)
        .chars()
        .take(60)
        .map(visible)
        .collect()
}
