//! Answers and chunks with what no client can use mended, and texts filtered. The judge notes in its one pass what there
//! is to do; this does it, and is not called for an answer that is right.

use std::borrow::Cow;

use super::text_filter::{Filtered, TextFilter};
use super::tool_calls::{CallEdit, CallTable, function_arguments, whole_call, with_arguments};
use crate::dialect::finish::{Finish, bit};
use crate::dialect::reading::Reading;
use crate::dialect::repairs::{RepairKind, Repairs};
use crate::json::{Object, raw};

use super::envelope::ChoiceMembers;
use super::message::MessageMembers;

/// The most choices whose texts are filtered; OpenAI's bound for `n`.
const MAX_CHOICES: usize = 128;

/// The mender of one answer: what it knows of the answer so far.
#[derive(Debug, Default)]
pub(super) struct Mender {
    reading: Reading,
    pub repairs: Repairs,
    /// The choices whose first delta has come.
    begun: u128,
    /// The choices that were given a role.
    given_role: u128,
    calls: CallTable,
    filters: Vec<(u64, TextFilter)>,
    /// The changes of the chunk under way.
    edits: Vec<ChoiceEdit>,
}

/// The changes of one choice.
#[derive(Debug, Default)]
struct ChoiceEdit {
    position: usize,
    role: Option<RoleEdit>,
    /// By their positions.
    calls: Vec<(usize, CallEdit)>,
    /// The arguments of a legacy call, as a JSON string.
    function_arguments: Option<String>,
    text: Option<Filtered>,
}

#[derive(Clone, Copy, Debug)]
enum RoleEdit {
    Added,
    Removed,
}

impl Mender {
    pub fn new(reading: Reading) -> Self {
        Self {
            reading,
            ..Self::default()
        }
    }

    /// Whether answers are given on as they came.
    pub fn is_idle(&self) -> bool {
        !self.reading.repairs && self.reading.think_tags.is_none()
    }

    /// Begins the next chunk.
    pub fn begin(&mut self) {
        self.edits.clear();
        self.calls.begin_chunk();
    }

    /// Takes a choice of a chunk. What a filter holds back is no content yet.
    pub fn take_delta(&mut self, choice: &mut ChoiceMembers<'_>) {
        let index = choice.index();
        let mut edit = ChoiceEdit::default();
        if self.reading.repairs && choice.message.is_object {
            edit.role = self.role_of_delta(index, &choice.message);
            if let Some(calls) = choice.message.tool_calls {
                let mut position = 0;
                // A value that is no array has no items.
                let _ = raw::each_item(calls, &mut |call| {
                    let changes = self.calls.take(index, call, self.reading.seed);
                    edit.calls
                        .extend(changes.map(|changes| (position, changes)));
                    position += 1;
                });
            }
            let function_call = choice.message.function_call;
            edit.function_arguments = function_call.and_then(function_arguments);
        }
        edit.text = self.filtered(index, choice);
        let is_kept = self.keep(edit, choice.position);
        if is_kept || self.filters() {
            choice.words = None;
        }
    }

    /// Takes a choice of a whole answer.
    pub fn take_message(&mut self, choice: &mut ChoiceMembers<'_>) {
        let mut edit = ChoiceEdit::default();
        let index = choice.position as u64;
        if self.reading.repairs && choice.message.is_object {
            edit.role = choice.message.lacks_role().then_some(RoleEdit::Added);
            if let Some(calls) = choice.message.tool_calls {
                let mut position = 0;
                let _ = raw::each_item(calls, &mut |call| {
                    let changes = whole_call(index, position, call, self.reading.seed);
                    edit.calls
                        .extend(changes.map(|changes| (position, changes)));
                    position += 1;
                });
            }
            let function_call = choice.message.function_call;
            edit.function_arguments = function_call.and_then(function_arguments);
        }
        edit.text = self.filtered_whole(&mut choice.message);
        self.keep(edit, choice.position);
    }

    /// Keeps an edit, unless it changes nothing.
    fn keep(&mut self, edit: ChoiceEdit, position: usize) -> bool {
        edit.note(&mut self.repairs);
        let is_empty = edit.role.is_none()
            && edit.calls.is_empty()
            && edit.function_arguments.is_none()
            && edit.text.is_none();
        if !is_empty {
            self.edits.push(ChoiceEdit { position, ..edit });
        }
        !is_empty
    }

    fn role_of_delta(&mut self, index: u64, delta: &MessageMembers<'_>) -> Option<RoleEdit> {
        let bit = bit(index);
        if self.begun & bit == 0 {
            self.begun |= bit;
            if delta.lacks_role() {
                self.given_role |= bit;
                return Some(RoleEdit::Added);
            }
        } else if self.given_role & bit != 0 && delta.role.is_some() {
            // Clients add up the texts of deltas.
            return Some(RoleEdit::Removed);
        }
        None
    }

    /// The text of a choice behind its filter; none if it stays as it came.
    fn filtered(&mut self, index: u64, choice: &mut ChoiceMembers<'_>) -> Option<Filtered> {
        let is_last = choice.finish != Finish::Open;
        if !self.filters() || (choice.message.text.is_none() && !is_last) {
            return None;
        }
        let known = self.filters.iter().position(|(known, _)| *known == index);
        let place = match known {
            Some(place) => place,
            None if self.filters.len() >= MAX_CHOICES => return None,
            None => {
                self.filters.push((index, TextFilter::new(&self.reading)));
                self.filters.len() - 1
            }
        };
        let (_, filter) = self.filters.get_mut(place)?;
        if filter.is_open() {
            return None;
        }
        let piece = match choice.message.text {
            Some(text) => raw::text(text)?,
            None => Cow::Borrowed(""),
        };
        let filtered = filter.take(&piece, is_last);
        if filter.took_fence {
            self.repairs.add(RepairKind::CodeFence);
        }
        if filtered.content == *piece && filtered.reasoning.is_empty() {
            return None;
        }
        choice.message.counts_as(&filtered);
        Some(filtered)
    }

    fn filtered_whole(&mut self, message: &mut MessageMembers<'_>) -> Option<Filtered> {
        if !self.filters() {
            return None;
        }
        let text = raw::text(message.text?)?;
        let mut filter = TextFilter::new(&self.reading);
        let filtered = filter.take(&text, true);
        if filter.took_fence {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&filtered.content).is_ok();
            // Of a whole answer it is known whether there is JSON in the fence.
            if !is_json {
                return self.without_fence(&text, message);
            }
            self.repairs.add(RepairKind::CodeFence);
        }
        if filtered.content == *text && filtered.reasoning.is_empty() {
            return None;
        }
        message.counts_as(&filtered);
        Some(filtered)
    }

    /// The text of a whole answer whose fence stays.
    fn without_fence(&self, text: &str, message: &mut MessageMembers<'_>) -> Option<Filtered> {
        let mut filter = TextFilter::new(&Reading {
            wants_json: false,
            ..self.reading
        });
        let filtered = filter.take(text, true);
        if filtered.content == text {
            return None;
        }
        message.counts_as(&filtered);
        Some(filtered)
    }

    fn filters(&self) -> bool {
        self.reading.think_tags.is_some() || (self.reading.repairs && self.reading.wants_json)
    }

    /// The answer or chunk with its changes; none if it stays as it came.
    pub fn mended(&self, data: &str, holder: &str) -> Option<String> {
        if self.edits.is_empty() {
            return None;
        }
        let mut object = Object::parse_lenient(data).ok()?;
        let choices = object.get("choices")?;
        let mut position = 0;
        let choices = raw::map_items(choices, &mut |choice| {
            let edit = self.edits.iter().find(|edit| edit.position == position);
            position += 1;
            edit.and_then(|edit| edit.apply(choice, holder))
        });
        object.set("choices", choices.ok()?);
        Some(object.to_json())
    }

    /// A chunk with the texts that are held back yet; none if there are none.
    pub fn rest(&mut self) -> Option<String> {
        let mut choices = String::new();
        for (index, filter) in &mut self.filters {
            let Filtered { content, reasoning } = filter.take("", true);
            if content.is_empty() && reasoning.is_empty() {
                continue;
            }
            let comma = if choices.is_empty() { "" } else { "," };
            let (content, reasoning) = (raw::quoted(&content), raw::quoted(&reasoning));
            choices.push_str(&format!(
                r#"{comma}{{"index":{index},"delta":{{"content":{content},"reasoning_content":{reasoning}}},"finish_reason":null}}"#
            ));
        }
        (!choices.is_empty())
            .then(|| format!(r#"{{"object":"chat.completion.chunk","choices":[{choices}]}}"#))
    }
}

impl ChoiceEdit {
    fn note(&self, repairs: &mut Repairs) {
        if matches!(self.role, Some(RoleEdit::Added)) {
            repairs.add(RepairKind::Role);
        }
        self.calls.iter().for_each(|(_, call)| call.note(repairs));
        if self.function_arguments.is_some() {
            repairs.add(RepairKind::ToolCallArguments);
        }
    }

    fn apply(&self, choice: &str, holder: &str) -> Option<String> {
        let mut choice = Object::parse_lenient(choice).ok()?;
        let message = choice.get(holder).unwrap_or("{}").to_owned();
        // A chunk that ends its choice may have no delta, and there may be a text to let go of.
        let message = if raw::is_object(&message) {
            &message
        } else {
            "{}"
        };
        let mut message = Object::parse_lenient(message).ok()?;
        match self.role {
            Some(RoleEdit::Added) => message.set("role", r#""assistant""#.to_owned()),
            Some(RoleEdit::Removed) => drop(message.remove("role")),
            None => {}
        }
        if !self.calls.is_empty() {
            let mut position = 0;
            let calls = raw::map_items(message.get("tool_calls")?, &mut |call| {
                let edit = self.calls.iter().find(|(place, _)| *place == position);
                position += 1;
                edit.and_then(|(_, edit)| edit.apply(call))
            });
            message.set("tool_calls", calls.ok()?);
        }
        if let Some(arguments) = &self.function_arguments {
            let call = with_arguments(message.get("function_call")?, arguments);
            message.set("function_call", call);
        }
        if let Some(text) = &self.text {
            message.set("content", raw::quoted(&text.content));
            if !text.reasoning.is_empty() {
                let before = message.text("reasoning_content").unwrap_or_default();
                let reasoning = [&before, text.reasoning.as_str()].concat();
                message.set("reasoning_content", raw::quoted(&reasoning));
            }
        }
        choice.set(holder, message.to_json());
        Some(choice.to_json())
    }
}
