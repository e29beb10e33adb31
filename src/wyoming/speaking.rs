//! Text to speech: a text, whole or in pieces, as sound that is sent as it comes.

use std::io::Read;

use crate::config::{Config, Step};
use crate::dialect::error::Code;
use crate::dialect::wyoming::event::Event;
use crate::dialect::wyoming::resampler::Resampler;
use crate::dialect::wyoming::sentences::Sentences;
use crate::dialect::wyoming::wav::{Beginning, PcmFormat, beginning, data_length, rate_in};
use crate::json::raw;

use super::connection::Connection;
use super::endpoints::{Answer, Endpoints, Question};
use super::fault::Fault;

/// The form of bare PCM where nobody says another: OpenAI's.
const USUAL: PcmFormat = PcmFormat {
    rate: 24_000,
    width: 2,
    channels: 1,
};

/// The fewest samples of an event but the last, and the bytes of one read.
const FEWEST_SAMPLES: usize = 1024;
const AT_ONCE: usize = 16 * 1024;

/// The longest text that is spoken in one request (bytes): OpenAI takes 4,096 characters. A longer one is spoken sentence
/// by sentence.
const LONGEST_TEXT: usize = 4000;

/// A text that is being spoken.
pub struct Speaking {
    voice: Option<String>,
    sentences: Sentences,
    /// The form of the sound so far; `None` before the first of it.
    begun: Option<PcmFormat>,
}

impl Speaking {
    /// A text that an event opens, which may name the voice.
    pub fn new(event: &Event) -> Self {
        Self {
            voice: event
                .text_in("voice", "name")
                .filter(|name| !name.is_empty()),
            sentences: Sentences::default(),
            begun: None,
        }
    }

    /// Speaks a whole text.
    ///
    /// # Errors
    /// It could not be spoken, or the peer has gone.
    pub fn say_all(
        &mut self,
        text: &str,
        config: &Config,
        endpoints: &dyn Endpoints,
        connection: &Connection,
    ) -> Result<(), Fault> {
        if text.len() > LONGEST_TEXT {
            self.say_piece(text, config, endpoints, connection)?;
            return self.say_rest(config, endpoints, connection);
        }
        match text.chars().any(char::is_alphanumeric) {
            true => self.say(text, config, endpoints, connection),
            false => Ok(()),
        }
    }

    /// Takes a piece of a text, and speaks the sentences that are whole with it.
    ///
    /// # Errors
    /// As [`Self::say_all`].
    pub fn say_piece(
        &mut self,
        piece: &str,
        config: &Config,
        endpoints: &dyn Endpoints,
        connection: &Connection,
    ) -> Result<(), Fault> {
        let whole = self.sentences.push(piece);
        let mut whole = whole.iter();
        whole.try_for_each(|sentence| self.say(sentence, config, endpoints, connection))
    }

    /// Speaks what is left of a text.
    ///
    /// # Errors
    /// As [`Self::say_all`].
    pub fn say_rest(
        &mut self,
        config: &Config,
        endpoints: &dyn Endpoints,
        connection: &Connection,
    ) -> Result<(), Fault> {
        match self.sentences.rest() {
            Some(rest) => self.say(&rest, config, endpoints, connection),
            None => Ok(()),
        }
    }

    /// Ends the sound. A text without a word is one without a sample.
    ///
    /// # Errors
    /// The peer has gone.
    pub fn end(&mut self, connection: &Connection) -> Result<(), Fault> {
        if self.begun.is_none() {
            self.begin(USUAL, connection)?;
        }
        connection.send("audio-stop", "", &[])
    }

    fn say(
        &mut self,
        text: &str,
        config: &Config,
        endpoints: &dyn Endpoints,
        connection: &Connection,
    ) -> Result<(), Fault> {
        let wyoming = config.wyoming.as_ref().ok_or(Fault::Gone)?;
        let Some(route) = &wyoming.tts else {
            let text = "no route is configured for text to speech";
            return Err(Fault::told(Code::NotFound, text));
        };
        let voice = self.voice.as_ref().or(wyoming.voices.first());
        let body = format!(
            "{{\"model\":{},\"input\":{},\"voice\":{},\"response_format\":\"pcm\"}}",
            raw::quoted(route),
            raw::quoted(text),
            raw::quoted(voice.map_or("", String::as_str)),
        );
        let answer = endpoints.post(
            &Question {
                path: "/v1/audio/speech",
                content_type: "application/json",
                body: &[body.as_bytes()],
            },
            &connection.watch(),
        );
        let answer = answer.map_err(|error| Fault::told(Code::Internal, error))?;
        if answer.status != 200 {
            return Err(Fault::of_refusal(answer));
        }
        let assumed = assumed_format(&answer, config, route);
        self.pass_on(answer.body, assumed, connection)
    }

    /// Sends the sound of an answer as it comes. `assumed` is its form where it does not tell.
    fn pass_on(
        &mut self,
        mut body: Box<dyn Read>,
        assumed: PcmFormat,
        connection: &Connection,
    ) -> Result<(), Fault> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut known: Option<Sound> = None;
        loop {
            let filled = bytes.len();
            bytes.resize(filled + AT_ONCE, 0);
            let room = bytes.get_mut(filled..).unwrap_or_default();
            let read = body.read(room);
            let read = read.map_err(|_| Fault::told(Code::Internal, "the speech broke off"))?;
            bytes.truncate(filled + read);
            let is_end = read == 0;
            let sound = match &mut known {
                Some(sound) => sound,
                None => match Sound::begin(&mut bytes, assumed, is_end)? {
                    Some(sound) => known.insert(sound),
                    None => continue,
                },
            };
            let whole = sound.whole_of(&mut bytes);
            if whole > 0 && (is_end || whole >= FEWEST_SAMPLES * sound.format.block()) {
                self.send(sound, bytes.get(..whole).unwrap_or_default(), connection)?;
                sound.left = sound.left.saturating_sub(whole);
                bytes.drain(..whole);
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// Sends whole samples.
    fn send(
        &mut self,
        sound: &mut Sound,
        pcm: &[u8],
        connection: &Connection,
    ) -> Result<(), Fault> {
        if !sound.is_begun {
            sound.way = self.way_from(sound.format, connection)?;
            sound.is_begun = true;
        }
        let form = form(self.begun.unwrap_or(sound.format));
        match &mut sound.way {
            Some(way) => connection.send("audio-chunk", &form, &way.push(pcm)),
            None => connection.send("audio-chunk", &form, pcm),
        }
    }

    fn begin(&mut self, format: PcmFormat, connection: &Connection) -> Result<(), Fault> {
        self.begun = Some(format);
        connection.send("audio-start", &form(format), &[])
    }

    /// The way from the form of an answer to that of the sound so far, which the player has been told; `None` where they
    /// are the same.
    fn way_from(
        &mut self,
        format: PcmFormat,
        connection: &Connection,
    ) -> Result<Option<Resampler>, Fault> {
        match self.begun {
            None => self.begin(format, connection).map(|()| None),
            Some(begun) if begun == format => Ok(None),
            Some(begun) => match Resampler::new(format, begun) {
                Some(resampler) => Ok(Some(resampler)),
                None => {
                    let text = "two steps of the route speak with other channels or sample widths";
                    Err(Fault::told(Code::RouteExecutionFailed, text))
                }
            },
        }
    }
}

/// The sound of an answer.
struct Sound {
    format: PcmFormat,
    /// The bytes that are still to come, as far as they are known.
    left: usize,
    /// The way to the form that the player was told, once there are samples.
    way: Option<Resampler>,
    is_begun: bool,
}

impl Sound {
    /// Looks at the first bytes, and takes the head of a WAV off; `None` where more have to come before they tell.
    fn begin(bytes: &mut Vec<u8>, assumed: PcmFormat, is_end: bool) -> Result<Option<Self>, Fault> {
        let (format, left) = match beginning(bytes) {
            Beginning::Unknown if !is_end => return Ok(None),
            Beginning::Unknown | Beginning::Bare => (assumed, usize::MAX),
            Beginning::Wav(format, at) => {
                let length = data_length(bytes, at);
                bytes.drain(..at.min(bytes.len()));
                (format, length)
            }
            Beginning::Other => {
                let text = "the speech is no PCM";
                return Err(Fault::told(Code::RouteExecutionFailed, text));
            }
        };
        Ok(Some(Self {
            format,
            left,
            way: None,
            is_begun: false,
        }))
    }

    /// The bytes of whole samples; what is no sound, behind the end that a WAV names, goes.
    fn whole_of(&self, bytes: &mut Vec<u8>) -> usize {
        bytes.truncate(self.left);
        let block = self.format.block();
        bytes.len() / block * block
    }
}

fn form(format: PcmFormat) -> String {
    let PcmFormat {
        rate,
        width,
        channels,
    } = format;
    format!("{{\"rate\":{rate},\"width\":{width},\"channels\":{channels},\"timestamp\":0}}")
}

/// The form of bare PCM in an answer: the rate of the step that gave it, else of its type.
fn assumed_format(answer: &Answer, config: &Config, route: &str) -> PcmFormat {
    let route = config.routes.iter().find(|it| it.name == route);
    let mut steps = route.iter().flat_map(|route| &route.steps);
    let has_answered = |step: &&Step| {
        let named = answer.served_by.strip_prefix(step.provider.name.as_str());
        named.and_then(|rest| rest.strip_prefix('/')) == Some(step.model.as_str())
    };
    let of_step = steps.find(has_answered).and_then(|step| step.pcm_rate);
    PcmFormat {
        rate: of_step
            .or_else(|| rate_in(&answer.content_type))
            .unwrap_or(USUAL.rate),
        ..USUAL
    }
}
