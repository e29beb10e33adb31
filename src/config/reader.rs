//! Typed access to a document: each value knows its place, problems are collected, keys not asked for are unknown.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::document::{self, Entries, Entry, Kind, Node};
use super::environment::Environment;
use super::errors::Problem;
use super::substitute;
use super::suggest::did_you_mean;

/// A file with more problems is no configuration. Every problem's line costs one more parse.
const MOST_PROBLEMS: usize = 100;

/// One pass over a document.
pub(super) struct Reading<'a> {
    environment: &'a dyn Environment,
    problems: RefCell<Vec<Found>>,
    missing: RefCell<BTreeSet<String>>,
}

/// A problem whose line is not known yet.
struct Found {
    node: Option<usize>,
    problem: Problem,
}

impl<'a> Reading<'a> {
    pub fn new(environment: &'a dyn Environment) -> Self {
        Self {
            environment,
            problems: RefCell::default(),
            missing: RefCell::default(),
        }
    }

    pub fn environment(&self) -> &'a dyn Environment {
        self.environment
    }

    /// The whole document.
    pub fn table<'r>(&'r self, entries: &'r Entries) -> Table<'r> {
        Table::new(
            self,
            Place {
                path: String::new(),
                node: None,
            },
            entries,
        )
    }

    /// Everything that was wrong, in the order of the lines; what has no line comes first.
    pub fn into_problems(self, text: &str) -> Vec<Problem> {
        let mut found = self.problems.into_inner();
        found.sort_by_key(|found| found.node);
        let surplus = found.len().saturating_sub(MOST_PROBLEMS);
        let without_line = |message| Problem {
            path: String::new(),
            line: None,
            message,
        };
        let mut problems = Vec::new();
        let missing: Vec<String> = self.missing.into_inner().into_iter().collect();
        if !missing.is_empty() {
            problems.push(without_line(format!(
                "missing environment variables: {}",
                missing.join(", ")
            )));
        }
        problems.extend(
            found
                .into_iter()
                .take(MOST_PROBLEMS)
                .map(|Found { node, problem }| Problem {
                    line: node.and_then(|node| document::line_of(text, node)),
                    ..problem
                }),
        );
        if surplus > 0 {
            problems.push(without_line(format!("and {surplus} more problems")));
        }
        problems
    }

    fn report(&self, place: &Place, message: String) {
        let problem = Problem {
            path: place.path.clone(),
            line: None,
            message,
        };
        self.problems.borrow_mut().push(Found {
            node: place.node,
            problem,
        });
    }
}

#[derive(Clone)]
struct Place {
    path: String,
    /// [`Node::id`]; `None` for the document itself.
    node: Option<usize>,
}

impl Place {
    fn key(&self, key: &str, node: &Node) -> Self {
        let key = shown_key(key);
        let path = if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            path,
            node: Some(node.id),
        }
    }

    fn element(&self, index: usize, node: &Node) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
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

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Value<'r> {
    reading: &'r Reading<'r>,
    place: Place,
    node: &'r Node,
}

/// A scalar with its references replaced.
pub(super) struct Text {
    pub content: String,
    /// It came from outside the file, so messages must not show it.
    pub substituted: bool,
}

impl Text {
    /// For messages about values that are no secrets when they stand in the file.
    pub fn quoted(&self) -> String {
        if self.substituted {
            return "what the reference stands for".to_owned();
        }
        let mut shown: String = self.content.chars().take(60).collect();
        if shown.len() < self.content.len() {
            shown.push('…');
        }
        format!("{shown:?}")
    }
}

impl<'r> Value<'r> {
    /// Adds a problem at this place. The message must hold no secret.
    pub fn report(&self, message: impl Into<String>) {
        self.reading.report(&self.place, message.into());
    }

    /// The scalar, which may be empty. `None` when it cannot be had, which is then reported.
    pub fn text(&self) -> Option<Text> {
        let Kind::Scalar(spelled) = &self.node.kind else {
            self.report(format!("must be a single value, not {}", self.form()));
            return None;
        };
        match substitute::expand(spelled, self.reading.environment) {
            Ok(expanded) => Some(Text {
                content: expanded.text,
                substituted: expanded.substituted,
            }),
            Err(failure) => {
                self.reading.missing.borrow_mut().extend(failure.missing);
                failure
                    .problems
                    .into_iter()
                    .for_each(|message| self.report(message));
                None
            }
        }
    }

    /// The scalar; an empty one counts as absent, which lets `${VAR:-}` leave an option unset.
    pub fn filled(&self) -> Option<Text> {
        self.text().filter(|text| !text.content.is_empty())
    }

    pub fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::List(_))
    }

    /// The elements. `None` when this is no list, which is then reported.
    pub fn list(&self) -> Option<Vec<Self>> {
        let Kind::List(nodes) = &self.node.kind else {
            self.report(format!("must be a list, not {}", self.form()));
            return None;
        };
        let element = |(index, node)| Self {
            place: self.place.element(index, node),
            node,
            ..*self
        };
        Some(nodes.iter().enumerate().map(element).collect())
    }

    /// The entries. `None` when this is no mapping, which is then reported.
    pub fn table(&self) -> Option<Table<'r>> {
        let Kind::Map(entries) = &self.node.kind else {
            self.report(format!(
                "must be a mapping of keys to values, not {}",
                self.form()
            ));
            return None;
        };
        Some(Table::new(self.reading, self.place.clone(), entries))
    }

    fn form(&self) -> &'static str {
        match self.node.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Tagged => "a value with a YAML tag (`!`)",
        }
    }
}

/// A mapping with its merge keys resolved.
pub(super) struct Table<'r> {
    reading: &'r Reading<'r>,
    place: Place,
    entries: Vec<Field<'r>>,
    known: RefCell<Vec<&'static str>>,
}

struct Field<'r> {
    key: &'r str,
    node: &'r Node,
    /// Came in with `<<`, so anything written in the mapping itself goes first.
    merged: bool,
}

impl Field<'_> {
    fn is_present(&self) -> bool {
        !matches!(self.node.kind, Kind::Null)
    }
}

impl<'r> Table<'r> {
    fn new(reading: &'r Reading<'r>, place: Place, entries: &'r [Entry]) -> Self {
        let table = Self {
            reading,
            place,
            entries: Vec::new(),
            known: RefCell::default(),
        };
        let mut fields = Vec::new();
        table.collect(entries, false, &mut fields);
        Self {
            entries: fields,
            ..table
        }
    }

    pub fn environment(&self) -> &'r dyn Environment {
        self.reading.environment()
    }

    /// Adds a problem at the mapping itself.
    pub fn report(&self, message: impl Into<String>) {
        self.reading.report(&self.place, message.into());
    }

    /// The value of a key; nothing (`key:`) and `null` count as absent.
    pub fn get(&self, key: &'static str) -> Option<Value<'r>> {
        self.field(key).map(|(value, _)| value)
    }

    /// The value under either of two names for the same thing. Both at once are reported.
    pub fn get_either(&self, name: &'static str, alias: &'static str) -> Option<Value<'r>> {
        match (self.field(name), self.field(alias)) {
            (Some((value, false)), Some((_, true))) | (Some((_, true)), Some((value, false))) => {
                Some(value)
            }
            (Some((value, _)), Some(_)) => {
                value.report(format!(
                    "{name} and {alias} are two names for one setting: keep one"
                ));
                Some(value)
            }
            (found, other) => found.or(other).map(|(value, _)| value),
        }
    }

    /// A text that must be there and must not be empty. `None` has been reported.
    pub fn required(&self, key: &'static str) -> Option<(Value<'r>, Text)> {
        let Some(value) = self.get(key) else {
            self.report(format!("{key} is missing"));
            return None;
        };
        let text = value.text()?;
        if text.content.is_empty() {
            value.report("is empty");
            return None;
        }
        Some((value, text))
    }

    /// The elements of a list that must be there and hold something. Nothing has been reported.
    pub fn required_list(&self, key: &'static str) -> Vec<Value<'r>> {
        let Some(value) = self.get(key) else {
            self.report(format!("{key} is missing: at least one is needed"));
            return Vec::new();
        };
        let elements = value.list().unwrap_or_default();
        if elements.is_empty() && value.is_list() {
            value.report("is empty: at least one is needed");
        }
        elements
    }

    /// All keys that have a value, for a mapping whose keys are free.
    pub fn into_values(self) -> Vec<(String, Value<'r>)> {
        let present = self.entries.iter().filter(|field| field.is_present());
        present
            .map(|field| (substitute::unprotect(field.key), self.value(field)))
            .collect()
    }

    /// Reports every key that was not asked for. `ignored` tells which ones may be there all the same.
    pub fn finish(self, ignored: impl Fn(&str) -> bool) {
        let known = self.known.borrow();
        for field in &self.entries {
            if !known.contains(&field.key) && !ignored(field.key) {
                let suggestion = did_you_mean(field.key, known.iter().copied());
                self.value(field).report(format!("unknown key{suggestion}"));
            }
        }
    }

    fn field(&self, key: &'static str) -> Option<(Value<'r>, bool)> {
        self.known.borrow_mut().push(key);
        let field = self.entries.iter().find(|field| field.key == key)?;
        field
            .is_present()
            .then(|| (self.value(field), field.merged))
    }

    fn value(&self, field: &Field<'r>) -> Value<'r> {
        Value {
            reading: self.reading,
            place: self.place.key(field.key, field.node),
            node: field.node,
        }
    }

    /// Adds `entries` and what they merge; what is already there wins.
    fn collect(&self, entries: &'r [Entry], merged: bool, fields: &mut Vec<Field<'r>>) {
        let mut own = BTreeSet::new();
        for Entry { key, node } in entries.iter().filter(|entry| entry.key != "<<") {
            let first = own.insert(key.as_str());
            if !first {
                self.reading
                    .report(&self.place.key(key, node), "is given twice".to_owned());
            } else if !merged || fields.iter().all(|field| field.key != key) {
                fields.push(Field { key, node, merged });
            }
        }
        for Entry { key, node } in entries.iter().filter(|entry| entry.key == "<<") {
            match &node.kind {
                Kind::Map(entries) => self.collect(entries, true, fields),
                Kind::List(nodes) => nodes.iter().for_each(|node| self.merge(node, key, fields)),
                _ => self.merge(node, key, fields),
            }
        }
    }

    fn merge(&self, node: &'r Node, key: &str, fields: &mut Vec<Field<'r>>) {
        match &node.kind {
            Kind::Map(entries) => self.collect(entries, true, fields),
            _ => self.reading.report(
                &self.place.key(key, node),
                "must name a mapping, or a list of them".to_owned(),
            ),
        }
    }
}
