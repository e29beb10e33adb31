//! `shared:`, the Valkey or Redis server through which several gateways count together.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::section::{Section, Setting};
use super::url::{BaseUrl, is_private};
use crate::secret::Secret;

/// The usual port of the server.
const PORT: u16 = 6379;

/// The largest number of a database that is taken for one.
const MOST_DATABASES: u32 = 65_535;

/// The longest prefix of keys (bytes).
const LONGEST_PREFIX: usize = 64;

const FORM: &str = "must be of the form redis://host:port, rediss://user:password@host:port/0 or unix:///run/valkey.sock";

/// The sharing with other gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    pub server: SharedServer,
    /// The beginning of all keys on the server; gateways with the same one share.
    pub prefix: String,
    /// The only certificates that are trusted; `None` for the built-in roots.
    pub ca_file: Option<PathBuf>,
    /// The time between two pipelines.
    pub sync: Duration,
    /// The timeout of a connection's set-up, and of each pipeline.
    pub timeout: Duration,
    /// The number of gateways among which limits are split without the server; `None` is as many as were last seen.
    pub replicas: Option<u32>,
}

/// The server and its door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedServer {
    pub address: SharedAddress,
    /// The user of the server's access control lists; `None` is the default one.
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u32,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharedAddress {
    Tcp {
        /// The name or address, an IPv6 one without brackets.
        host: String,
        port: u16,
        tls: bool,
    },
    Unix(PathBuf),
}

impl SharedServer {
    /// The server as the log names it, without user and password.
    pub fn shown(&self) -> String {
        let database = self.database;
        match &self.address {
            SharedAddress::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let brackets = host.contains(':');
                let (open, close) = if brackets { ("[", "]") } else { ("", "") };
                format!("{scheme}://{open}{host}{close}:{port}/{database}")
            }
            SharedAddress::Unix(path) => format!("unix://{}?db={database}", path.display()),
        }
    }
}

/// The setting; `None` without one, and for one that cannot be, which is reported.
pub(super) fn shared(root: &Section) -> Option<Shared> {
    let table = root.get("shared")?.table()?;
    let server = table.required("url").and_then(|(value, text)| {
        let server = server(&text.content);
        server.map_err(|reason| value.report(reason)).ok()
    });
    let prefix = table.get("prefix").and_then(|value| prefix(&value));
    let ca_file = table.get("ca_file").and_then(|value| {
        let path = PathBuf::from(value.filled()?.content);
        let plain = |server: &SharedServer| {
            !matches!(server.address, SharedAddress::Tcp { tls: true, .. })
        };
        if server.as_ref().is_some_and(plain) {
            value.report("is of no use without TLS: the url begins neither with rediss:// nor with valkeys://");
        }
        Some(path)
    });
    let between = |key, least: Duration, most: Duration| {
        let value = table.get(key)?;
        let duration = value.timeout()?;
        if duration < least || duration > most {
            value.report(format!("must be between {least:?} and {most:?}"));
        }
        Some(duration)
    };
    let longest = Duration::from_secs(5);
    let sync = between("sync", Duration::from_millis(50), longest);
    let timeout = between("timeout", Duration::from_millis(10), longest);
    let replicas = table
        .get("replicas")
        .and_then(|value| value.count(&(1..=1000)));
    table.finish(|_| false);
    Some(Shared {
        server: server?,
        prefix: prefix.unwrap_or_else(|| "aigw".to_owned()),
        ca_file,
        sync: sync.unwrap_or(Duration::from_millis(200)),
        timeout: timeout.unwrap_or(Duration::from_millis(250)),
        replicas: replicas.and_then(|number| u32::try_from(number).ok()),
    })
}

/// The warnings about a setting that is valid and probably not meant.
pub(super) fn warnings(shared: &Shared) -> Option<String> {
    let SharedServer {
        address, password, ..
    } = &shared.server;
    let password = password.as_ref()?;
    if let SharedAddress::Tcp {
        host, tls: false, ..
    } = address
        && !is_private(host)
    {
        return Some(
            "the password of `shared` crosses the internet readable: its url should begin with rediss://".to_owned(),
        );
    }
    let unmasked = !password.is_masked();
    unmasked.then(|| {
        "the password of `shared` is too short to be masked where others repeat it".to_owned()
    })
}

/// A prefix of keys. Access control lists name it with a `*` behind it, so that it holds none of their special characters.
fn prefix(value: &Setting<'_>) -> Option<String> {
    let text = value.filled()?.content;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if !text.bytes().all(allowed) || text.len() > LONGEST_PREFIX {
        value.report(format!(
            "must be at most {LONGEST_PREFIX} letters, digits and the characters -._: long"
        ));
    }
    Some(text)
}

/// Takes a URL apart. A password from a variable may hold any character, `@` and `/` too; what looks percent-encoded in it
/// is decoded.
///
/// # Errors
/// The reason, which does not show the URL.
fn server(url: &str) -> Result<SharedServer, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or(FORM)?;
    let (credentials, place) = match rest.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, rest),
    };
    let (user, password) = credentials.map_or(Ok((None, None)), login)?;
    let (address, database) = match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => tcp(place, false)?,
        "rediss" | "valkeys" => tcp(place, true)?,
        "unix" | "redis+unix" | "valkey+unix" => unix(place)?,
        _ => return Err(FORM),
    };
    Ok(SharedServer {
        address,
        user,
        password,
        database,
    })
}

type Login = (Option<String>, Option<Secret>);

fn login(credentials: &str) -> Result<Login, &'static str> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = credentials.split_once(':').ok_or(
        "holds a user without a password: a password alone is written redis://:password@host",
    )?;
    if password.is_empty() {
        return Err("holds an empty password: is the variable set?");
    }
    let user = (!user.is_empty()).then(|| decoded(user));
    Ok((user, Some(Secret::new(decoded(password)))))
}

fn tcp(place: &str, tls: bool) -> Result<(SharedAddress, u32), &'static str> {
    let place = place.split_once('?').map_or(place, |(place, _)| place);
    let url = format!("http://{place}");
    let BaseUrl {
        host, port, path, ..
    } = BaseUrl::parse(&url).map_err(|reason| match reason.starts_with("must begin") {
        true => FORM,
        false => reason,
    })?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = port.unwrap_or(PORT);
    let database = database(path.trim_start_matches('/'))?;
    Ok((SharedAddress::Tcp { host, port, tls }, database))
}

fn unix(place: &str) -> Result<(SharedAddress, u32), &'static str> {
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    if !path.starts_with('/') {
        return Err(
            "must have three slashes: unix:///run/valkey.sock, the path of a socket from the root",
        );
    }
    let mut members = query.split('&').filter_map(|member| member.split_once('='));
    let number = members.find(|(name, _)| *name == "db");
    let database = database(number.map_or("", |(_, number)| number))?;
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    Ok((SharedAddress::Unix(PathBuf::from(path)), database))
}

fn database(text: &str) -> Result<u32, &'static str> {
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|number| *number <= MOST_DATABASES);
    number.ok_or("names a database that is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Result<String, &'static str> {
        let SharedServer {
            address,
            user,
            password,
            database,
        } = server(url)?;
        let place = match address {
            SharedAddress::Tcp { host, port, tls } => format!("{host} {port} {tls}"),
            SharedAddress::Unix(path) => path.display().to_string(),
        };
        let password = password.map(|password| password.expose().to_owned());
        let login = (user.unwrap_or_default(), password.unwrap_or_default());
        Ok(format!("{place} {database} {}:{}", login.0, login.1))
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, parts) in [
            ("redis://localhost", "localhost 6379 false 0 :"),
            ("valkey://h:1/", "h 1 false 0 :"),
            ("rediss://h/3", "h 6379 true 3 :"),
            ("VALKEYS://[fd00::1]:7/15", "fd00::1 7 true 15 :"),
            ("redis://:secret@h", "h 6379 false 0 :secret"),
            ("redis://u:p@ss:w/r#d?@h:1/2", "h 1 false 2 u:p@ss:w/r#d?"),
            ("redis://u:p%40ss@h", "h 6379 false 0 u:p@ss"),
            ("unix:///run/v.sock", "/run/v.sock 0 :"),
            ("unix://u:p@/run/v.sock?db=4", "/run/v.sock 4 u:p"),
            ("redis+unix:///a%20b", "/a b 0 :"),
            ("redis://h?protocol=2", "h 6379 false 0 :"),
        ] {
            assert_eq!(shown(url), Ok(parts.to_owned()), "{url}");
        }
        for (url, reason) in [
            ("localhost:6379", "form"),
            ("http://h", "form"),
            ("redis://", "host"),
            ("redis://h:x", "port"),
            ("redis://h/one", "database"),
            ("redis://h/70000", "database"),
            ("redis://user@h", "user without"),
            ("redis://:@h", "empty"),
            ("unix://run/v.sock", "three slashes"),
            ("redis://::1", "brackets"),
        ] {
            let error = shown(url).unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn the_log_never_shows_the_login() {
        for (url, shown) in [
            ("redis://user:hidden@[::1]", "redis://[::1]:6379/0"),
            ("valkeys://:hidden@h:1/2", "rediss://h:1/2"),
            ("unix://:hidden@/run/v.sock?db=1", "unix:///run/v.sock?db=1"),
        ] {
            let server = server(url).unwrap();
            assert_eq!(server.shown(), shown);
            assert!(!format!("{server:?}").contains("hidden"));
        }
    }
}
