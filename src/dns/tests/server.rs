//! A name server with a script, over UDP and TCP at one port of loopback.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use super::super::name::Name;
use crate::sync::lock;

/// A question as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub message: Vec<u8>,
    /// In lower case, with its dots.
    pub name: String,
    /// A or AAAA.
    pub wants_v6: bool,
    pub over_tcp: bool,
    pub from: SocketAddr,
}

pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// The script gives the messages that a question is answered with, in their order.
    pub fn new(script: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        let (udp, tcp) = same_port();
        let address = udp.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), Arc::clone(&asked));
        let (tcp_script, tcp_log) = (Arc::clone(&script), Arc::clone(&log));
        thread::spawn(move || {
            let mut bytes = [0; 1500];
            while let Ok((length, from)) = udp.recv_from(&mut bytes) {
                let question = Asked::read(&bytes[..length], false, from);
                lock(&log).push(question.clone());
                for message in script(&question) {
                    let _ = udp.send_to(&message, from);
                }
            }
        });
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (script, log) = (Arc::clone(&tcp_script), Arc::clone(&tcp_log));
                thread::spawn(move || {
                    let _ = serve(stream, &*script, &log);
                });
            }
        });
        Self { address, asked }
    }

    /// A server that answers each question with a message made of it.
    pub fn saying(script: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new(move |asked| vec![script(asked)])
    }

    /// A server that knows these names and addresses, and no others.
    pub fn knowing(names: &'static [(&'static str, &'static str)]) -> Self {
        Self::saying(move |asked| {
            let here = names.iter().filter(|(name, _)| *name == asked.name);
            let addresses: Vec<&str> = here.clone().map(|(_, address)| *address).collect();
            match addresses.is_empty() {
                true => asked.reply(3, &[]),
                false => asked.addresses(&addresses),
            }
        })
    }

    /// A server that says nothing.
    pub fn silent() -> Self {
        Self::new(|_| Vec::new())
    }

    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }

    /// The names of the questions for IPv4 addresses, as they came.
    pub fn names(&self) -> Vec<String> {
        let asked = self.asked().into_iter();
        asked
            .filter(|asked| !asked.wants_v6)
            .map(|asked| asked.name)
            .collect()
    }
}

/// A record of an answer: its owner, and an address or the name of which it is an alias.
pub enum Record<'r> {
    Address(&'r str, &'r str),
    Alias(&'r str, &'r str),
}

impl Asked {
    pub fn read(message: &[u8], over_tcp: bool, from: SocketAddr) -> Self {
        let mut labels = Vec::new();
        let mut at = 12;
        while message[at] > 0 {
            let end = at + 1 + usize::from(message[at]);
            labels.push(String::from_utf8_lossy(&message[at + 1..end]).into_owned());
            at = end;
        }
        Self {
            message: message.to_vec(),
            name: labels.join(".").to_lowercase(),
            wants_v6: message[at + 2] == 28,
            over_tcp,
            from,
        }
    }

    pub fn id(&self) -> u16 {
        u16::from_be_bytes([self.message[0], self.message[1]])
    }

    /// A reply with a response code and records.
    pub fn reply(&self, code: u8, records: &[Record<'_>]) -> Vec<u8> {
        let mut message = self.message.clone();
        // A response, with recursion desired and available.
        message[2] = 0x81;
        message[3] = 0x80 | code;
        message[7] = u8::try_from(records.len()).unwrap();
        for record in records {
            let (owner, kind, data) = match record {
                Record::Address(owner, address) => match address.parse().unwrap() {
                    IpAddr::V4(address) => (owner, 1, address.octets().to_vec()),
                    IpAddr::V6(address) => (owner, 28, address.octets().to_vec()),
                },
                Record::Alias(owner, target) => {
                    let target = Name::parse(target).unwrap();
                    (owner, 5, target.wire().to_vec())
                }
            };
            message.extend(Name::parse(owner).unwrap().wire());
            message.extend([0, kind, 0, 1, 0, 0, 0, 60, 0]);
            message.push(u8::try_from(data.len()).unwrap());
            message.extend(data);
        }
        message
    }

    /// The addresses of the kind that is asked for, as the name's own.
    pub fn addresses(&self, addresses: &[&str]) -> Vec<u8> {
        let of_kind = addresses
            .iter()
            .filter(|address| address.contains(':') == self.wants_v6);
        let records: Vec<Record<'_>> = of_kind
            .map(|address| Record::Address(&self.name, address))
            .collect();
        self.reply(0, &records)
    }
}

/// The mark of a message that does not hold all there is.
pub fn truncated(mut message: Vec<u8>) -> Vec<u8> {
    message[2] |= 0x02;
    message
}

fn serve(
    mut stream: TcpStream,
    script: &dyn Fn(&Asked) -> Vec<Vec<u8>>,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    let question = Asked::read(&message, true, stream.peer_addr()?);
    lock(log).push(question.clone());
    for reply in script(&question) {
        let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
        // In pieces, as a network may deliver it.
        for piece in [&length[..], &reply].concat().chunks(7) {
            stream.write_all(piece)?;
        }
    }
    Ok(())
}

/// The same port over UDP and TCP, where tests beside this one take ports, too.
fn same_port() -> (UdpSocket, TcpListener) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}
