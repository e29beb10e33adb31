//! Servers on loopback within this process: a gateway and its providers, for the demo and the selftest.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::config::EdgeLimits;
use crate::http::{Handler, Server, Stopper};
use crate::threads;

/// A server that a thread of this process runs.
pub struct InProcess {
    pub address: SocketAddr,
    pub stopper: Stopper,
    thread: JoinHandle<io::Result<()>>,
}

/// An address of this machine alone.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

impl InProcess {
    /// A server with the usual limits on a free port.
    ///
    /// # Errors
    /// The system has no port, descriptor or thread for it.
    pub fn start(handler: Arc<dyn Handler>) -> io::Result<Self> {
        let server = Server::bind(&[loopback(0)], EdgeLimits::default())?;
        Self::run(server, handler)
    }

    /// The server that was bound before, with this handler.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn run(server: Server, handler: Arc<dyn Handler>) -> io::Result<Self> {
        let addresses = server.local_addrs();
        let address = addresses.first().copied().unwrap_or_else(|| loopback(0));
        let stopper = server.stopper();
        let run = move || server.run(handler).map(|_| ());
        let thread = std::thread::Builder::new()
            .name("in-process".to_owned())
            .stack_size(threads::USUAL_STACK)
            .spawn(run)?;
        Ok(Self {
            address,
            stopper,
            thread,
        })
    }

    /// Waits until it was stopped and its requests are through.
    ///
    /// # Errors
    /// The server ended by itself.
    pub fn join(self) -> io::Result<()> {
        let ended = self.thread.join();
        ended.map_err(|_| io::Error::other("a server in the process ended abnormally"))?
    }
}
