//! A tunnel through a proxy: ureq asks for it, over a wire of ours that it sees as one of its transports.
//!
//! ureq's traits end here: the wire comes back when the tunnel stands, and calls go over it as over any other.

use std::fmt;
use std::sync::{Arc, Mutex};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    Transport,
};

use crate::sync::lock;

use super::call_state::CallState;
use super::error::CallError;
use super::wire::Wire;

/// The longest head of a proxy's answer, and the longest piece of the request for a tunnel (bytes).
const HANDSHAKE_INPUT: usize = 16 * 1024;
const HANDSHAKE_OUTPUT: usize = 4 * 1024;

/// Asks the proxy at the other end of a wire for a tunnel to the host of a URI. `config` holds the proxy.
pub(super) fn tunnel(
    wire: Box<dyn Wire>,
    uri: &Uri,
    config: &Config,
    state: &CallState,
) -> Result<Box<dyn Wire>, CallError> {
    // One of ureq's transports cannot borrow, so it has a state of its own.
    let lent = CallState {
        phase: state.phase,
        ..CallState::new(state.deadline, state.connect_deadline, state.client.clone())
    };
    let handshake = Arc::new(Mutex::new(Handshake {
        wire,
        state: lent,
        failure: None,
    }));
    let connected = connect(&handshake, uri, config);
    // The transport has gone by now, and its share of the handshake with it.
    let handshake = Arc::into_inner(handshake).and_then(|handshake| handshake.into_inner().ok());
    let unreachable = |error: ureq::Error| CallError::Unreachable(error.to_string());
    match (connected, handshake) {
        (Ok(()), Some(handshake)) => Ok(handshake.wire),
        (Ok(()), None) => Err(unreachable(ureq::Error::ConnectionFailed)),
        (Err(error), handshake) => Err(handshake
            .and_then(|handshake| handshake.failure)
            .unwrap_or_else(|| unreachable(error))),
    }
}

fn connect(
    handshake: &Arc<Mutex<Handshake>>,
    uri: &Uri,
    config: &Config,
) -> Result<(), ureq::Error> {
    let lent = Arc::clone(handshake);
    let details = ConnectionDetails {
        uri,
        addrs: NoLookup.empty(),
        config,
        request_level: false,
        resolver: &NoLookup,
        now: Instant::now(),
        timeout: NextTimeout::default(),
        current_time: Arc::new(Instant::now),
        run_connector: Arc::new(move |_| {
            Ok(Box::new(HandshakeTransport {
                handshake: Arc::clone(&lent),
                buffers: LazyBuffers::new(HANDSHAKE_INPUT, HANDSHAKE_OUTPUT),
            }))
        }),
        register_shutdown: Arc::new(|_| Ok(())),
    };
    let failed = |why: &str| Err(ureq::Error::ConnectProxyFailed(why.to_owned()));
    match ConnectProxyConnector::default().connect(&details, None::<()>)? {
        Some(Either::B(mut tunnel)) => match tunnel.buffers().input() {
            [] => Ok(()),
            _ => failed("the proxy sent more than its answer"),
        },
        Some(Either::A(())) | None => failed("the proxy was not used"),
    }
}

/// The resolver of a connection that stands already.
#[derive(Debug)]
struct NoLookup;

impl Resolver for NoLookup {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// The wire to the proxy and the state of the call that wants a tunnel, while ureq has them.
struct Handshake {
    wire: Box<dyn Wire>,
    state: CallState,
    /// The reason of the transport's failure, which ureq's errors have no room for.
    failure: Option<CallError>,
}

impl Handshake {
    fn send(&mut self, mut bytes: &[u8]) -> Result<(), CallError> {
        while !bytes.is_empty() {
            let room = self.wire.buffers().output();
            let amount = room.len().min(bytes.len());
            let (now, later) = bytes.split_at_checked(amount).unwrap_or((bytes, &[]));
            if let Some(room) = room.get_mut(..amount) {
                room.copy_from_slice(now);
            }
            self.wire.send(amount, &mut self.state)?;
            bytes = later;
        }
        Ok(())
    }

    /// Moves input to `buffers`. False at the end of input.
    fn receive(&mut self, buffers: &mut LazyBuffers) -> Result<bool, CallError> {
        let more = self.wire.receive(&mut self.state)?;
        let input = self.wire.buffers().input();
        let amount = input.len();
        let Some(free) = buffers.input_append_buf().get_mut(..amount) else {
            return Err(CallError::BadResponse(
                "a line that does not end".to_owned(),
            ));
        };
        free.copy_from_slice(input);
        buffers.input_appended(amount);
        self.wire.buffers().input_consume(amount);
        Ok(more)
    }
}

/// The wire to the proxy, as ureq sees it.
struct HandshakeTransport {
    handshake: Arc<Mutex<Handshake>>,
    buffers: LazyBuffers,
}

impl HandshakeTransport {
    /// Runs a step of the handshake, and keeps the reason if it fails.
    fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Handshake, &mut LazyBuffers) -> Result<T, CallError>,
    ) -> Result<T, ureq::Error> {
        let mut handshake = lock(&self.handshake);
        step(&mut handshake, &mut self.buffers).map_err(|failure| {
            handshake.failure = Some(failure);
            ureq::Error::ConnectionFailed
        })
    }
}

impl Transport for HandshakeTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.step(|handshake, buffers| {
            handshake.send(buffers.output().get(..amount).unwrap_or_default())
        })
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.step(Handshake::receive)
    }

    fn is_open(&mut self) -> bool {
        true
    }
}

impl fmt::Debug for HandshakeTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandshakeTransport")
    }
}
