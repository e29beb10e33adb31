//! A request to a gateway on this machine: by the watch over ourselves, and by `ai-gateway healthcheck`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The timeout of connecting, and of each read and write.
const LIMIT: Duration = Duration::from_secs(3);

/// The longest answer that is read (bytes).
const LONGEST: u64 = 16 * 1024;

/// The status and the body of a GET.
///
/// # Errors
/// The lack of an answer in time, or an answer that is no HTTP.
pub fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut socket = TcpStream::connect_timeout(&address, LIMIT)?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.set_write_timeout(Some(LIMIT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    socket.take(LONGEST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let status = status.and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    Ok((status, body.unwrap_or_default().to_owned()))
}

/// The address at which a listen address is reached from this machine: a wildcard is no destination.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        // The wildcard socket takes IPv4 too, and is an IPv4 one where IPv6 is off.
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_reached_over_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:9", "127.0.0.1:9"),
            ("[::1]:9", "[::1]:9"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(
                reachable(listen.parse().unwrap()),
                reached.parse().unwrap(),
                "{listen}"
            );
        }
    }
}
