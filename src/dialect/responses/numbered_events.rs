//! The events of one stream on their way out, numbered from 0 without gaps: strict clients abort otherwise.

use std::fmt::Write as _;

use crate::dialect::translate::Frames;

/// The number of the next event.
#[derive(Debug, Default)]
pub struct NumberedEvents {
    next: u64,
}

impl NumberedEvents {
    /// Puts an event; `members` are pieces of JSON, those behind its type and its number.
    pub fn put(&mut self, kind: &str, members: &[&str], out: &mut Frames) {
        out.put(Some(kind), |data| {
            data.push_str("{\"type\":\"");
            data.push_str(kind);
            data.push_str("\",\"sequence_number\":");
            // A String takes whatever is written.
            let _ = write!(data, "{},", self.next);
            members.iter().for_each(|member| data.push_str(member));
            data.push('}');
        });
        self.next = self.next.saturating_add(1);
    }

    /// Puts an event about an item as a whole.
    pub fn put_item(&mut self, kind: &str, index: usize, item: &str, out: &mut Frames) {
        let members = ["\"output_index\":", &index.to_string(), ",\"item\":", item];
        self.put(kind, &members, out);
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.next
    }
}
