//! The message that is open, part after part.

use super::numbered_events::NumberedEvents;
use super::open_item::status_of;
use super::text_marks::{TextMarks, annotation, push_comma};
use crate::dialect::translate::Frames;

/// A message under construction. Texts are the insides of JSON strings.
#[derive(Debug, Default)]
pub struct OpenMessage {
    /// The parts that are done, raw and with commas.
    parts: String,
    part_count: usize,
    part: Option<OpenPart>,
}

#[derive(Debug)]
struct OpenPart {
    kind: PartKind,
    /// The members of its events that tell it.
    place: String,
    text: String,
    /// Log probabilities, raw and with commas.
    logprobs: String,
}

/// The kind of a message's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    Text,
    Refusal,
}

impl OpenMessage {
    /// Adds to the part that is open, or opens one; `place` tells the message.
    pub fn push(
        &mut self,
        kind: PartKind,
        text: &str,
        place: &str,
        marks: &mut TextMarks,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) {
        if self.part.as_ref().is_some_and(|part| part.kind != kind) {
            self.close_part(marks, events, out);
        }
        let index = self.part_count;
        let part = self.part.get_or_insert_with(|| {
            let place = format!("{place},\"content_index\":{index}");
            let members = [&*place, ",\"part\":", &kind.part("", "", "")];
            events.put("response.content_part.added", &members, out);
            OpenPart {
                kind,
                place,
                text: String::new(),
                logprobs: String::new(),
            }
        });
        part.text.push_str(text);
        let (place, name) = (&*part.place, ",\"delta\":\"");
        match kind {
            PartKind::Text => {
                let logprobs = marks.take_logprobs();
                let members = [place, name, text, "\",\"logprobs\":[", &logprobs, "]"];
                events.put("response.output_text.delta", &members, out);
                part.note_logprobs(&logprobs);
            }
            PartKind::Refusal => {
                events.put("response.refusal.delta", &[place, name, text, "\""], out)
            }
        }
    }

    /// Ends it, and gives the item as it is done.
    pub fn close(
        mut self,
        id: &str,
        is_cut: bool,
        marks: &mut TextMarks,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) -> String {
        self.close_part(marks, events, out);
        self.item(id, status_of(is_cut))
    }

    /// Ends the part that is open, if there is one.
    fn close_part(&mut self, marks: &mut TextMarks, events: &mut NumberedEvents, out: &mut Frames) {
        let Some(part) = self.part.take() else { return };
        let done = part.close(marks, events, out);
        push_comma(&mut self.parts);
        self.parts.push_str(&done);
        self.part_count += 1;
    }

    /// The item, with the parts that are done.
    pub fn item(&self, id: &str, status: &str) -> String {
        [
            r#"{"id":""#,
            id,
            r#"","type":"message","role":"assistant","status":""#,
            status,
            r#"","content":["#,
            &self.parts,
            "]}",
        ]
        .concat()
    }

    /// The memory of what it holds (bytes).
    pub fn bytes(&self) -> usize {
        let part = self.part.as_ref();
        self.parts.len() + part.map_or(0, |part| part.text.len() + part.logprobs.len())
    }
}

impl OpenPart {
    /// Ends it, and gives the part as it is done.
    fn close(
        mut self,
        marks: &mut TextMarks,
        events: &mut NumberedEvents,
        out: &mut Frames,
    ) -> String {
        let mut annotations = String::new();
        match self.kind {
            PartKind::Text => {
                for (nth, citation) in marks.take_citations().into_iter().enumerate() {
                    let annotation = annotation(&citation);
                    let nth = nth.to_string();
                    let members = [
                        &*self.place,
                        ",\"annotation_index\":",
                        &nth,
                        ",\"annotation\":",
                        &annotation,
                    ];
                    events.put("response.output_text.annotation.added", &members, out);
                    push_comma(&mut annotations);
                    annotations.push_str(&annotation);
                }
                self.note_logprobs(&marks.take_logprobs());
                let members = [
                    &*self.place,
                    ",\"text\":\"",
                    &self.text,
                    "\",\"logprobs\":[",
                    &self.logprobs,
                    "]",
                ];
                events.put("response.output_text.done", &members, out);
            }
            PartKind::Refusal => {
                let members = [&*self.place, ",\"refusal\":\"", &self.text, "\""];
                events.put("response.refusal.done", &members, out);
            }
        }
        let done = self.kind.part(&self.text, &annotations, &self.logprobs);
        events.put(
            "response.content_part.done",
            &[&self.place, ",\"part\":", &done],
            out,
        );
        done
    }

    fn note_logprobs(&mut self, logprobs: &str) {
        if !logprobs.is_empty() {
            push_comma(&mut self.logprobs);
            self.logprobs.push_str(logprobs);
        }
    }
}

impl PartKind {
    /// The part with a text; `annotations` and `logprobs` are raw and with commas.
    fn part(self, text: &str, annotations: &str, logprobs: &str) -> String {
        match self {
            Self::Text => [
                r#"{"type":"output_text","text":""#,
                text,
                r#"","annotations":["#,
                annotations,
                r#"],"logprobs":["#,
                logprobs,
                "]}",
            ]
            .concat(),
            Self::Refusal => [r#"{"type":"refusal","refusal":""#, text, "\"}"].concat(),
        }
    }
}
