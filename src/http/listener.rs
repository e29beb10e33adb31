//! Listening sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// Connections the system keeps until they are accepted: a burst is not refused. The system may cap it lower.
const BACKLOG: i32 = 4096;

/// Listens on the address without blocking. `[::]` takes IPv4 too, and becomes `0.0.0.0` where there is no IPv6.
///
/// `others` are all addresses to listen on: where `0.0.0.0` with the same port is among them, `[::]` leaves IPv4 to it.
///
/// # Errors
/// The address is in use, not this machine's, or not allowed.
pub(super) fn open(address: SocketAddr, others: &[SocketAddr]) -> io::Result<TcpListener> {
    let every = address.is_ipv6() && address.ip().is_unspecified();
    if !every {
        return Ok(open_as(address, None)?);
    }
    let all_ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    let ipv6_only = address.port() != 0 && others.contains(&all_ipv4);
    match open_as(address, Some(ipv6_only)) {
        Err(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL) if !ipv6_only => Ok(open_as(all_ipv4, None)?),
        opened => Ok(opened?),
    }
}

fn open_as(address: SocketAddr, ipv6_only: Option<bool>) -> Result<TcpListener, Errno> {
    let family = if address.is_ipv6() {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // Else a restart waits a minute for the old connections' TIME-WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if let Some(ipv6_only) = ipv6_only {
        // The default is the system's choice (`net.ipv6.bindv6only`).
        sockopt::set_ipv6_v6only(&socket, ipv6_only)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}
