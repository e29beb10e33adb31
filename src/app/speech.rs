//! Speech for Home Assistant in this process: a service that calls the gateway's own endpoints over loopback.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::probe;
use crate::budget::Budget;
use crate::client_socket::ClientSocket;
use crate::config::Config;
use crate::gateway::Reloadable;
use crate::http;
use crate::upstream::{Body, Call, Client, Method, Response, Settings};
use crate::wyoming::{Answer, Endpoints, Question, Service};

/// The time for the head of an answer, and for each read of its body. The steps of the route have their own timeouts, and
/// the peer may hang up: this is for a fault of our own.
const LIMIT: Duration = Duration::from_secs(600);

/// The service on the configured address, or on a listener that was inherited with it; `None` where none is configured.
/// `address` is one where the gateway listens.
///
/// # Errors
/// The address is in use, not this machine's, or not allowed; or the system has no descriptor or thread.
pub fn start(
    current: &Arc<Reloadable>,
    inherited: Option<TcpListener>,
    address: SocketAddr,
    budget: Budget,
) -> io::Result<Option<Service>> {
    let config = current.config();
    let Some(wyoming) = &config.wyoming else {
        return Ok(None);
    };
    let listener = match inherited {
        Some(listener) => listener,
        None => http::listen(wyoming.listen, &[])?,
    };
    let listening = listener.local_addr()?;
    let client = Client::new(Settings {
        max_idle: MOST_IDLE,
        ..Settings::default()
    });
    let endpoints = OwnEndpoints {
        current: Arc::clone(current),
        client: client.map_err(io::Error::other)?,
        address: probe::reachable(address),
        budget,
    };
    let service = Service::start(listener, Arc::new(endpoints))?;
    log::info!(address:% = listening; "listening for speech");
    Ok(Some(service))
}

/// The idle connections to ourselves: a house speaks with one voice at a time.
const MOST_IDLE: usize = 4;

struct OwnEndpoints {
    current: Arc<Reloadable>,
    client: Client,
    address: SocketAddr,
    budget: Budget,
}

impl Endpoints for OwnEndpoints {
    fn config(&self) -> Arc<Config> {
        self.current.config()
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn post(&self, question: &Question<'_>, peer: &ClientSocket) -> Result<Answer, String> {
        let answer = self.post_once(question, peer)?;
        // A reload between the look at the key and that at the request has changed it.
        let answer = match answer.head.status {
            401 => self.post_once(question, peer)?,
            _ => answer,
        };
        let header = |name| answer.head.header(name).unwrap_or_default().to_owned();
        Ok(Answer {
            status: answer.head.status,
            content_type: header("content-type"),
            served_by: header("x-routed-via"),
            body: Box::new(Reading(answer.body)),
        })
    }
}

impl OwnEndpoints {
    fn post_once(&self, question: &Question<'_>, peer: &ClientSocket) -> Result<Response, String> {
        let config = self.config();
        let wyoming = config.wyoming.as_ref().ok_or("speech is off")?;
        let bearer = format!("Bearer {}", wyoming.key.expose());
        let call = Call {
            method: Method::Post,
            url: &format!("http://{}{}", self.address, question.path),
            headers: &[
                ("Authorization", bearer.as_str()),
                ("Content-Type", question.content_type),
            ],
            body: Some(question.body),
            deadline: Instant::now() + LIMIT,
            client: Some(peer),
        };
        self.client.call(call).map_err(|error| error.to_string())
    }
}

struct Reading(Box<Body>);

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer, Instant::now() + LIMIT);
        read.map_err(io::Error::other)
    }
}
