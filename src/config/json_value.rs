//! Values of the file as JSON, for members of requests. Numbers keep their spelling.

use super::section::{Section, Setting};
use super::yaml_tree::NodeShape;
use crate::json::raw;
use crate::json::reader::Reader;

impl Setting<'_> {
    /// The value as JSON; `None` for one that JSON cannot spell, which is reported.
    pub fn json(&self) -> Option<String> {
        match self.shape() {
            NodeShape::Null => Some("null".to_owned()),
            NodeShape::Scalar(spelled) if !self.is_text() => self.literal(spelled),
            NodeShape::Scalar(_) => Some(raw::quoted(&self.text()?.content)),
            NodeShape::List(_) => {
                let items = self.list()?;
                let items: Option<Vec<String>> = items.iter().map(Self::json).collect();
                Some(format!("[{}]", items?.join(",")))
            }
            NodeShape::Map(_) => {
                let entries = self.table().map(Section::into_entries)?.into_iter();
                let member = |(key, value): (String, Self)| {
                    Some([raw::quoted(&key), value.json()?].join(":"))
                };
                let members: Option<Vec<String>> = entries.map(member).collect();
                Some(format!("{{{}}}", members?.join(",")))
            }
            NodeShape::Tagged => {
                self.report("must not have a YAML tag (`!`)");
                None
            }
        }
    }

    /// A boolean or a number. YAML knows numbers that JSON does not: `.5`, `0x1f`, `.inf`.
    fn literal(&self, spelled: &str) -> Option<String> {
        let lower = spelled.to_ascii_lowercase();
        if lower == "true" || lower == "false" {
            return Some(lower);
        }
        let mut reader = Reader::new(spelled);
        if reader.value() == Ok(spelled) && reader.end().is_ok() {
            return Some(spelled.to_owned());
        }
        self.report("is a number that JSON cannot spell");
        None
    }
}
