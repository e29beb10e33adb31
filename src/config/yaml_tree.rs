//! A tree of YAML in which every scalar is spelled as in the file and every node can be found again.
//!
//! `serde_yaml` tells neither the line nor the spelling of a value it has parsed (`1.0`, `1e3` and `yes` lose theirs).
//! Both are got by parsing again: nodes are numbered in the order in which the parser visits them, so a parse that
//! fails on purpose at node *n* carries the line of node *n* in its error, and a second parse led by the shape of the
//! first asks for each scalar as a string.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::errors::{Errors, Problem};
use super::{substitute, yaml_words};

/// The largest document once its aliases are followed. `serde_yaml` limits how often aliases are followed, but not what
/// they add up to: a list of n elements mentioned n times has n * n. Every node counts, and so does each byte of text.
const MOST_NODES: usize = 500_000;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The deepest nesting of brackets. Every open one makes the scanner of libyaml slower for all that follows, long
/// before `serde_yaml` refuses more than 128 levels. Brackets in comments and quotes count too, which no real file has
/// this many of.
const MOST_OPEN_BRACKETS: usize = 1_000;

pub(super) struct MappingEntry {
    pub key: String,
    pub node: Node,
}

pub(super) struct Node {
    /// The number for [`line_of`]: inside a mapping that of the key, else of the value itself.
    pub id: usize,
    pub shape: NodeShape,
    /// A scalar is a text: it is quoted, or spelled like no number and no boolean.
    pub is_text: bool,
}

pub(super) enum NodeShape {
    Null,
    /// A text, a number or a boolean, as it is spelled.
    Scalar(String),
    List(Vec<Node>),
    /// A mapping as written: merge keys (`<<`) and keys given twice are still there.
    Map(Vec<MappingEntry>),
    /// A value with a tag: `!name value`.
    Tagged,
}

/// The entries at the top of the only document in `text`.
///
/// # Errors
///
/// One problem, with its line where the parser tells it.
pub(super) fn parse(text: &str) -> Result<Vec<MappingEntry>, Errors> {
    if let Some(line) = line_of_bracket_flood(text) {
        return Err(problem(
            Some(line),
            "brackets are nested too deeply".to_owned(),
        ));
    }
    let counter = Counter::new(None);
    let mut root = ShapeSeed { counter: &counter }
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| syntax_error(text, &error))?;
    SpellingSeed { node: &mut root }
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| syntax_error(text, &error))?;
    match root.shape {
        NodeShape::Map(entries) => Ok(entries),
        NodeShape::Null => Err(problem(None, "the file is empty".to_owned())),
        NodeShape::Scalar(_) | NodeShape::List(_) | NodeShape::Tagged => Err(problem(
            Some(1),
            "a configuration is made of lines such as `port: 8080`".to_owned(),
        )),
    }
}

/// The line of a node, counted from 1; `None` where the parser does not tell it. Parses the text again up to that node.
pub(super) fn line_of(text: &str, id: usize) -> Option<usize> {
    let counter = Counter::new(Some(id));
    let outcome =
        ShapeSeed { counter: &counter }.deserialize(serde_yaml::Deserializer::from_str(text));
    outcome.err()?.location().map(|location| location.line())
}

fn line_of_bracket_flood(text: &str) -> Option<usize> {
    let (mut open, mut line) = (0_usize, 1);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            b'\n' => line += 1,
            _ => {}
        }
        if open > MOST_OPEN_BRACKETS {
            return Some(line);
        }
    }
    None
}

fn syntax_error(text: &str, error: &serde_yaml::Error) -> Errors {
    let line = error.location().map(|location| location.line());
    let complaint = substitute::unprotect(&error.to_string());
    let (line, mut message) = yaml_words::translated(text, &complaint, line);
    // Only `!!int x` and its like are told with their value, which may be a key.
    if message.contains("invalid value: ") {
        message = "a value does not agree with its YAML tag".to_owned();
    }
    let content = line.and_then(|line| text.lines().nth(line.saturating_sub(1)));
    if content.is_some_and(|content| content.trim_start_matches(' ').starts_with('\t')) {
        message = yaml_words::TABS.to_owned();
    }
    let unseen = yaml_words::unseen(text).map(|(line, message)| Problem {
        line: Some(line),
        message,
        ..Problem::default()
    });
    let error = Problem {
        line,
        message,
        ..Problem::default()
    };
    Errors::new(unseen.chain([error]).collect())
}

fn problem(line: Option<usize>, message: String) -> Errors {
    Errors::new(vec![Problem {
        line,
        message,
        ..Problem::default()
    }])
}

/// A counter that numbers the nodes, and ends the parse at one of them or when there are too many.
struct Counter {
    visited: Cell<usize>,
    bytes: Cell<usize>,
    stop_at: Option<usize>,
}

impl Counter {
    fn new(stop_at: Option<usize>) -> Self {
        Self {
            visited: Cell::new(0),
            bytes: Cell::new(0),
            stop_at,
        }
    }

    /// Counts a node. To be called inside a visitor: only there does `serde_yaml` put the place into the error.
    fn visit<E: de::Error>(&self, bytes: usize) -> Result<usize, E> {
        let id = self.visited.get();
        if self.stop_at == Some(id) {
            return Err(E::custom("stopped here to tell the line"));
        }
        self.visited.set(id + 1);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if id > MOST_NODES || self.bytes.get() > MOST_BYTES {
            return Err(E::custom(
                "the document is too large once its aliases are followed",
            ));
        }
        Ok(id)
    }
}

/// The first parse: the shape, with numbers for the nodes.
#[derive(Clone, Copy)]
struct ShapeSeed<'c> {
    counter: &'c Counter,
}

impl ShapeSeed<'_> {
    /// A node without children; the text of a scalar is left to [`SpellingSeed`].
    fn leaf<E: de::Error>(self, shape: NodeShape) -> Result<Node, E> {
        Ok(Node {
            id: self.counter.visit(0)?,
            shape,
            is_text: false,
        })
    }
}

impl<'de> DeserializeSeed<'de> for ShapeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ShapeSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        self.leaf(NodeShape::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        self.leaf(NodeShape::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
        self.leaf(NodeShape::Scalar(String::new()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Node, E> {
        self.leaf(NodeShape::Scalar(String::new()))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
        self.leaf(NodeShape::Scalar(String::new()))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Node, E> {
        self.leaf(NodeShape::Scalar(String::new()))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Node, E> {
        self.leaf(NodeShape::Scalar(String::new()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
        self.leaf(NodeShape::Scalar(String::new()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node {
            id: self.counter.visit(text.len())?,
            shape: NodeShape::Scalar(String::new()),
            is_text: true,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Node, A::Error> {
        let id = self.counter.visit(0)?;
        let mut list = Vec::new();
        while let Some(node) = elements.next_element_seed(self)? {
            list.push(node);
        }
        Ok(Node {
            id,
            shape: NodeShape::List(list),
            is_text: false,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Node, A::Error> {
        let id = self.counter.visit(0)?;
        let mut entries = Vec::new();
        while let Some((id, key)) = pairs.next_key_seed(KeySeed {
            counter: self.counter,
        })? {
            let node = pairs.next_value_seed(self)?;
            entries.push(MappingEntry {
                key,
                node: Node { id, ..node },
            });
        }
        Ok(Node {
            id,
            shape: NodeShape::Map(entries),
            is_text: false,
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let id = self.counter.visit(0)?;
        let (IgnoredAny, content) = tagged.variant()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(Node {
            id,
            shape: NodeShape::Tagged,
            is_text: false,
        })
    }
}

/// A key, which may look like a number or a boolean: `on: x` has the key `on`.
struct KeySeed<'c> {
    counter: &'c Counter,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = (usize, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = (usize, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name as the key")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((self.counter.visit(text.len())?, text.to_owned()))
    }
}

/// The second parse: fills the scalars of a tree with their text.
struct SpellingSeed<'n> {
    node: &'n mut Node,
}

impl<'de> DeserializeSeed<'de> for SpellingSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.node.shape {
            NodeShape::Scalar(_) => deserializer.deserialize_str(self),
            NodeShape::List(_) => deserializer.deserialize_seq(self),
            NodeShape::Map(_) => deserializer.deserialize_map(self),
            NodeShape::Null | NodeShape::Tagged => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
            }
        }
    }
}

impl<'de> Visitor<'de> for SpellingSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what the first parse saw")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.node.shape = NodeShape::Scalar(text.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        if let NodeShape::List(list) = &mut self.node.shape {
            for node in list {
                elements.next_element_seed(SpellingSeed { node })?;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<(), A::Error> {
        if let NodeShape::Map(entries) = &mut self.node.shape {
            for entry in entries {
                pairs.next_key::<IgnoredAny>()?;
                pairs.next_value_seed(SpellingSeed {
                    node: &mut entry.node,
                })?;
            }
        }
        Ok(())
    }
}
