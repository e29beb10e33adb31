//! An answer of another dialect, written as the events of Responses: item after item, never interleaved, each with its
//! beginning, its deltas and its end; and frames with all that was said.

use std::time::SystemTime;

use super::breaking;
use super::frame::{Frame, Progress, Status};
use super::ids::{Ids, Mark};
use super::numbered_events::NumberedEvents;
use super::open_item::{OpenCall, OpenItem, OpenKind, OpenReasoning};
use super::open_message::{OpenMessage, PartKind};
use super::text_marks::{TextMarks, push_comma};
use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{
    Begin, End, Escaped, Names, OrderedDelta, ReasoningMember, TokenCounts,
};
use crate::dialect::error::ErrorBody;
use crate::dialect::translate::{AnswerWriter, Answering, Frames, link_to};

/// The longest id of a call that OpenAI takes in a later request (characters).
const LONGEST_CALL_ID: usize = 64;

/// The writer of one answer.
pub struct EventWriter {
    ids: Ids,
    /// A hash of the provider and the model.
    tag: u16,
    names: Names,
    frame: Frame,
    /// The name of the route, for an answer whose provider names no model.
    route: String,
    routing_summary: Option<String>,
    events: NumberedEvents,
    open: Option<OpenItem>,
    /// The items that are done, raw and with commas.
    output: String,
    item_count: usize,
    call_ids: Vec<String>,
    marks: TextMarks,
    usage: Option<TokenCounts>,
    status: Status<'static>,
    now: SystemTime,
}

impl EventWriter {
    pub fn new(answering: Answering<'_>) -> Self {
        let Answering {
            request,
            target,
            names,
            model,
            seed,
            now,
        } = answering;
        let ids = Ids::new(seed, now);
        Self {
            frame: Frame::new(request, &ids, now, model),
            route: request.model.clone(),
            ids,
            tag: target.traits.translation.tag,
            names,
            routing_summary: None,
            events: NumberedEvents::default(),
            open: None,
            output: String::new(),
            item_count: 0,
            call_ids: Vec::new(),
            marks: TextMarks::default(),
            usage: None,
            status: Status::Completed,
            now,
        }
    }
}

impl AnswerWriter for EventWriter {
    fn summarize(&mut self, routing_summary: &str) {
        self.routing_summary = Some(routing_summary.to_owned());
    }

    fn at(&mut self, now: SystemTime) {
        self.now = now;
    }

    fn write(&mut self, delta: OrderedDelta<'_>, out: &mut Frames) -> Result<(), Flaw> {
        match delta {
            OrderedDelta::Begin(begin) => self.begin(begin, out),
            OrderedDelta::Text(text) => self.text(PartKind::Text, text, out),
            OrderedDelta::Refusal(text) => self.text(PartKind::Refusal, text, out),
            OrderedDelta::Reasoning { text, member } => self.reasoning(member, text, out),
            OrderedDelta::Signature(signature) => self.signature(signature, out),
            OrderedDelta::Citation(citation) => self.marks.note_citation(citation),
            OrderedDelta::Logprobs(logprobs) => self.marks.note_logprobs(logprobs),
            OrderedDelta::Image(url) if !url.starts_with("data:") => {
                self.text(PartKind::Text, &link_to(url), out);
            }
            OrderedDelta::Image(url) => self.image(url, out),
            OrderedDelta::CallBegins { id, name } => self.begin_call(id, name, out),
            OrderedDelta::Arguments(part) => self.arguments(part, out),
            OrderedDelta::CallEnds { is_whole } => {
                // Its last event has its status, which the end of the answer may have a word in: it waits for what comes.
                if let Some(call) = self.open_call() {
                    call.has_ended = Some(is_whole);
                }
            }
            OrderedDelta::Usage(counts) => self.usage = Some(counts),
            OrderedDelta::End(end) => {
                self.status = match end {
                    End::Length => Status::Incomplete("max_output_tokens"),
                    End::ContentFilter => Status::Incomplete("content_filter"),
                    _ => Status::Completed,
                };
                let is_cut = self.status != Status::Completed;
                self.close(is_cut, out);
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Frames) -> Result<(), Flaw> {
        self.close(false, out);
        let kind = match self.status {
            Status::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        self.lifecycle(kind, self.status, out);
        Ok(())
    }

    fn break_off(&mut self, error: &ErrorBody<'_>, out: &mut Frames) {
        let said = breaking::error_of(error);
        self.lifecycle("response.failed", Status::Failed(&said), out);
        let event = breaking::error_event(error, self.events.next());
        out.put(Some("error"), |data| data.push_str(&event));
    }

    fn kept(&self) -> usize {
        self.frame.bytes()
            + self.output.len()
            + self.open.as_ref().map_or(0, OpenItem::bytes)
            + self.marks.bytes()
    }
}

impl EventWriter {
    fn begin(&mut self, begin: Begin<'_>, out: &mut Frames) {
        if self.frame.lacks_model() {
            let route = Escaped::text(&self.route);
            let model = begin.model.filter(|model| !model.is_empty());
            self.frame.set_model(model.unwrap_or(route.inside()));
        }
        self.lifecycle("response.created", Status::InProgress, out);
        self.lifecycle("response.in_progress", Status::InProgress, out);
    }

    fn text(&mut self, kind: PartKind, text: &str, out: &mut Frames) {
        if text.is_empty() {
            return;
        }
        if self.open_message().is_none() {
            let message = OpenKind::Message(OpenMessage::default());
            self.open_item("msg", message, out);
        }
        if let Some(OpenItem {
            place,
            kind: OpenKind::Message(message),
            ..
        }) = &mut self.open
        {
            message.push(kind, text, place, &mut self.marks, &mut self.events, out);
        }
    }

    fn reasoning(&mut self, member: ReasoningMember, text: &str, out: &mut Frames) {
        if text.is_empty() {
            return;
        }
        self.open_reasoning(member, true, out);
        if let Some(OpenItem {
            place,
            kind: OpenKind::Reasoning(reasoning),
            ..
        }) = &mut self.open
        {
            reasoning.push(text, place, &mut self.events, out);
        }
    }

    fn signature(&mut self, signature: &str, out: &mut Frames) {
        self.open_reasoning(ReasoningMember::Thinking, false, out);
        if let Some(OpenItem {
            kind: OpenKind::Reasoning(reasoning),
            ..
        }) = &mut self.open
        {
            reasoning.signature.push_str(signature);
        }
    }

    /// Opens reasoning, if none is open. Text does not go on behind a signature: it begins an item of its own.
    fn open_reasoning(&mut self, member: ReasoningMember, is_text: bool, out: &mut Frames) {
        if let Some(OpenItem {
            kind: OpenKind::Reasoning(reasoning),
            ..
        }) = &self.open
            && (reasoning.signature.is_empty() || !is_text)
        {
            return;
        }
        let mark = Mark {
            tag: self.tag,
            member,
        };
        let kind = OpenKind::Reasoning(OpenReasoning {
            mark,
            text: String::new(),
            signature: String::new(),
        });
        self.open_item("rs", kind, out);
    }

    fn begin_call(&mut self, id: Option<&str>, name: &str, out: &mut Frames) {
        let index = self.next_index();
        let call_id = id
            .filter(|id| !id.is_empty() && id.chars().count() <= LONGEST_CALL_ID)
            .filter(|id| !self.call_ids.iter().any(|known| known == id))
            .map_or_else(|| self.ids.item("call", index), str::to_owned);
        self.call_ids.push(call_id.clone());
        let decoded = Escaped::plain(name).decoded().into_owned();
        let known = self.names.tool(&decoded);
        let inside = |text: &str| Escaped::text(text).inside().to_owned();
        let is_free_text = known.is_some_and(|tool| tool.is_free_text);
        let call = OpenCall {
            call_id,
            name: known.map_or_else(|| name.to_owned(), |tool| inside(&tool.name)),
            namespace: known.and_then(|tool| tool.namespace.as_deref().map(inside)),
            is_free_text,
            arguments: String::new(),
            has_ended: None,
        };
        let prefix = if is_free_text { "ctc" } else { "fc" };
        self.open_item(prefix, OpenKind::Call(call), out);
    }

    fn arguments(&mut self, piece: &str, out: &mut Frames) {
        if let Some(OpenItem {
            place,
            kind: OpenKind::Call(call),
            ..
        }) = &mut self.open
        {
            call.push(piece, place, &mut self.events, out);
        }
    }

    /// An image whose URL holds it; others are not of this dialect.
    fn image(&mut self, url: &str, out: &mut Frames) {
        let Some((_, data)) = Escaped::plain(url).base64_parts() else {
            return;
        };
        self.close(false, out);
        let index = self.next_index();
        let id = self.ids.item("ig", index);
        let item = |status: &str, result: &str| {
            format!(
                r#"{{"id":"{id}","type":"image_generation_call","status":"{status}","result":{result}}}"#
            )
        };
        self.begin_item(&item("in_progress", "null"), index, out);
        let result = ["\"", data.inside(), "\""].concat();
        self.end_item(&item("completed", &result), index, out);
    }

    /// Opens an item behind the one that is open, which ends.
    fn open_item(&mut self, prefix: &str, kind: OpenKind, out: &mut Frames) {
        self.close(false, out);
        let index = self.next_index();
        let id = match &kind {
            OpenKind::Reasoning(reasoning) => self.ids.reasoning(reasoning.mark, index),
            _ => self.ids.item(prefix, index),
        };
        let status = "in_progress";
        let item = match &kind {
            OpenKind::Reasoning(reasoning) => reasoning.item(&id, status),
            OpenKind::Message(message) => message.item(&id, status),
            OpenKind::Call(call) => call.item(&id, status, ""),
        };
        self.begin_item(&item, index, out);
        self.open = Some(OpenItem {
            place: format!(r#""item_id":"{id}","output_index":{index}"#),
            id,
            index,
            kind,
        });
    }

    /// Ends the item that is open, if there is one; `is_cut` where the answer was cut in it.
    fn close(&mut self, is_cut: bool, out: &mut Frames) {
        let Some(open) = self.open.take() else { return };
        let OpenItem {
            id,
            place,
            index,
            kind,
        } = open;
        let events = &mut self.events;
        let item = match kind {
            OpenKind::Message(message) => message.close(&id, is_cut, &mut self.marks, events, out),
            OpenKind::Reasoning(reasoning) => reasoning.close(&id, &place, is_cut, events, out),
            OpenKind::Call(call) => call.close(&id, &place, is_cut, events, out),
        };
        self.end_item(&item, index, out);
    }

    fn begin_item(&mut self, item: &str, index: usize, out: &mut Frames) {
        let kind = "response.output_item.added";
        self.events.put_item(kind, index, item, out);
    }

    fn end_item(&mut self, item: &str, index: usize, out: &mut Frames) {
        let kind = "response.output_item.done";
        self.events.put_item(kind, index, item, out);
        push_comma(&mut self.output);
        self.output.push_str(item);
        self.item_count += 1;
    }

    fn lifecycle(&mut self, kind: &str, status: Status<'_>, out: &mut Frames) {
        let is_begin = status == Status::InProgress;
        let frame = self.frame.write(Progress {
            status,
            output: &self.output,
            usage: self.usage.filter(|_| !is_begin),
            now: self.now,
        });
        match self.routing_summary.take() {
            Some(summary) => {
                let members = ["\"response\":", &frame, ",\"routing_summary\":", &summary];
                self.events.put(kind, &members, out);
            }
            None => self.events.put(kind, &["\"response\":", &frame], out),
        }
    }

    /// The place of the next item: of one that opens once the open one has ended.
    fn next_index(&self) -> usize {
        self.item_count + usize::from(self.open.is_some())
    }

    fn open_message(&mut self) -> Option<&mut OpenMessage> {
        match &mut self.open.as_mut()?.kind {
            OpenKind::Message(message) => Some(message),
            _ => None,
        }
    }

    fn open_call(&mut self) -> Option<&mut OpenCall> {
        match &mut self.open.as_mut()?.kind {
            OpenKind::Call(call) => Some(call),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
