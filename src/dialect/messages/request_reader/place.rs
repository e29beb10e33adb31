//! The places of a request's parts, for the words about those that have no equivalent.

use crate::dialect::request::Unfit;
use crate::json::raw;

/// The place of a block in a request, for the words about it.
pub struct Place(String);

impl Place {
    pub fn of_message(index: usize) -> Self {
        Self(format!("messages[{index}]"))
    }

    pub fn of_tool(index: usize) -> Self {
        Self(format!("tools[{index}]"))
    }

    pub fn block(&self, index: usize) -> Self {
        Self(format!("{}.content[{index}]", self.0))
    }

    /// The place is spelled as Anthropic spells it, in the words; and as a path in the parameter.
    pub fn unfit(&self, member: &str, words: &str) -> Unfit {
        let dot = if member.is_empty() { "" } else { "." };
        let path = [&self.0, dot, member].concat();
        let spelled = path.replace('[', ".").replace(']', "");
        Unfit::at(&path, format!("{spelled}: {words}"))
    }

    pub fn no_equivalent(&self, kind: &str) -> Unfit {
        let words = format!("{kind} has no equivalent at this step's provider");
        self.unfit("", &words)
    }
}

/// Visits the items of an array until one is at fault.
///
/// # Errors
/// The fault of the first item that has one.
pub fn try_each<'a>(
    array: &'a str,
    visit: &mut dyn FnMut(usize, &'a str) -> Result<(), Unfit>,
) -> Result<(), Unfit> {
    let (mut read, mut index) = (Ok(()), 0);
    // What is no array has no items.
    let _ = raw::each_item(array, &mut |item| {
        if read.is_ok() {
            read = visit(index, item);
            index += 1;
        }
    });
    read
}
