//! An event: one line `{"type","data"?,"data_length"?,"payload_length"?}`, then `data_length` bytes of JSON, which are merged
//! into `data`, then `payload_length` bytes.

use crate::json::raw;

/// The longest line, and the most bytes of JSON and of payload behind it.
pub const MAX_LINE: usize = 64 * 1024;
pub const MAX_DATA: u64 = 1024 * 1024;
pub const MAX_PAYLOAD: u64 = 1024 * 1024;

/// The line of an event: its type, the JSON in it, and how much follows.
#[derive(Debug, PartialEq, Eq)]
pub struct EventLine {
    pub kind: String,
    /// The members of `data` in the line; empty without them.
    pub data: String,
    pub data_length: usize,
    pub payload_length: usize,
}

/// A whole event.
#[derive(Debug, Default)]
pub struct Event {
    pub kind: String,
    /// The members in the line, and those behind it.
    data: [String; 2],
    pub payload: Vec<u8>,
}

impl EventLine {
    /// Reads a line; `None` where it is no event, or announces more than an event may have.
    pub fn read(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.trim();
        if !raw::is_object(text) || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            return None;
        }
        let length = |name, most: u64| match raw::member(text, name) {
            None | Some("null") => Some(0),
            Some(number) => {
                let number = raw::whole_number(number).filter(|number| *number <= most)?;
                usize::try_from(number).ok()
            }
        };
        let data = raw::member(text, "data").filter(|data| raw::is_object(data));
        Some(Self {
            kind: raw::member(text, "type").and_then(raw::text)?.into_owned(),
            data: data.unwrap_or_default().to_owned(),
            data_length: length("data_length", MAX_DATA)?,
            payload_length: length("payload_length", MAX_PAYLOAD)?,
        })
    }

    /// The event with what came behind its line; `None` where the data are no JSON object.
    pub fn with(self, data: Vec<u8>, payload: Vec<u8>) -> Option<Event> {
        let behind = String::from_utf8(data).ok()?;
        let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(&behind).is_ok();
        let is_data = behind.is_empty() || raw::is_object(behind.trim_start()) && is_json();
        is_data.then_some(Event {
            kind: self.kind,
            data: [self.data, behind],
            payload,
        })
    }
}

impl Event {
    /// A text in the data; `None` where it is absent, or no text. What stands behind the line counts.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.member(name).and_then(raw::text)?;
        Some(text.into_owned())
    }

    /// A text of an object in the data.
    pub fn text_in(&self, object: &str, name: &str) -> Option<String> {
        let text = raw::member(self.member(object)?, name).and_then(raw::text)?;
        Some(text.into_owned())
    }

    /// A number in the data.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.member(name).and_then(raw::whole_number)
    }

    fn member(&self, name: &str) -> Option<&str> {
        let mut parts = self.data.iter().rev();
        parts.find_map(|part| raw::member(part, name))
    }
}

/// The bytes of an event; `data` is a JSON object.
pub fn event(kind: &str, data: &str, payload: &[u8]) -> Vec<u8> {
    let mut line = String::from("{\"type\":");
    raw::push_quoted(&mut line, kind);
    line.push_str(",\"version\":\"1.10.0\"");
    if !data.is_empty() {
        line.push_str(&format!(",\"data_length\":{}", data.len()));
    }
    if !payload.is_empty() {
        line.push_str(&format!(",\"payload_length\":{}", payload.len()));
    }
    line.push_str("}\n");
    [line.as_bytes(), data.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_follows() {
        let line = EventLine::read(
            br#"{"type":"audio-chunk","data":{"rate":16000},"data_length":13,"payload_length":4,"version":"1.10.0"}"#,
        );
        let line = line.unwrap();
        assert_eq!((line.data_length, line.payload_length), (13, 4));
        let event = line
            .with(br#"{"rate":22050}"#.to_vec(), vec![1, 2, 3, 4])
            .unwrap();
        assert_eq!(
            event.number("rate"),
            Some(22_050),
            "what stands behind counts"
        );
        assert_eq!(event.payload, [1, 2, 3, 4]);
    }

    /// Whatever a port scanner, a browser or an enemy sends.
    #[test]
    fn anything_else_is_no_event() {
        for line in [
            &b"GET / HTTP/1.1"[..],
            b"",
            b"[]",
            b"{",
            b"{\"type\":1}",
            b"{\"data\":{}}",
            b"{\"type\":\"x\",\"payload_length\":1048577}",
            b"{\"type\":\"x\",\"data_length\":-1}",
            b"{\"type\":\"x\",\"data_length\":99999999999999999999}",
            b"{\"type\":\"x\",\"data_length\":\"5\"}",
            b"\xff\xfe",
            b"{\"type\":\"x\"} trailing",
        ] {
            assert_eq!(
                EventLine::read(line),
                None,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn data_behind_a_line_have_to_be_an_object() {
        for (data, is_event) in [
            (&b""[..], true),
            (b"{}", true),
            (b"[]", false),
            (b"{\"a\":", false),
            (b"\xff", false),
        ] {
            let line = EventLine::read(b"{\"type\":\"x\"}").unwrap();
            assert_eq!(line.with(data.to_vec(), Vec::new()).is_some(), is_event);
        }
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let bytes = event("transcript", r#"{"text":"a \"b\""}"#, b"xy");
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let line = EventLine::read(&bytes[..end]).unwrap();
        let (data, payload) = bytes[end + 1..].split_at(line.data_length);
        let event = line.with(data.to_vec(), payload.to_vec()).unwrap();
        assert_eq!(event.kind, "transcript");
        assert_eq!(event.text("text").as_deref(), Some("a \"b\""));
        assert_eq!(event.payload, b"xy");
    }
}
