//! A connection without TLS, be it what a call goes over or what TLS goes over.

use std::io::{self, Read};

use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::connection::Look;
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

    /// See [`Connection::look`](super::connection::Connection::look).
    pub fn look(&mut self) -> Look {
        match self {
            Self::Direct(socket) => Look::of(socket.read_now(&mut [0])),
            Self::Tunnel(tunnel) => Look::of(read_tunnel(&mut **tunnel, &mut [0])),
        }
    }

    /// Reads what is there, without waiting for more.
    pub fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Direct(socket) => socket.read_now(buf),
            Self::Tunnel(tunnel) => read_tunnel(&mut **tunnel, buf),
        }
    }

    pub fn drop_buffers(&mut self) {
        if let Self::Direct(socket) = self {
            socket.drop_buffers();
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

/// Reads what ureq has received and not yet given out.
fn read_tunnel(tunnel: &mut dyn Transport, buf: &mut [u8]) -> io::Result<usize> {
    let mut received = tunnel.buffers().input();
    if !received.is_empty() {
        let read = received.read(buf)?;
        tunnel.buffers().input_consume(read);
        return Ok(read);
    }
    if tunnel.is_open() {
        Err(io::ErrorKind::WouldBlock.into())
    } else {
        Ok(0)
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
