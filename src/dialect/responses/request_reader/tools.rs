//! The tools: functions, groups of functions, and tools that take a text; those that a provider has of its own are dropped.

use std::borrow::Cow;

use crate::dialect::canonical::{Escaped, Names, Request as Canonical, Tool, ToolName};
use crate::dialect::request::Unfit;
use crate::dialect::translate::Target;
use crate::heapsort::sorted_by_key;
use crate::json::raw;
use crate::text;

/// The parameters of the function that stands for a tool which takes a text.
const FREE_TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Tools of a provider's own whose lack an answer can bear. Codex sends `web_search` always.
const BUILT_IN: [&str; 7] = [
    "image_generation",
    "code_interpreter",
    "local_shell",
    "shell",
    "apply_patch",
    "tool_search",
    "programmatic_tool_calling",
];

/// The most tools of a request, also of those that may be called: each is looked for among the others. OpenAI's bound is
/// 128.
const MOST: usize = 1024;

/// The longest name of a tool that is shown (bytes).
const LONGEST_SHOWN: usize = 128;

/// The tools that are offered to the provider, as the client knows them, in the order of the form's.
pub type Offered = Vec<ToolName>;

/// Reads the tools.
pub fn read<'a>(
    tools: Option<&'a str>,
    target: &Target<'_>,
    names: &mut Names,
    canonical: &mut Canonical<'a>,
) -> Result<Offered, Unfit> {
    let mut reader = ToolReader {
        refuses_built_in: target.traits.translation.refuses_builtin_tools,
        names,
        canonical,
        offered: Vec::new(),
    };
    for (index, tool) in items(tools.unwrap_or_default(), "tools")?
        .into_iter()
        .enumerate()
    {
        reader.read(tool, None, &format!("tools[{index}]"))?;
    }
    let offered = reader.offered;
    check_names(&canonical.tools, &offered)?;
    Ok(offered)
}

struct ToolReader<'r, 'a> {
    refuses_built_in: bool,
    names: &'r mut Names,
    canonical: &'r mut Canonical<'a>,
    offered: Offered,
}

impl<'a> ToolReader<'_, 'a> {
    /// Reads a tool; `namespace` is the group that it stands in.
    fn read(&mut self, tool: &'a str, namespace: Option<&str>, path: &str) -> Result<(), Unfit> {
        let [kind, name] = raw::said_members(tool, ["type", "name"]);
        let kind = kind.and_then(raw::text).unwrap_or_default();
        match &*kind {
            "function" => self.add_function(tool, namespace, path),
            "custom" => self.add_free_text(tool, namespace, path),
            "namespace" if namespace.is_none() => {
                let name = name.and_then(raw::lossy_text);
                let name = name.ok_or_else(|| unfit(path, "has no name"))?;
                let members = raw::member(tool, "tools").unwrap_or_default();
                for (index, member) in items(members, path)?.into_iter().enumerate() {
                    self.read(member, Some(&name), &format!("{path}.tools[{index}]"))?;
                }
                Ok(())
            }
            kind if BUILT_IN.contains(&kind) || kind.starts_with("web_search") => {
                if self.refuses_built_in {
                    let reason = "is a tool that a provider of Responses would have of its own, and this step does not \
                                  go without it (`builtin_tools: refuse`)";
                    return Err(unfit(path, reason));
                }
                let kind = text::cut(kind, LONGEST_SHOWN);
                self.canonical.drop_member(&format!("tools.{kind}"));
                Ok(())
            }
            _ => Err(unfit(
                path,
                "is a tool that only a provider that speaks Responses may have, and an answer without it would be invented",
            )),
        }
    }

    /// Adds a function, flat or as chat has it.
    fn add_function(
        &mut self,
        tool: &'a str,
        namespace: Option<&str>,
        path: &str,
    ) -> Result<(), Unfit> {
        let nested = raw::member(tool, "function").filter(|nested| raw::is_object(nested));
        let [name, description, parameters, strict] = raw::said_members(
            nested.unwrap_or(tool),
            ["name", "description", "parameters", "strict"],
        );
        let name = self.name_of(name, namespace, false, path)?;
        self.canonical.tools.push(Tool {
            name,
            description: description.and_then(Escaped::of),
            parameters: parameters.map(Cow::Borrowed),
            // A missing word means "if possible" here and "no" in chat: it is never invented.
            strict: strict.filter(|strict| *strict == "true").map(|_| true),
        });
        Ok(())
    }

    fn add_free_text(
        &mut self,
        tool: &'a str,
        namespace: Option<&str>,
        path: &str,
    ) -> Result<(), Unfit> {
        let [name, description, format] =
            raw::said_members(tool, ["name", "description", "format"]);
        let name = self.name_of(name, namespace, true, path)?;
        let mut description = description.and_then(Escaped::of);
        let [syntax, grammar] =
            raw::said_members(format.unwrap_or_default(), ["syntax", "definition"])
                .map(|member| member.and_then(raw::inside));
        if let Some(grammar) = grammar {
            let described = description.get_or_insert_default();
            if !described.is_empty() {
                described.push(r"\n\n");
            }
            described.push("The input has to follow this grammar (");
            described.push(syntax.unwrap_or("lark"));
            described.push(r"):\n");
            described.push(grammar);
        }
        self.canonical.tools.push(Tool {
            name,
            description,
            parameters: Some(Cow::Borrowed(FREE_TEXT)),
            strict: None,
        });
        Ok(())
    }

    /// The provider's name of a tool, which is offered under it.
    fn name_of(
        &mut self,
        name: Option<&str>,
        namespace: Option<&str>,
        is_free_text: bool,
        path: &str,
    ) -> Result<Escaped<'static>, Unfit> {
        let name = name.and_then(raw::lossy_text);
        let tool = ToolName {
            name: name.ok_or_else(|| unfit(path, "has no name"))?.into_owned(),
            namespace: namespace.map(str::to_owned),
            is_free_text,
        };
        if self.offered.len() >= MOST {
            return Err(too_many("tools"));
        }
        self.offered.push(tool.clone());
        Ok(Escaped::text(&self.names.sent_for(tool)).into_owned())
    }
}

/// Refuses two tools that the provider could not tell apart.
fn check_names(tools: &[Tool<'_>], offered: &[ToolName]) -> Result<(), Unfit> {
    let named = tools.iter().map(|tool| tool.name.inside()).zip(offered);
    let sorted = sorted_by_key(named, |(name, _)| *name);
    let mut pairs = sorted.iter().zip(sorted.iter().skip(1));
    let Some(((_, one), (_, other))) = pairs.find(|((one, _), (other, _))| one == other) else {
        return Ok(());
    };
    let reason = format!(
        "the tools {} and {} have the same name for this step's provider",
        shown(one),
        shown(other)
    );
    Err(Unfit::at("tools", reason))
}

fn shown(tool: &ToolName) -> String {
    let name = text::cut(&tool.name, LONGEST_SHOWN);
    match &tool.namespace {
        Some(namespace) => format!("'{name}' of '{}'", text::cut(namespace, LONGEST_SHOWN)),
        None => format!("'{name}'"),
    }
}

fn unfit(path: &str, is_what: &str) -> Unfit {
    Unfit::at(path, format!("'{path}' {is_what}"))
}

/// The items of a raw array; other values have none.
///
/// # Errors
/// More items than any sane request has.
pub fn items<'a>(array: &'a str, path: &str) -> Result<Vec<&'a str>, Unfit> {
    let mut items = Vec::new();
    let _ = raw::each_item(array, &mut |item| items.push(item));
    if items.len() > MOST {
        return Err(too_many(path));
    }
    Ok(items)
}

fn too_many(path: &str) -> Unfit {
    Unfit::at(path, format!("'{path}' has more than {MOST} tools"))
}
