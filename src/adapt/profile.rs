//! The form of a row of the built-in table.

use super::shapes::Shape;

/// A row of the table.
#[derive(Debug)]
pub struct Profile {
    /// The name, one of [`crate::config::PROFILES`].
    pub name: &'static str,
    pub parts: &'static [ModelRules],
    /// The models that are known to have no `json_schema` response format.
    pub without_schemas: Models,
    /// The filler of a missing `reasoning_content`.
    pub filler: &'static str,
}

/// Rules for some models of a provider.
#[derive(Debug)]
pub struct ModelRules {
    pub models: Models,
    pub rules: &'static [ProfileRule],
}

/// Models by the part of their name behind the last `/` and before a `:`. In a pattern `*` is any text, `#` a digit.
#[derive(Clone, Copy, Debug)]
pub enum Models {
    All,
    None,
    Like(&'static [&'static str]),
    Unlike(&'static [&'static str]),
    /// The same as `Like`, if the request asks for a reasoning effort other than `none`.
    WithEffort(&'static [&'static str]),
}

/// An edit of a request. No rule touches what a step keeps, and no rule drops a member with a meaning: such a request
/// passes the step over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileRule {
    /// The member at this path goes.
    Drop(&'static str),
    /// The member goes if its value is one of these.
    DropIf(&'static str, &'static [&'static str]),
    /// The member goes unless its value is one of these.
    DropUnless(&'static str, &'static [&'static str]),
    /// Members that are null go.
    DropNulls,
    Rename(&'static str, &'static str),
    /// The replacement of a value, as JSON, by another.
    Replace(&'static str, &'static str, &'static str),
    AtMost(&'static str, &'static str),
    Shape(Shape),
    /// Messages keep the members that every provider knows, and these.
    OnlyKnownMembers(&'static [&'static str]),
    /// `strict` is the same in all tools: false where it is mixed.
    EqualStrict,
    /// `response_format` goes where there are tools.
    FormatYields,
    /// A forced `tool_choice` becomes `auto` while the model thinks.
    RelaxToolChoice,
}
