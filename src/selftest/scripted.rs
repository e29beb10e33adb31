//! The scripted provider: a raw server on loopback that fails as a row says, down to resets and cuts.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

use crate::app::in_process::loopback;
use crate::config::Route;
use crate::json::raw;
use crate::sync::lock;
use crate::threads;

use super::rows::Fault;
use super::spoken::{self, PIECES, Spoken, Traits};

/// The longest request (bytes).
const LONGEST: usize = 1024 * 1024;

/// The length of vectors where the route does not say (numbers).
const DIMENSIONS: usize = 8;

/// The time between two looks whether the run is over.
const GLANCE: Duration = Duration::from_millis(20);

/// The script of one run, and what came of it.
pub struct Script {
    fault: Fault,
    /// Whether all steps fail so, or the first alone.
    all: bool,
    steps: Vec<ScriptedStep>,
    calls: Mutex<Vec<usize>>,
    /// The key that is dead: the first one that the first step was called with.
    dead_key: Mutex<Option<String>>,
    over: AtomicBool,
}

struct ScriptedStep {
    provider: usize,
    model: String,
    traits: Traits,
}

impl Script {
    pub fn new(route: &Route, fault: Fault, all: bool) -> Self {
        let steps = route.steps.iter().map(|step| {
            let dimensions = step.traits.vectors.dimensions;
            let dimensions = dimensions.and_then(|it| usize::try_from(it).ok());
            ScriptedStep {
                provider: step.provider.index,
                model: step.model.clone(),
                traits: Traits {
                    dimensions: dimensions.unwrap_or(DIMENSIONS).min(8192),
                    rerank: step.traits.rerank,
                },
            }
        });
        Self {
            fault,
            all,
            steps: steps.collect(),
            calls: Mutex::default(),
            dead_key: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    /// The steps that were called, in their order, from 0 on.
    pub fn calls(&self) -> Vec<usize> {
        lock(&self.calls).clone()
    }

    /// The step of a call; the first at the provider where the model is none of them (an edit may change it).
    fn step(&self, call: &ReceivedCall) -> Option<(usize, &ScriptedStep)> {
        let of_provider = || {
            let steps = self.steps.iter().enumerate();
            steps.filter(|(_, step)| step.provider == call.provider)
        };
        let exact = of_provider().find(|(_, step)| call.model.as_deref() == Some(&step.model));
        exact.or_else(|| of_provider().next())
    }

    fn fault_of(&self, index: usize, key: &str) -> Fault {
        if self.all {
            return self.fault;
        }
        match self.fault {
            _ if index != 0 => Fault::None,
            Fault::DeadKey => {
                let mut dead = lock(&self.dead_key);
                let dead = dead.get_or_insert_with(|| key.to_owned());
                match dead == key {
                    true => Fault::DeadKey,
                    false => Fault::None,
                }
            }
            fault => fault,
        }
    }
}

/// The scripted provider of a run: every provider of the configuration, told apart by the first segment of the path.
pub struct ScriptedProvider {
    pub address: SocketAddr,
    script: Arc<Script>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedProvider {
    /// # Errors
    /// The system has no port or thread for it.
    pub fn start(script: Arc<Script>) -> io::Result<Self> {
        let listener = TcpListener::bind(loopback(0))?;
        let address = listener.local_addr()?;
        let shared = Arc::clone(&script);
        let accept = move || accept(&listener, &shared);
        let thread = threads::start("scripted", threads::USUAL_STACK, accept)?;
        Ok(Self {
            address,
            script,
            thread: Some(thread),
        })
    }
}

impl Drop for ScriptedProvider {
    fn drop(&mut self) {
        self.script.over.store(true, Ordering::Release);
        // It waits in accept.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A port of loopback that refuses connections, kept from others.
pub struct RefusingPort {
    pub address: SocketAddr,
    _socket: OwnedFd,
}

impl RefusingPort {
    /// # Errors
    /// The system has no port or descriptor for it.
    pub fn new() -> io::Result<Self> {
        let bound = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&bound, &loopback(0))?;
        let address = getsockname(&bound)?.try_into()?;
        Ok(Self {
            address,
            _socket: bound,
        })
    }
}

fn accept(listener: &TcpListener, script: &Arc<Script>) {
    let mut threads = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if script.over.load(Ordering::Acquire) {
            break;
        }
        let script = Arc::clone(script);
        // A gateway that goes away meanwhile is no failure of the script.
        let answer = move || drop(answer(&stream, &script));
        threads.extend(threads::start("scripted", threads::USUAL_STACK, answer));
    }
    for thread in threads {
        drop(thread.join());
    }
}

struct ReceivedCall {
    provider: usize,
    path: String,
    key: String,
    model: Option<String>,
    stream: bool,
}

fn answer(mut stream: &TcpStream, script: &Script) -> io::Result<()> {
    let Some(call) = receive(stream, script)? else {
        return Ok(());
    };
    let Some((index, step)) = script.step(&call) else {
        return send(stream, 404, "application/json", "", b"{}");
    };
    lock(&script.calls).push(index);
    let Some(spoken) = Spoken::at(&call.path) else {
        return send(stream, 404, "application/json", "", b"{}");
    };
    let fault = script.fault_of(index, &call.key);
    let refuse = |status, more: &str, message: &str, kind: &str, code: &str| {
        let body = spoken.refusal(message, kind, code);
        send(stream, status, "application/json", more, &body)
    };
    match fault {
        Fault::LimitTold | Fault::LimitUntold => {
            let more = match fault {
                Fault::LimitTold => "Retry-After: 600\r\n",
                _ => "",
            };
            let kind = "rate_limit_error";
            refuse(429, more, "Rate limit reached.", kind, "rate_limit_exceeded")
        }
        Fault::Status(status) => refuse(
            status,
            "",
            "The server had an error.",
            "server_error",
            "server_error",
        ),
        Fault::DeadKey => refuse(
            401,
            "",
            "Incorrect API key provided.",
            "authentication_error",
            "invalid_api_key",
        ),
        Fault::NoModel => refuse(
            404,
            "",
            "The model does not exist.",
            "not_found_error",
            "model_not_found",
        ),
        Fault::TooLarge => refuse(
            413,
            "",
            "The request is too large.",
            "request_too_large",
            "request_too_large",
        ),
        Fault::Html => send(
            stream,
            200,
            "text/html",
            "",
            b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>It works.</body></html>",
        ),
        Fault::ErrorIn200 => refuse(
            200,
            "",
            "The server had an error.",
            "server_error",
            "server_error",
        ),
        Fault::Empty => send(
            stream,
            200,
            spoken.content_type(),
            "",
            &spoken.whole("", step.traits),
        ),
        // A connection that was taken all the same is one of another step at the same provider.
        Fault::ResetBefore | Fault::Refused => reset(stream),
        Fault::ResetInHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Ty")?;
            // What waits to be sent goes with a reset: the gateway has read it first.
            std::thread::sleep(GLANCE);
            reset(stream)
        }
        Fault::ArgumentsAsObject => send(
            stream,
            200,
            "application/json",
            "",
            &spoken::arguments_as_object(),
        ),
        Fault::CallWithoutIndex => {
            begin_stream(stream)?;
            stream.write_all(spoken::calls_without_index().concat().as_bytes())
        }
        Fault::None | Fault::CutBefore | Fault::CutAfter | Fault::Stall | Fault::Late => {
            well_or_broken(stream, script, fault, &call, spoken, step.traits)
        }
    }
}

fn well_or_broken(
    mut stream: &TcpStream,
    script: &Script,
    fault: Fault,
    call: &ReceivedCall,
    spoken: Spoken,
    traits: Traits,
) -> io::Result<()> {
    let frames = spoken.stream().filter(|_| call.stream);
    let Some(frames) = frames else {
        if fault == Fault::Late {
            return wait(stream, script);
        }
        let body = spoken.whole(&PIECES.concat(), traits);
        return send(stream, 200, spoken.content_type(), "", &body);
    };
    begin_stream(stream)?;
    stream.write_all(frames.before.concat().as_bytes())?;
    match fault {
        Fault::CutBefore => return reset(stream),
        Fault::Late => return wait(stream, script),
        _ => {}
    }
    for (number, piece) in frames.pieces.iter().enumerate() {
        stream.write_all(piece.as_bytes())?;
        match fault {
            Fault::CutAfter if number == 1 => return Ok(()),
            Fault::Stall if number == 1 => return wait(stream, script),
            _ => {}
        }
    }
    stream.write_all(frames.behind.concat().as_bytes())
}

/// Waits until the gateway gives up, or the run is over.
fn wait(mut stream: &TcpStream, script: &Script) -> io::Result<()> {
    stream.set_read_timeout(Some(GLANCE))?;
    let mut rest = [0; 64];
    while !script.over.load(Ordering::Acquire) {
        match stream.read(&mut rest) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn reset(stream: &TcpStream) -> io::Result<()> {
    Ok(set_socket_linger(stream, Some(Duration::ZERO))?)
}

/// A stream that ends with its connection.
fn begin_stream(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
    )
}

fn send(
    mut stream: &TcpStream,
    status: u16,
    content_type: &str,
    more: &str,
    body: &[u8],
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} S\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())
}

/// Reads a request; `None` where the connection carried none.
fn receive(mut stream: &TcpStream, script: &Script) -> io::Result<Option<ReceivedCall>> {
    stream.set_read_timeout(Some(GLANCE))?;
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
    while bytes.len() < LONGEST && !script.over.load(Ordering::Acquire) {
        if let Some(call) = read_call(&bytes) {
            return Ok(Some(call));
        }
        match stream.read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(read) => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A request whose bytes are all there.
fn read_call(bytes: &[u8]) -> Option<ReceivedCall> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head) = request.parse(bytes).ok()? else {
        return None;
    };
    let field = |name: &str| {
        let found = request
            .headers
            .iter()
            .find(|it| it.name.eq_ignore_ascii_case(name));
        found.and_then(|it| std::str::from_utf8(it.value).ok())
    };
    let length: usize = field("content-length").unwrap_or("0").parse().ok()?;
    let body = bytes.get(head..)?;
    if body.len() < length {
        return None;
    }
    let path = request.path.unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let provider = path.strip_prefix("/p")?.split('/').next()?;
    let text = String::from_utf8_lossy(body);
    let is_json = text.trim_start().starts_with('{');
    let member = |name: &str| is_json.then(|| raw::member(&text, name)).flatten();
    let model = match is_json {
        true => member("model")
            .and_then(raw::text)
            .map(|it| it.into_owned()),
        false => field_of_form(&text, "model"),
    };
    Some(ReceivedCall {
        provider: provider.parse().ok()?,
        path: path.to_owned(),
        key: field("authorization")
            .or(field("x-api-key"))
            .unwrap_or_default()
            .to_owned(),
        model,
        stream: member("stream") == Some("true"),
    })
}

fn field_of_form(form: &str, name: &str) -> Option<String> {
    let (_, rest) = form.split_once(&format!("name=\"{name}\""))?;
    let (_, value) = rest.split_once("\r\n\r\n")?;
    let (value, _) = value.split_once("\r\n")?;
    Some(value.to_owned())
}
