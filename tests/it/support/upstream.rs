//! A provider on a raw socket that does exactly what it is told and keeps what it was sent.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::script::{Action, Script};
use super::wire::{Framing, Head, Input};
use super::{PATIENCE, Signal, openai};

/// How often a waiting upstream looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(5);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: Head,
    pub body: Vec<u8>,
    /// When its last byte was read.
    pub at: Instant,
    /// When the gateway closed the connection before the script was through.
    pub abandoned: Option<Instant>,
}

impl Request {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Without parsing: some tests send what no parser here takes.
    pub fn asks_for_a_stream(&self) -> bool {
        self.text().contains(r#""stream":true"#)
    }

    /// What a provider without fault answers to it.
    pub fn answer(&self, text: &str) -> Script {
        if self.head.first_line.starts_with("GET ") {
            Script::json(200, &openai::models(&["model-a"]))
        } else if self.asks_for_a_stream() {
            Script::events(openai::events(&[text]))
        } else {
            Script::json(200, &openai::answer(text))
        }
    }
}

type Answers = Box<dyn Fn(&Request) -> Script + Send + Sync>;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    ended: AtomicBool,
    resets_on_accept: bool,
    otherwise: Answers,
}

#[derive(Default)]
struct State {
    scripts: VecDeque<Script>,
    requests: Vec<Request>,
    connections: Vec<TcpStream>,
    accepted: usize,
}

pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Upstream {
    /// Answers well: this text to plain and streamed requests, one model to `GET /models`.
    pub fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Self::answering(move |request| request.answer(&text))
    }

    /// The same after a while.
    pub fn saying_late(text: &str, after: Duration) -> Self {
        let text = text.to_owned();
        Self::answering(move |request| request.answer(&text).after(after))
    }

    /// The same when the signal is given.
    pub fn saying_after(text: &str, signal: &Signal) -> Self {
        let (text, signal) = (text.to_owned(), signal.clone());
        Self::answering(move |request| request.answer(&text).after_signal(&signal))
    }

    /// Does the same with every request.
    pub fn always(script: Script) -> Self {
        Self::answering(move |_| script.clone())
    }

    pub fn answering(otherwise: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Self {
        Self::start(false, Box::new(otherwise))
    }

    /// Resets every connection it accepts.
    pub fn resetting_on_accept() -> Self {
        Self::start(true, Box::new(|_| Script::default()))
    }

    fn start(resets_on_accept: bool, otherwise: Answers) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            ended: AtomicBool::new(false),
            resets_on_accept,
            otherwise,
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// What the next request without a script gets, before the standing answer.
    pub fn then(&self, script: Script) -> &Self {
        self.shared.state.lock().unwrap().scripts.push_back(script);
        self
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.shared.state.lock().unwrap().requests.clone()
    }

    /// The only request there was.
    pub fn request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "requests at the upstream");
        requests.remove(0)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().accepted
    }

    /// Waits until so many requests have arrived.
    pub fn wait_for_requests(&self, count: usize) -> Vec<Request> {
        self.wait(|state| state.requests.len() >= count, "a request")
            .requests
            .clone()
    }

    /// Waits until the requests so far hold what is wanted.
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&[Request]) -> Option<T>) -> T {
        let state = self.wait(|state| find(&state.requests).is_some(), what);
        find(&state.requests).unwrap()
    }

    /// Waits until the gateway gives up on a request, and tells when it did.
    pub fn wait_for_abandonment(&self, request: usize) -> Instant {
        let abandoned = |state: &State| state.requests.get(request)?.abandoned;
        let state = self.wait(|state| abandoned(state).is_some(), "a hang-up");
        abandoned(&state).unwrap()
    }

    fn wait(&self, until: impl Fn(&State) -> bool, what: &str) -> std::sync::MutexGuard<'_, State> {
        let state = self.shared.state.lock().unwrap();
        let (state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !until(state))
            .unwrap();
        assert!(!timeout.timed_out(), "the upstream never saw {what}");
        state
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        if let Ok(state) = self.shared.state.lock() {
            for connection in &state.connections {
                drop(connection.shutdown(Shutdown::Both));
            }
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        {
            let mut state = shared.state.lock().unwrap();
            state.accepted += 1;
            state.connections.extend(stream.try_clone());
        }
        shared.changed.notify_all();
        if shared.resets_on_accept {
            reset(&stream, shared);
            continue;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            drop(stream.set_nodelay(true));
            let mut input = Input::new(stream);
            // An error means that the gateway went away between two requests.
            while let Ok(Some(request)) = read_request(&mut input) {
                match answer(&mut input, &shared, request) {
                    Next::Action => {}
                    Next::Close => break,
                    Next::Reset => return reset(input.source(), &shared),
                }
            }
            drop(input.source().shutdown(Shutdown::Both));
        });
    }
}

fn read_request(input: &mut Input<impl Read>) -> io::Result<Option<Request>> {
    let Some(head) = input.head()? else {
        return Ok(None);
    };
    let mut framing = Framing::of(&head, Framing::Done);
    let mut body = Vec::new();
    while let Some(piece) = input.piece(&mut framing)? {
        body.extend_from_slice(&piece);
    }
    Ok(Some(Request {
        head,
        body,
        at: Instant::now(),
        abandoned: None,
    }))
}

/// What is to become of the connection.
enum Next {
    Action,
    Close,
    Reset,
}

fn answer(input: &mut Input<TcpStream>, shared: &Shared, request: Request) -> Next {
    let (index, queued) = {
        let mut state = shared.state.lock().unwrap();
        state.requests.push(request.clone());
        (state.requests.len() - 1, state.scripts.pop_front())
    };
    shared.changed.notify_all();
    let script = queued.unwrap_or_else(|| (shared.otherwise)(&request));
    for action in &script.actions {
        match act(action, input.source_mut(), shared) {
            Ok(Next::Action) => {}
            Ok(end) => return end,
            Err(_) => {
                shared.state.lock().unwrap().requests[index].abandoned = Some(Instant::now());
                shared.changed.notify_all();
                return Next::Close;
            }
        }
    }
    Next::Action
}

/// An error means that the gateway has closed the connection.
fn act(action: &Action, stream: &mut TcpStream, shared: &Shared) -> io::Result<Next> {
    match action {
        Action::Send(bytes) => stream.write_all(bytes)?,
        Action::Flood { piece, times } => {
            for _ in 0..*times {
                stream.write_all(piece)?;
            }
        }
        Action::Drip { bytes, every } => {
            for byte in bytes {
                stream.write_all(&[*byte])?;
                wait(stream, shared, Instant::now() + *every, None)?;
            }
        }
        Action::Pause(duration) => wait(stream, shared, Instant::now() + *duration, None)?,
        Action::Await(signal) => wait(stream, shared, Instant::now() + 2 * PATIENCE, Some(signal))?,
        Action::Silence => wait(stream, shared, Instant::now() + 2 * PATIENCE, None)?,
        Action::Close => return Ok(Next::Close),
        Action::Reset => return Ok(Next::Reset),
    }
    Ok(Next::Action)
}

fn wait(
    stream: &TcpStream,
    shared: &Shared,
    until: Instant,
    signal: Option<&Signal>,
) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || signal.is_some_and(|signal| signal.given_within(Duration::ZERO)) {
            return Ok(());
        }
        let nanoseconds = GLANCE.min(left).subsec_nanos();
        let glance = Timespec {
            tv_sec: 0,
            tv_nsec: nanoseconds.into(),
        };
        let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
        let closed = rustix::event::poll(&mut polled, Some(&glance))? > 0;
        if closed || shared.ended.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

/// Closes with a RST. The kernel sends it when the last handle of the socket goes with SO_LINGER at zero, so the one kept
/// for the end of the upstream has to go too.
fn reset(stream: &TcpStream, shared: &Shared) {
    sockopt::set_socket_linger(stream, Some(Duration::ZERO)).expect("a socket");
    let peer = stream.peer_addr().ok();
    let mut state = shared.state.lock().unwrap();
    state
        .connections
        .retain(|kept| kept.peer_addr().ok() != peer);
}

/// A port where nobody listens and nobody else will while this lives.
pub struct ClosedPort {
    pub address: SocketAddr,
    _socket: OwnedFd,
}

impl ClosedPort {
    pub fn new() -> Self {
        let socket =
            rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        rustix::net::bind(&socket, &any).expect("a port");
        let address = rustix::net::getsockname(&socket).expect("its address");
        Self {
            address: address.try_into().expect("an IPv4 address"),
            _socket: socket,
        }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}
