//! A connection without TLS, be it what a call goes over or what TLS goes over.

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::socket::Socket;

#[derive(Debug)]
pub(super) enum Plain {
    Direct(Socket),
    /// Through a proxy, as ureq's connector has made it.
    Tunnel(Box<dyn Transport>),
}

impl Plain {
    pub fn expect_output(&mut self, bytes: usize) {
        if let Self::Direct(socket) = self {
            socket.expect_output(bytes);
        }
    }

    /// Sends these bytes, and the output before them.
    pub fn send_last(&mut self, bytes: &[u8]) -> Result<(), ureq::Error> {
        match self {
            Self::Direct(socket) => Ok(socket.flush_with(bytes)?),
            Self::Tunnel(tunnel) => send_copy(&mut **tunnel, bytes),
        }
    }

    /// Hands its buffers back. False if something is left to be sent or read.
    pub fn rest(&mut self) -> bool {
        match self {
            Self::Direct(socket) => socket.rest(),
            Self::Tunnel(tunnel) => tunnel.is_open(),
        }
    }

    fn transport(&mut self) -> &mut dyn Transport {
        match self {
            Self::Direct(socket) => socket,
            Self::Tunnel(tunnel) => &mut **tunnel,
        }
    }
}

impl Transport for Plain {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport().buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.transport().transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.transport().await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.transport().is_open()
    }
}

fn send_copy(transport: &mut dyn Transport, bytes: &[u8]) -> Result<(), ureq::Error> {
    let mut left = bytes;
    while !left.is_empty() {
        let output = transport.buffers().output();
        let amount = output.len().min(left.len());
        let (now, later) = left.split_at_checked(amount).unwrap_or((left, &[]));
        if let Some(room) = output.get_mut(..amount) {
            room.copy_from_slice(now);
        }
        transport.transmit_output(amount, NextTimeout::default())?;
        left = later;
    }
    Ok(())
}
