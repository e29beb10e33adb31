//! A connection, event by event, in the order in which Home Assistant sends them.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Wyoming};
use crate::dialect::wyoming::event::Event;
use crate::dialect::wyoming::info::Services;
use crate::json::raw;

use super::connection::Connection;
use super::endpoints::Endpoints;
use super::fault::Fault;
use super::hearing::Hearing;
use super::place::Place;
use super::service::is_welcome;
use super::speaking::Speaking;

/// The time for the next event.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time for the next piece of a text that is being written: a language model may call a tool in the middle of it.
const PATIENCE_IN_TEXT: Duration = Duration::from_secs(120);

/// The thread of a connection.
pub struct Session<'s> {
    endpoints: &'s dyn Endpoints,
    connection: Connection,
    peer: IpAddr,
    place: Place,
    hearing: Option<Hearing>,
    /// The text that comes in pieces.
    speaking: Option<Speaking>,
}

impl<'s> Session<'s> {
    pub fn new(
        socket: Arc<TcpStream>,
        peer: IpAddr,
        place: Place,
        endpoints: &'s dyn Endpoints,
    ) -> Self {
        Self {
            connection: Connection::new(socket, endpoints.budget()),
            endpoints,
            peer,
            place,
            hearing: None,
            speaking: None,
        }
    }

    /// Answers the peer until it goes, or has to.
    pub fn run(mut self) {
        let fault = loop {
            if let Err(fault) = self.answer_next() {
                break fault;
            }
        };
        if let Fault::Told { text, code } = fault {
            log::debug!(address:% = self.peer, error = text.as_str(), code = code.as_str(); "wyoming: a request failed");
            let data = format!(
                "{{\"text\":{},\"code\":{}}}",
                raw::quoted(&text),
                raw::quoted(&code)
            );
            if self.connection.send("error", &data, &[]).is_ok() {
                self.connection.linger();
            }
        }
    }

    fn answer_next(&mut self) -> Result<(), Fault> {
        let patience = match self.speaking {
            Some(_) => PATIENCE_IN_TEXT,
            None => PATIENCE,
        };
        let event = self.connection.next(patience)?;
        let config = self.endpoints.config();
        let Some(wyoming) = &config.wyoming else {
            return Err(Fault::Gone);
        };
        if !is_welcome(self.endpoints, self.peer) {
            return Err(Fault::Gone);
        }
        self.answer(event, &config, wyoming)?;
        // Here no request is under way.
        match self.place.is_ending() {
            true => Err(Fault::Gone),
            false => Ok(()),
        }
    }

    fn answer(&mut self, event: Event, config: &Config, wyoming: &Wyoming) -> Result<(), Fault> {
        let Self {
            connection,
            endpoints,
            place,
            hearing,
            speaking,
            ..
        } = self;
        match event.kind.as_str() {
            "describe" => connection.send("info", &services(wyoming).info(), &[]),
            "ping" => {
                let text = event.text("text").map(|text| raw::quoted(&text));
                let data = text.map(|text| format!("{{\"text\":{text}}}"));
                connection.send("pong", &data.unwrap_or_default(), &[])
            }
            "transcribe" => {
                *hearing = Some(Hearing::new(&event, endpoints.budget()));
                Ok(())
            }
            "audio-start" => {
                let hearing =
                    hearing.get_or_insert_with(|| Hearing::new(&event, endpoints.budget()));
                hearing.begin(&event)
            }
            "audio-chunk" => {
                let hearing =
                    hearing.get_or_insert_with(|| Hearing::new(&event, endpoints.budget()));
                hearing.take(event, config.server.max_upload)
            }
            "audio-stop" => match hearing.take() {
                Some(heard) => place.at_work(|| heard.answer(wyoming, *endpoints, connection)),
                None => connection.send("transcript", "{\"text\":\"\"}", &[]),
            },
            // In the middle of a text that comes in pieces it is the whole of it again, for services that know no pieces.
            "synthesize" if speaking.is_some() => Ok(()),
            "synthesize" => {
                let text = event.text("text").unwrap_or_default();
                let mut speaking = Speaking::new(&event);
                place.at_work(|| {
                    speaking.say_all(&text, config, *endpoints, connection)?;
                    speaking.end(connection)
                })
            }
            "synthesize-start" => {
                *speaking = Some(Speaking::new(&event));
                Ok(())
            }
            "synthesize-chunk" => match speaking {
                Some(speaking) => {
                    let text = event.text("text").unwrap_or_default();
                    place.at_work(|| speaking.say_piece(&text, config, *endpoints, connection))
                }
                None => Ok(()),
            },
            "synthesize-stop" => match speaking.take() {
                Some(mut speaking) => place.at_work(|| {
                    speaking.say_rest(config, *endpoints, connection)?;
                    speaking.end(connection)?;
                    connection.send("synthesize-stopped", "", &[])
                }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn services(wyoming: &Wyoming) -> Services<'_> {
    Services {
        name: &wyoming.name,
        version: env!("CARGO_PKG_VERSION"),
        stt: wyoming.stt.as_deref(),
        tts: wyoming.tts.as_deref(),
        languages: &wyoming.languages,
        voices: &wyoming.voices,
    }
}
