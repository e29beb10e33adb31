//! Sections and settings: access to the tree of a document, in which keys not asked for are unknown.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::environment::Environment;
use super::substitute;
use super::suggest::did_you_mean;
use super::validation::{NodePath, Validation};
use super::yaml_tree::{MappingEntry, Node, NodeShape};
use super::{invisible, keys};

/// A setting: a value of the document, and its path.
#[derive(Clone)]
pub(super) struct Setting<'r> {
    validation: &'r Validation<'r>,
    path: NodePath,
    node: &'r Node,
}

/// A scalar with its references replaced.
pub(super) struct Text {
    pub content: String,
    /// A part of the text came from outside the file, so messages must not show it.
    pub substituted: bool,
}

impl Text {
    /// The text in quotes, for messages about values that are no secrets when they stand in the file.
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

impl<'r> Setting<'r> {
    /// Adds a problem of this setting. The message must hold no secret.
    pub fn report(&self, message: impl Into<String>) {
        self.validation.report(&self.path, message.into());
    }

    /// The scalar, which may be empty; `None` when it cannot be had, which is reported.
    pub fn text(&self) -> Option<Text> {
        let NodeShape::Scalar(spelled) = &self.node.shape else {
            self.report(format!("must be a single value, not {}", self.form()));
            return None;
        };
        let expanded = self.validation.expand(&self.path, spelled)?;
        Some(Text {
            content: expanded.text,
            substituted: expanded.substituted,
        })
    }

    /// The scalar; `None` when it is empty, which lets `${VAR:-}` leave an option unset.
    pub fn filled(&self) -> Option<Text> {
        self.text().filter(|text| !text.content.is_empty())
    }

    /// The value as the document has it.
    pub fn shape(&self) -> &'r NodeShape {
        &self.node.shape
    }

    /// Whether a scalar is a text: it is quoted, or spelled like no number and no boolean.
    pub fn is_text(&self) -> bool {
        self.node.is_text
    }

    pub fn is_null(&self) -> bool {
        matches!(self.node.shape, NodeShape::Null)
    }

    pub fn is_list(&self) -> bool {
        matches!(self.node.shape, NodeShape::List(_))
    }

    /// The elements; `None` when this is no list, which is reported.
    pub fn list(&self) -> Option<Vec<Self>> {
        let NodeShape::List(nodes) = &self.node.shape else {
            self.report(format!("must be a list, not {}", self.form()));
            return None;
        };
        let element = |(index, node)| Self {
            path: self.path.element(index, node),
            node,
            ..*self
        };
        Some(nodes.iter().enumerate().map(element).collect())
    }

    /// The entries; `None` when this is no mapping, which is reported.
    pub fn table(&self) -> Option<Section<'r>> {
        let NodeShape::Map(entries) = &self.node.shape else {
            self.report(format!(
                "must be a mapping of keys to values, not {}",
                self.form()
            ));
            return None;
        };
        Some(Section::new(self.validation, self.path.clone(), entries))
    }

    fn form(&self) -> &'static str {
        match self.node.shape {
            NodeShape::Null => "nothing",
            NodeShape::Scalar(_) => "a single value",
            NodeShape::List(_) => "a list",
            NodeShape::Map(_) => "a mapping",
            NodeShape::Tagged => "a value with a YAML tag (`!`)",
        }
    }
}

/// A section: a mapping with its merge keys resolved.
pub(super) struct Section<'r> {
    validation: &'r Validation<'r>,
    path: NodePath,
    entries: Vec<SectionEntry<'r>>,
    known: RefCell<Vec<&'static str>>,
}

struct SectionEntry<'r> {
    key: &'r str,
    node: &'r Node,
    /// The entry came in with `<<`, so one written in the mapping itself goes first.
    merged: bool,
}

impl SectionEntry<'_> {
    fn is_present(&self) -> bool {
        !matches!(self.node.shape, NodeShape::Null)
    }
}

impl<'r> Section<'r> {
    /// The section at the top of the document.
    pub fn top_level(validation: &'r Validation<'r>, entries: &'r [MappingEntry]) -> Self {
        Self::new(validation, NodePath::default(), entries)
    }

    fn new(validation: &'r Validation<'r>, path: NodePath, entries: &'r [MappingEntry]) -> Self {
        let table = Self {
            validation,
            path,
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
        self.validation.environment
    }

    /// Adds a problem of the section itself.
    pub fn report(&self, message: impl Into<String>) {
        self.validation.report(&self.path, message.into());
    }

    /// The setting of a key; `None` when it is absent, empty (`key:`) or `null`.
    pub fn get(&self, key: &'static str) -> Option<Setting<'r>> {
        self.field(key).map(|(value, _)| value)
    }

    /// The setting under either of two names; `None` when both are absent. Both at once are reported.
    pub fn get_either(&self, name: &'static str, alias: &'static str) -> Option<Setting<'r>> {
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

    /// A text that must be there and must not be empty; a `None` has been reported.
    pub fn required(&self, key: &'static str) -> Option<(Setting<'r>, Text)> {
        let Some(value) = self.get(key) else {
            self.report(format!("{key} is missing"));
            return None;
        };
        let text = value.text()?;
        if text.content.is_empty() {
            value.report("is empty");
            return None;
        }
        if let Some(found) = invisible::first_in_name(&text.content) {
            value.report(format!("holds {found}, which nobody sees: type it anew"));
            return None;
        }
        if let Some(fault) = keys::bare_variable(&text.content) {
            value.report(fault);
            return None;
        }
        Some((value, text))
    }

    /// The elements of a list that must be there and not be empty; an empty return has been reported.
    pub fn required_list(&self, key: &'static str) -> Vec<Setting<'r>> {
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

    /// The keys that have a value, for a section whose keys are free.
    pub fn into_values(self) -> Vec<(String, Setting<'r>)> {
        let present = self.entries.iter().filter(|field| field.is_present());
        present
            .map(|field| (substitute::unprotect(field.key), self.value(field)))
            .collect()
    }

    /// All keys, for a section whose keys are free and whose values may be `null`.
    pub fn into_entries(self) -> Vec<(String, Setting<'r>)> {
        let fields = self.entries.iter();
        fields
            .map(|field| (substitute::unprotect(field.key), self.value(field)))
            .collect()
    }

    /// Reports every key that was not asked for, but for those that are `ignored`.
    pub fn finish(self, ignored: impl Fn(&str) -> bool) {
        let known = self.known.borrow();
        #[cfg(test)]
        tell_accepted(&self.path, &known);
        for field in &self.entries {
            if !known.contains(&field.key) && !ignored(field.key) {
                let value = self.value(field);
                match invisible::first(field.key) {
                    Some(found) => value.report(format!(
                        "unknown key: it holds {found}, which nobody sees and YAML takes for a letter"
                    )),
                    None => {
                        let suggestion = did_you_mean(field.key, known.iter().copied());
                        value.report(format!("unknown key{suggestion}"));
                    }
                }
            }
        }
    }

    fn field(&self, key: &'static str) -> Option<(Setting<'r>, bool)> {
        self.known.borrow_mut().push(key);
        let field = self.entries.iter().find(|field| field.key == key)?;
        field
            .is_present()
            .then(|| (self.value(field), field.merged))
    }

    fn value(&self, field: &SectionEntry<'r>) -> Setting<'r> {
        Setting {
            validation: self.validation,
            path: self.path.key(field.key, field.node),
            node: field.node,
        }
    }

    /// Adds `entries` and the mappings that they merge; a key that is already there wins.
    fn collect(
        &self,
        entries: &'r [MappingEntry],
        merged: bool,
        fields: &mut Vec<SectionEntry<'r>>,
    ) {
        let mut own = BTreeSet::new();
        for MappingEntry { key, node } in entries.iter().filter(|entry| entry.key != "<<") {
            let first = own.insert(key.as_str());
            if !first {
                self.validation
                    .report(&self.path.key(key, node), "is given twice".to_owned());
            } else if !merged || fields.iter().all(|field| field.key != key) {
                fields.push(SectionEntry { key, node, merged });
            }
        }
        for MappingEntry { key, node } in entries.iter().filter(|entry| entry.key == "<<") {
            match &node.shape {
                NodeShape::Map(entries) => self.collect(entries, true, fields),
                NodeShape::List(nodes) => {
                    nodes.iter().for_each(|node| self.merge(node, key, fields))
                }
                _ => self.merge(node, key, fields),
            }
        }
    }

    fn merge(&self, node: &'r Node, key: &str, fields: &mut Vec<SectionEntry<'r>>) {
        match &node.shape {
            NodeShape::Map(entries) => self.collect(entries, true, fields),
            _ => self.validation.report(
                &self.path.key(key, node),
                "must name a mapping, or a list of them".to_owned(),
            ),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// The keys of the sections that were read on this thread, by path; `None` while nobody asks.
    static ACCEPTED: RefCell<Option<AcceptedKeys>> = const { RefCell::new(None) };
}

#[cfg(test)]
pub(super) type AcceptedKeys = std::collections::BTreeMap<String, BTreeSet<&'static str>>;

/// The keys that the sections ask for while `read` runs, by path of the section.
#[cfg(test)]
pub(super) fn accepted_keys(read: impl FnOnce()) -> AcceptedKeys {
    ACCEPTED.set(Some(AcceptedKeys::new()));
    read();
    ACCEPTED.take().unwrap_or_default()
}

#[cfg(test)]
fn tell_accepted(path: &NodePath, known: &[&'static str]) {
    ACCEPTED.with_borrow_mut(|accepted| {
        if let Some(accepted) = accepted {
            let keys = accepted.entry(path.text().to_owned()).or_default();
            keys.extend(known);
        }
    });
}
