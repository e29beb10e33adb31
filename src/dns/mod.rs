//! The stub resolver: from a name to its addresses, by `/etc/hosts` and the name servers of `/etc/resolv.conf`.
//!
//! It stands in place of the C library's `getaddrinfo`, which cannot be told to end, needs a large stack, and in a static
//! program loads the modules of whatever C library the machine has (docs/design.md has the figures). Its order is `files`, then `dns`;
//! `/etc/nsswitch.conf` is not read, and there is no mDNS.
//!
//! All but two files is pure: `message`, `name` and `query` know the protocol, `resolv_conf` and `hosts_file` the files,
//! `preference` the order of addresses. `exchange` has the sockets.

mod exchange;
mod hosts_file;
mod local_names;
pub(crate) mod message;
pub(crate) mod name;
mod preference;
mod query;
mod resolv_conf;

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, netdevice, socket};

use self::exchange::{Fault, Faults};
use self::message::Answer;
use self::resolv_conf::ResolvConf;
pub use local_names::without_lookup;

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The longest `/etc/resolv.conf` that is read (64 KiB).
const MAX_CONF: u64 = 64 * 1024;

/// The bounds of a lookup's time. What a lookup finds serves the calls after it, so it has more time than an impatient call.
const SHORTEST: Duration = Duration::from_millis(4500);
const LONGEST: Duration = Duration::from_secs(60);

/// The resolver, as a value: a lookup begins with the next server if `/etc/resolv.conf` says `rotate`.
#[derive(Debug)]
pub struct StubResolver {
    /// The time of a lookup.
    budget: Duration,
    turn: AtomicUsize,
}

impl StubResolver {
    /// A resolver for calls that wait for so long. Its lookups end somewhat earlier, so that calls have the reason of a
    /// failure (4.5 s to 60 s).
    pub fn for_calls_of(patience: Duration) -> Self {
        Self {
            budget: (patience - patience / 10).clamp(SHORTEST, LONGEST),
            turn: AtomicUsize::new(0),
        }
    }

    /// The addresses of a name, at least one, the preferred ones first. Blocks, and reads both files anew.
    ///
    /// # Errors
    /// The reason in words for people.
    pub fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let deadline = Instant::now() + self.budget;
        if let Ok(file) = File::open(HOSTS) {
            let addresses = hosts_file::addresses(BufReader::new(file), name);
            if !addresses.is_empty() {
                return Ok(in_order(addresses));
            }
        }
        let conf = read_conf()?;
        let turn = if conf.rotate {
            self.turn.fetch_add(1, Ordering::Relaxed)
        } else {
            0
        };
        let addresses = ask_servers(name, &conf, turn, deadline).map_err(io::Error::other)?;
        Ok(in_order(addresses))
    }
}

fn in_order(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let candidates = addresses.into_iter();
    preference::in_order(
        candidates
            .map(|address| (address, exchange::source(address)))
            .collect(),
    )
}

/// Asks the servers for the names that one as it was written may stand for, until one of them has addresses.
///
/// As in glibc, the next name is tried when one does not exist, has no address, or its servers are in trouble with it; not
/// when they are silent or cannot be reached.
fn ask_servers(
    name: &str,
    conf: &ResolvConf,
    turn: usize,
    deadline: Instant,
) -> Result<Vec<IpAddr>, String> {
    let candidates = conf.candidates(name);
    if candidates.is_empty() {
        return Err("this is no name that DNS knows".to_owned());
    }
    let (mut exists, mut trouble) = (false, None);
    for candidate in candidates {
        if trouble.is_some() && deadline <= Instant::now() {
            break;
        }
        match exchange::ask(candidate, conf, turn, deadline) {
            Ok(Answer::Addresses(addresses)) => return Ok(addresses),
            Ok(Answer::NoAddress) => exists = true,
            Ok(Answer::NoSuchName) => {}
            Err(faults)
                if faults
                    .iter()
                    .any(|(_, fault)| matches!(fault, Fault::Unusable(_))) =>
            {
                trouble.get_or_insert(faults);
            }
            Err(faults) => return Err(in_words(&faults, conf)),
        }
    }
    Err(match trouble {
        Some(faults) => in_words(&faults, conf),
        None if exists => "the name has no address".to_owned(),
        None => "no such name".to_owned(),
    })
}

/// The file as it stands now. One that does not exist says as much as an empty one.
fn read_conf() -> io::Result<ResolvConf> {
    let mut text = Vec::new();
    match File::open(RESOLV_CONF).and_then(|file| file.take(MAX_CONF).read_to_end(&mut text)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let why = format!("{RESOLV_CONF} cannot be read: {error}");
            return Err(io::Error::other(why));
        }
        Ok(_) | Err(_) => {}
    }
    let uname = rustix::system::uname();
    let host_name = uname.nodename().to_str().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Ok(ResolvConf::parse(&text, host_name, interface))
}

/// The number of a network interface.
fn interface(name: &str) -> Option<u32> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    netdevice::name_to_index(any, name).ok()
}

fn in_words(faults: &Faults, conf: &ResolvConf) -> String {
    let mut words = String::new();
    for (server, fault) in faults {
        let before = if words.is_empty() {
            "the name server "
        } else {
            "; "
        };
        // Writing to a String does not fail.
        let _ = match server.port() {
            resolv_conf::PORT => write!(words, "{before}{} ", server.ip()),
            _ => write!(words, "{before}{server} "),
        };
        let _ = write!(words, "{fault}");
    }
    if conf.names_none {
        words.push_str("; it stands in, as /etc/resolv.conf names none");
    }
    words
}
