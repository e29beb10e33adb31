//! The item that is open: an answer has one at a time.

use super::ids::Mark;
use super::numbered_events::NumberedEvents;
use super::open_message::OpenMessage;
use crate::dialect::canonical::Escaped;
use crate::dialect::translate::Frames;
use crate::json::raw;

/// The only part of a summary.
const FIRST_PART: &str = ",\"summary_index\":0";

/// An item under construction.
#[derive(Debug)]
pub struct OpenItem {
    pub id: String,
    /// The members of its events that tell it: `"item_id":...,"output_index":...`.
    pub place: String,
    pub index: usize,
    pub kind: OpenKind,
}

/// The kind of an item, with what it holds so far. Texts are the insides of JSON strings.
#[derive(Debug)]
pub enum OpenKind {
    Reasoning(OpenReasoning),
    Message(OpenMessage),
    Call(OpenCall),
}

#[derive(Debug)]
pub struct OpenReasoning {
    pub mark: Mark,
    pub text: String,
    /// The signature that proves to the provider that the text is its own; nothing may follow it.
    pub signature: String,
}

#[derive(Debug)]
pub struct OpenCall {
    pub call_id: String,
    pub name: String,
    pub namespace: Option<String>,
    /// The client's tool takes a text, which its function has in `input`.
    pub is_free_text: bool,
    pub arguments: String,
    /// All arguments are there, and whether they are one whole value.
    pub has_ended: Option<bool>,
}

impl OpenItem {
    /// The memory of what it holds (bytes).
    pub fn bytes(&self) -> usize {
        match &self.kind {
            OpenKind::Reasoning(reasoning) => reasoning.text.len() + reasoning.signature.len(),
            OpenKind::Message(message) => message.bytes(),
            OpenKind::Call(call) => call.arguments.len(),
        }
    }
}

impl OpenReasoning {
    /// Adds a text that is not empty; `place` tells the item.
    pub fn push(&mut self, text: &str, place: &str, events: &mut NumberedEvents, out: &mut Frames) {
        if self.text.is_empty() {
            let members = [place, FIRST_PART, ",\"part\":", &summary_part("")];
            events.put("response.reasoning_summary_part.added", &members, out);
        }
        self.text.push_str(text);
        let members = [place, FIRST_PART, ",\"delta\":\"", text, "\""];
        events.put("response.reasoning_summary_text.delta", &members, out);
    }

    /// Ends it, and gives the item as it is done.
    pub fn close(
        self,
        id: &str,
        place: &str,
        is_cut: bool,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) -> String {
        if !self.text.is_empty() {
            let members = [place, FIRST_PART, ",\"text\":\"", &self.text, "\""];
            events.put("response.reasoning_summary_text.done", &members, out);
            let members = [place, FIRST_PART, ",\"part\":", &summary_part(&self.text)];
            events.put("response.reasoning_summary_part.done", &members, out);
        }
        self.item(id, status_of(is_cut))
    }

    /// The item, with `signature` as far as it is known.
    pub fn item(&self, id: &str, status: &str) -> String {
        let summary = match &*self.text {
            "" => String::new(),
            text => summary_part(text),
        };
        let cipher = self.mark.cipher(&self.signature);
        format!(
            r#"{{"id":"{id}","type":"reasoning","status":"{status}","summary":[{summary}],"encrypted_content":"{cipher}"}}"#
        )
    }
}

/// A part of a summary.
fn summary_part(text: &str) -> String {
    [r#"{"type":"summary_text","text":""#, text, "\"}"].concat()
}

/// The status of an item that is done.
pub fn status_of(is_cut: bool) -> &'static str {
    if is_cut { "incomplete" } else { "completed" }
}

impl OpenCall {
    /// Adds a piece of the arguments; `place` tells the item. A text is told once all of it is there.
    pub fn push(
        &mut self,
        piece: &str,
        place: &str,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) {
        self.arguments.push_str(piece);
        if !self.is_free_text && !piece.is_empty() {
            let members = [place, ",\"delta\":\"", piece, "\""];
            events.put("response.function_call_arguments.delta", &members, out);
        }
    }

    /// Ends it, and gives the item as it is done. A call that was cut has no event that says that it is done: clients run
    /// it there.
    pub fn close(
        self,
        id: &str,
        place: &str,
        is_cut: bool,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) -> String {
        let is_whole = self.has_ended == Some(true);
        // Models answer a tool that takes a text with bare text as well, but never with half an object.
        let is_bare = self.is_free_text && !self.arguments.trim_start().starts_with('{');
        if !is_whole && (is_cut || !is_bare) {
            return self.item(id, "incomplete", &self.arguments);
        }
        if self.is_free_text {
            return self.close_free_text(id, place, is_cut, events, out);
        }
        let (arguments, name) = (&self.arguments, &self.name);
        let members = [
            place,
            ",\"arguments\":\"",
            arguments,
            "\",\"name\":\"",
            name,
            "\"",
        ];
        events.put("response.function_call_arguments.done", &members, out);
        self.item(id, status_of(is_cut), arguments)
    }

    /// Ends it with the text that its arguments hold, or that they are.
    fn close_free_text(
        &self,
        id: &str,
        place: &str,
        is_cut: bool,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) -> String {
        let arguments = Escaped::plain(&self.arguments);
        let arguments = arguments.decoded();
        let input = raw::member(&arguments, "input").and_then(raw::inside);
        let input = input.unwrap_or(&self.arguments);
        if !input.is_empty() {
            let members = [place, ",\"delta\":\"", input, "\""];
            events.put("response.custom_tool_call_input.delta", &members, out);
        }
        let members = [place, ",\"input\":\"", input, "\""];
        events.put("response.custom_tool_call_input.done", &members, out);
        self.item(id, status_of(is_cut), input)
    }

    /// The item with arguments, or with the text that they hold.
    pub fn item(&self, id: &str, status: &str, arguments: &str) -> String {
        let (kind, member) = if self.is_free_text {
            ("custom_tool_call", "input")
        } else {
            ("function_call", "arguments")
        };
        let namespace = match &self.namespace {
            Some(namespace) => [",\"namespace\":\"", namespace, "\""].concat(),
            None => String::new(),
        };
        [
            r#"{"id":""#,
            id,
            r#"","type":""#,
            kind,
            r#"","status":""#,
            status,
            r#"","call_id":""#,
            &self.call_id,
            r#"","name":""#,
            &self.name,
            "\"",
            &namespace,
            ",\"",
            member,
            r#"":""#,
            arguments,
            "\"}",
        ]
        .concat()
    }
}
