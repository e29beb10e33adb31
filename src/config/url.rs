//! Base URLs of providers and proxies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

const NO_SCHEME: &str = "must begin with https:// or http://";
const NO_HOST: &str = "has no host";
const NO_IPV6: &str = "holds no IPv6 address between its brackets";
const MALFORMED: &str = "holds a character that URLs do not have, or a host with a colon: an IPv6 address stands between \
                         brackets";

/// A URL without user, query and fragment, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct BaseUrl<'t> {
    /// The scheme, `http` or `https`.
    pub scheme: &'static str,
    /// The host as written, with the brackets of an IPv6 address.
    pub host: &'t str,
    pub port: Option<u16>,
    /// The path without trailing slashes: empty, or a slash and more.
    pub path: &'t str,
}

impl<'t> BaseUrl<'t> {
    /// Takes a URL apart.
    ///
    /// # Errors
    ///
    /// The reason, which does not show the URL: it may hold a password.
    pub fn parse(url: &'t str) -> Result<Self, &'static str> {
        if url.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err("holds a space or another character that URLs do not have");
        }
        let (_, rest) = url.split_once("://").ok_or(NO_SCHEME)?;
        // The parser would drop a fragment.
        if url.contains(['?', '#']) {
            return Err("must not have a query or a fragment");
        }
        let uri: Uri = url.parse().map_err(|_| match rest.bytes().next() {
            None | Some(b'/') => NO_HOST,
            Some(_) => MALFORMED,
        })?;
        let scheme = match uri.scheme_str() {
            Some("https") => "https",
            Some("http") => "http",
            _ => return Err(NO_SCHEME),
        };
        let authority = uri.authority().ok_or(NO_HOST)?;
        if authority.as_str().contains('@') {
            return Err("must not hold a user or a password");
        }
        let (host, rest) = split_at(rest, authority.host().len());
        let (port, path) = split_at(rest, authority.as_str().len() - host.len());
        check_host(host)?;
        Ok(Self {
            scheme,
            host,
            port: port_of(port)?,
            path: path.trim_end_matches('/'),
        })
    }

    /// The port, or its scheme's usual one.
    pub fn port_or_usual(&self) -> u16 {
        let usual = if self.scheme == "https" { 443 } else { 80 };
        self.port.unwrap_or(usual)
    }

    /// Whether the host is a machine of the operator's own, which is soon back after a failure: see [`is_private`].
    pub fn is_private(&self) -> bool {
        is_private(self.host)
    }
}

/// The ends of names that are used in private networks alone, and that no site of the internet has: `.localhost` (RFC 6761),
/// `.local` (RFC 6762), `.home.arpa` (RFC 8375), `.internal` (reserved by ICANN), `.ts.net` (Tailscale), the others by custom.
pub const PRIVATE_ENDINGS: [&str; 8] = [
    ".localhost",
    ".local",
    ".lan",
    ".home",
    ".home.arpa",
    ".internal",
    ".localdomain",
    ".ts.net",
];

/// Whether a host, as it stands in a URL, is one of the operator's own network.
///
/// Addresses: loopback, private, link-local, shared (RFC 6598, used by Tailscale), unspecified. Names: those without a dot
/// (`localhost`, containers), and [`PRIVATE_ENDINGS`]. No name is looked up.
pub fn is_private(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_private_v4(address),
        Ok(IpAddr::V6(address)) => is_private_v6(address),
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            !name.contains('.') || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
        }
    }
}

fn split_at(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        let address = address.parse::<Ipv6Addr>().map(drop);
        return address.map_err(|_| NO_IPV6);
    }
    if host.is_empty() {
        return Err(NO_HOST);
    }
    if !host.bytes().all(allowed) {
        return Err("has a host with a character that host names do not have");
    }
    Ok(())
}

/// The port behind its colon; `None` where there is neither.
fn port_of(text: &str) -> Result<Option<u16>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    // The parser lets anything follow a bracket.
    let port = text.strip_prefix(':').ok_or(NO_IPV6)?.parse().ok();
    let port = port.filter(|port| *port > 0);
    port.map(Some)
        .ok_or("has a port that is no number from 1 to 65535")
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    if let Some(address) = address.to_ipv4_mapped() {
        return is_private_v4(address);
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let cases = [
            (
                "https://api.cerebras.ai/v1",
                "https",
                "api.cerebras.ai",
                None,
                "/v1",
            ),
            (
                "https://api.cerebras.ai/v1//",
                "https",
                "api.cerebras.ai",
                None,
                "/v1",
            ),
            (
                "HTTP://localhost:11434",
                "http",
                "localhost",
                Some(11434),
                "",
            ),
            ("http://[::1]:8080/", "http", "[::1]", Some(8080), ""),
            ("http://[fd00::1]", "http", "[fd00::1]", None, ""),
            ("http://my_host/a:b", "http", "my_host", None, "/a:b"),
        ];
        for (url, scheme, host, port, path) in cases {
            assert_eq!(
                BaseUrl::parse(url),
                Ok(BaseUrl {
                    scheme,
                    host,
                    port,
                    path
                }),
                "{url}"
            );
        }
    }

    #[test]
    fn what_could_not_be_called_is_refused() {
        let cases = [
            ("", "begin with"),
            ("api.openai.com/v1", "begin with"),
            ("ftp://host", "begin with"),
            ("https:///v1", "no host"),
            ("https://:80/v1", "no host"),
            ("https://host:/v1", "port"),
            ("https://host:0/v1", "port"),
            ("https://host:65536/v1", "port"),
            ("https://host:x/v1", "port"),
            ("https://::1/v1", "brackets"),
            ("https://[::1/v1", "brackets"),
            ("https://[host]/v1", "brackets"),
            ("https://[::1]x/v1", "brackets"),
            ("https://user:password@host/v1", "user"),
            ("https://host/v1?key=x", "query"),
            ("https://host/v1#x", "fragment"),
            ("https://host/v 1", "space"),
            ("https://host/v1\n", "space"),
            ("https://h\u{f6}st/v1", "character"),
            ("https://ho,st/v1", "character"),
            ("https://host/<id>", "character"),
        ];
        for (url, reason) in cases {
            let error = BaseUrl::parse(url).unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn own_machines_are_told_from_the_internet() {
        let private = "localhost 127.0.0.1 [::1] 10.0.0.1 172.16.0.1 192.168.1.2 169.254.0.1 100.64.0.1 0.0.0.0 [fd00::1] [fe80::1] \
                       [::ffff:10.0.0.1] ollama nas.local nas.lan nas.home.arpa host.docker.internal LOCALHOST";
        let public = "api.openai.com 8.8.8.8 172.32.0.1 100.128.0.1 [2001:db8::1] [::ffff:8.8.8.8] local.example local.com";
        for (hosts, expected) in [(private, true), (public, false)] {
            for host in hosts.split_whitespace() {
                let url = format!("http://{host}:80");
                assert_eq!(
                    BaseUrl::parse(&url).unwrap().is_private(),
                    expected,
                    "{host}"
                );
            }
        }
    }
}
