//! `/etc/resolv.conf`: the name servers, and the names that a short name may stand for (resolv.conf(5)).
//!
//! Read as glibc reads it, but for what hardly anybody has in it: `sortlist`, the options about EDNS and DNSSEC, and the
//! environment variables LOCALDOMAIN and RES_OPTIONS are passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::name::Name;

/// The port of name servers.
pub(super) const PORT: u16 = 53;

/// The bounds of the lists: name servers (3, as in glibc), and domains of the search list (32; glibc has none, Kubernetes
/// allows 32).
const MAX_SERVERS: usize = 3;
const MAX_DOMAINS: usize = 32;

/// The choices of a `/etc/resolv.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    /// The name servers, in the order in which they are asked (1 to 3).
    pub servers: Vec<SocketAddr>,
    /// The file names no server: the one of this machine stands in.
    pub names_none: bool,
    pub search: Vec<String>,
    /// A name with fewer dots is looked for in the search list first (0 to 15).
    pub ndots: usize,
    /// The longest wait for a server before the next one is asked (1 s to 30 s).
    pub timeout: Duration,
    /// The number of times that the servers are gone through (1 to 5).
    pub attempts: u32,
    /// Each lookup begins with another server.
    pub rotate: bool,
    pub tcp_only: bool,
}

impl ResolvConf {
    /// Reads the file's text. What it does not say is filled in as glibc does: the server of this machine, and the domain
    /// of the host's name as the search list. `scope` knows the numbers of network interfaces.
    pub fn parse(text: &str, host_name: &str, scope: impl Fn(&str) -> Option<u32>) -> Self {
        let domain = host_name.split_once('.').map(|(_, domain)| domain);
        let mut conf = Self {
            servers: Vec::new(),
            names_none: false,
            search: domain.into_iter().filter_map(domain_of).collect(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            tcp_only: false,
        };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if conf.servers.len() < MAX_SERVERS => {
                    let address = words.next().and_then(|word| server(word, &scope));
                    conf.servers.extend(address);
                }
                // The last line of the two kinds wins.
                Some("domain") => conf.search = words.take(1).filter_map(domain_of).collect(),
                Some("search") => {
                    conf.search = words.take(MAX_DOMAINS).filter_map(domain_of).collect();
                }
                Some("options") => words.for_each(|word| conf.set(word)),
                _ => {}
            }
        }
        conf.names_none = conf.servers.is_empty();
        if conf.names_none {
            conf.servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        conf
    }

    /// The names to ask for in turn, until one exists, for a name as it was written. Empty: it is no name.
    ///
    /// A dot at the end makes a name absolute. One with `ndots` dots is tried as it is first, and else last.
    pub fn candidates(&self, name: &str) -> Vec<Name> {
        let Some(plain) = Name::parse(name) else {
            return Vec::new();
        };
        if name.ends_with('.') {
            return vec![plain];
        }
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let domains = self.search.iter();
        let mut names: Vec<Name> = domains
            .filter_map(|domain| Name::parse(&format!("{name}.{domain}")))
            .collect();
        let place = if dots >= self.ndots { 0 } else { names.len() };
        names.insert(place, plain);
        names
    }

    fn set(&mut self, option: &str) {
        let (key, value) = option.split_once(':').unwrap_or((option, ""));
        let number: Option<u32> = value.parse().ok();
        match (key, number) {
            ("ndots", Some(dots)) => self.ndots = usize::try_from(dots.min(15)).unwrap_or(15),
            ("timeout", Some(s)) => self.timeout = Duration::from_secs(s.clamp(1, 30).into()),
            ("attempts", Some(times)) => self.attempts = times.clamp(1, 5),
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.tcp_only = true,
            _ => {}
        }
    }
}

/// A domain without a dot at its end; `None` for the root, which is what the name itself stands for.
fn domain_of(word: &str) -> Option<String> {
    let domain = word.trim_end_matches('.');
    (!domain.is_empty()).then(|| domain.to_owned())
}

/// The address of a server; one that is link-local has its interface behind a `%`, by name or number.
fn server(word: &str, scope: impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some((address, PORT).into());
    }
    let (address, interface) = word.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let index = interface.parse().ok().or_else(|| scope(interface))?;
    Some(SocketAddrV6::new(address, PORT, 0, index).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ResolvConf {
        ResolvConf::parse(text, "pi", |name| (name == "eth0").then_some(7))
    }

    #[test]
    fn name_servers_are_read_in_their_order() {
        for (text, servers) in [
            ("", "127.0.0.1:53"),
            ("# nameserver 9.9.9.9\n;nameserver 9.9.9.9", "127.0.0.1:53"),
            ("nameserver host.example\nnameserver\n", "127.0.0.1:53"),
            (
                "nameserver 127.0.0.11\r\noptions ndots:0\r\n",
                "127.0.0.11:53",
            ),
            (
                "nameserver\t1.1.1.1 # first\n nameserver 2.2.2.2",
                "1.1.1.1:53 2.2.2.2:53",
            ),
            (
                "nameserver ::1\nnameserver fe80::1%eth0\nnameserver fe80::1%3",
                "[::1]:53 [fe80::1%7]:53 [fe80::1%3]:53",
            ),
            ("nameserver fe80::1%wlan9\nnameserver 3.3.3.3", "3.3.3.3:53"),
            (
                "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4",
                "1.1.1.1:53 2.2.2.2:53 3.3.3.3:53",
            ),
        ] {
            let conf = parse(text);
            let found: Vec<String> = conf.servers.iter().map(SocketAddr::to_string).collect();
            assert_eq!(found.join(" "), servers, "{text}");
            assert_eq!(conf.names_none, servers == "127.0.0.1:53", "{text}");
        }
    }

    #[test]
    fn options_are_read_within_bounds() {
        let seconds = Duration::from_secs;
        for (options, ndots, timeout, attempts) in [
            ("", 1, seconds(5), 2),
            (
                "options ndots:5 timeout:2\noptions attempts:3 edns0 trust-ad",
                5,
                seconds(2),
                3,
            ),
            (
                "options ndots:99 timeout:99 attempts:99",
                15,
                seconds(30),
                5,
            ),
            ("options ndots:0 timeout:0 attempts:0", 0, seconds(1), 1),
            ("options ndots: timeout:x attempts:-1", 1, seconds(5), 2),
        ] {
            let conf = parse(options);
            let read = (conf.ndots, conf.timeout, conf.attempts);
            assert_eq!(read, (ndots, timeout, attempts), "{options}");
            assert!(!conf.rotate && !conf.tcp_only, "{options}");
        }
        let conf = parse("options rotate use-vc");
        assert!(conf.rotate && conf.tcp_only);
    }

    /// Compose's service names have no dot, Kubernetes' have few and `ndots:5`.
    #[test]
    fn short_names_are_looked_for_in_the_search_list() {
        let kubernetes =
            "search a.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5";
        for (text, name, expected) in [
            ("", "llama", "llama"),
            ("search lan", "llama", "llama.lan llama"),
            ("search lan", "llama.", "llama"),
            ("search lan", "nas.home", "nas.home nas.home.lan"),
            ("search lan home.arpa.", "a", "a.lan a.home.arpa a"),
            ("search lan\ndomain home", "a", "a.home a"),
            ("domain home\nsearch lan", "a", "a.lan a"),
            ("search .", "a", "a"),
            ("search lan\noptions ndots:0", "a", "a a.lan"),
            (
                kubernetes,
                "llama.ai",
                "llama.ai.a.svc.cluster.local llama.ai.svc.cluster.local llama.ai.cluster.local llama.ai",
            ),
            (kubernetes, "api.openai.com.", "api.openai.com"),
            ("search lan", "a..b", ""),
        ] {
            let expected: Vec<Name> = expected
                .split_whitespace()
                .map(|name| Name::parse(name).unwrap())
                .collect();
            assert_eq!(parse(text).candidates(name), expected, "{text} {name}");
        }
        let conf = ResolvConf::parse("nameserver 1.1.1.1", "pi.example.org", |_| None);
        assert_eq!(conf.search, ["example.org"]);
        let too_long = format!("search {0}.{0}.{0}.{0}", "d".repeat(60));
        assert_eq!(parse(&too_long).candidates(&"n".repeat(60)).len(), 1);
        let many = format!("search {}", "d ".repeat(1000));
        assert_eq!(parse(&many).search.len(), MAX_DOMAINS);
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_servers_to_ask(text in "(nameserver |search |options |[ -~\n])*") {
            let conf = parse(&text);
            assert!((1..=MAX_SERVERS).contains(&conf.servers.len()));
        }
    }
}
