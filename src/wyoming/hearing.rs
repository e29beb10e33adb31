//! Speech to text: a recording as it comes, and its transcript.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;

use crate::budget::{Budget, Charge};
use crate::config::Wyoming;
use crate::dialect::error::Code;
use crate::dialect::wyoming::event::Event;
use crate::dialect::wyoming::wav::PcmFormat;
use crate::json::raw;

use super::connection::Connection;
use super::endpoints::{Endpoints, Question};
use super::fault::Fault;

/// The part of a second below which a recording is a click, and no provider is asked.
const SHORTEST: usize = 10;

/// The longest transcript (bytes).
const LONGEST_TRANSCRIPT: u64 = 4 * 1024 * 1024;

/// A recording under way.
pub struct Hearing {
    language: Option<String>,
    format: Option<PcmFormat>,
    pcm: Vec<u8>,
    charge: Charge,
}

impl Hearing {
    /// A recording that an event opens: `transcribe`, which may name its language, or the first of the sound.
    pub fn new(event: &Event, budget: &Budget) -> Self {
        Self {
            language: event.text("language").and_then(|tag| language(&tag)),
            format: None,
            pcm: Vec::new(),
            charge: budget.empty(),
        }
    }

    /// Takes the form of the sound, which begins here.
    ///
    /// # Errors
    /// No sound has this form.
    pub fn begin(&mut self, event: &Event) -> Result<(), Fault> {
        let number = |name| event.number(name).unwrap_or_default();
        let format = PcmFormat::new(number("rate"), number("width"), number("channels"));
        if format.is_none() {
            let text = "the sound has no rate, width and channels that make sense";
            return Err(Fault::told(Code::ValidationFailed, text));
        }
        self.format = format;
        self.pcm.clear();
        Ok(())
    }

    /// Takes a piece of the sound.
    ///
    /// # Errors
    /// There is more of it than an upload may have (`longest`, bytes), or no memory for it.
    pub fn take(&mut self, event: Event, longest: usize) -> Result<(), Fault> {
        if self.format.is_none() {
            self.begin(&event)?;
        }
        let length = self.pcm.len() + event.payload.len();
        if length > longest {
            let text = format!("the recording has more than {longest} bytes");
            return Err(Fault::told(Code::BodyTooLarge, text));
        }
        if !self.charge.cover(length) {
            let text = "there is no memory for the recording";
            return Err(Fault::told(Code::Overloaded, text));
        }
        self.pcm.extend_from_slice(&event.payload);
        Ok(())
    }

    /// Sends the transcript.
    ///
    /// # Errors
    /// There is none, or the peer has gone.
    pub fn answer(
        mut self,
        wyoming: &Wyoming,
        endpoints: &dyn Endpoints,
        connection: &Connection,
    ) -> Result<(), Fault> {
        let Some(route) = &wyoming.stt else {
            let text = "no route is configured for speech to text";
            return Err(Fault::told(Code::NotFound, text));
        };
        let text = match self.format {
            Some(format) if self.pcm.len() >= format.second() / SHORTEST => {
                self.pcm
                    .truncate(self.pcm.len() / format.block() * format.block());
                self.transcript(format, route, endpoints, connection)?
            }
            _ => String::new(),
        };
        let mut data = format!("{{\"text\":{}", raw::quoted(&text));
        if let Some(language) = &self.language {
            data.push_str(&format!(",\"language\":{}", raw::quoted(language)));
        }
        data.push('}');
        connection.send("transcript", &data, &[])
    }

    fn transcript(
        &self,
        format: PcmFormat,
        route: &str,
        endpoints: &dyn Endpoints,
        connection: &Connection,
    ) -> Result<String, Fault> {
        // No peer can know it, so no recording holds it.
        let boundary = format!("{:016x}", RandomState::new().hash_one(0_u8));
        let before = self.form_before(&boundary, route);
        let after = format!("\r\n--{boundary}--\r\n");
        let head = format.head(self.pcm.len());
        let answer = endpoints.post(
            &Question {
                path: "/v1/audio/transcriptions",
                content_type: &format!("multipart/form-data; boundary={boundary}"),
                body: &[before.as_bytes(), &head, &self.pcm, after.as_bytes()],
            },
            &connection.watch(),
        );
        let answer = answer.map_err(|error| Fault::told(Code::Internal, error))?;
        if answer.status != 200 {
            return Err(Fault::of_refusal(answer));
        }
        let mut body = String::new();
        let read = answer
            .body
            .take(LONGEST_TRANSCRIPT)
            .read_to_string(&mut body);
        let text = read.ok().and_then(|_| raw::member(&body, "text"));
        let text = text.and_then(raw::lossy_text);
        let text = text.map(|text| text.trim().to_owned());
        text.ok_or_else(|| Fault::told(Code::Internal, "the transcript broke off"))
    }

    /// The form up to the bytes of the recording.
    fn form_before(&self, boundary: &str, route: &str) -> String {
        let mut form = String::new();
        let language = self.language.as_deref().map(|it| ("language", it));
        let fields = [("model", route), ("response_format", "json")];
        for (name, value) in fields.into_iter().chain(language) {
            form.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
        form.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
             Content-Type: audio/wav\r\n\r\n"
        ));
        form
    }
}

/// The language in a tag such as `de-CH`, as providers know it; `None` where it is none.
fn language(tag: &str) -> Option<String> {
    let language = tag.split(['-', '_']).next().unwrap_or_default();
    let is_language = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_language.then(|| language.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_the_first_part_of_its_tag() {
        for (tag, expected) in [
            ("de-CH", Some("de")),
            ("EN_us", Some("en")),
            ("fil", Some("fil")),
            ("", None),
            ("auto", None),
            ("d\r\n", None),
        ] {
            assert_eq!(language(tag).as_deref(), expected, "{tag:?}");
        }
    }
}
