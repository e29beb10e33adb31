//! `proxy`: the proxy of calls to providers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::model::Proxy;
use super::section::Section;
use super::url::BaseUrl;
use crate::secret::Secret;

const FORM: &str = "must be of the form http://host:port or http://user:password@host:port";

/// The setting; `None` without one, and for one that cannot be, which is reported.
pub(super) fn proxy(root: &Section) -> Option<Proxy> {
    let value = root.get("proxy")?;
    let url = value.filled()?.content;
    let read = read(&url);
    read.map_err(|reason| value.report(reason)).ok()
}

/// Takes a proxy's URL apart. A password from a variable may hold any character, `@` and `/` too; what looks
/// percent-encoded in it is decoded.
///
/// # Errors
/// The reason, which does not show the URL.
fn read(url: &str) -> Result<Proxy, &'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (credentials, server) = match rest.rsplit_once('@') {
        Some((credentials, server)) => (Some(credentials), server),
        None => (None, rest),
    };
    let bare = format!("{scheme}://{server}");
    let BaseUrl {
        scheme: "http",
        host,
        port,
        path: "",
    } = BaseUrl::parse(if scheme.is_empty() { url } else { &bare })?
    else {
        return Err(FORM);
    };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let Some(credentials) = credentials else {
        return Ok(Proxy {
            url: Secret::new(format!("http://{host}{port}")),
            secrets: Vec::new(),
        });
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (user, password) = (decoded(user), decoded(password));
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let sent = STANDARD.encode(format!("{user}:{password}"));
    Ok(Proxy {
        url: Secret::new(format!(
            "http://{}:{}@{host}{port}",
            encoded(&user),
            encoded(&password)
        )),
        secrets: vec![Secret::new(password), Secret::new(sent)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_password_can_stand_in_a_url() {
        for (url, read_as) in [
            ("http://proxy:3128/", "http://proxy:3128"),
            ("HTTP://proxy", "http://proxy"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
            ("http://user:simple@proxy:1", "http://user:simple@proxy:1"),
            ("http://user@proxy:1", "http://user:@proxy:1"),
            (
                "http://u:p@ss:w/r#d?@proxy:1",
                "http://u:p%40ss%3Aw%2Fr%23d%3F@proxy:1",
            ),
            ("http://u:p%40ss@proxy:1", "http://u:p%40ss@proxy:1"),
            ("http://u:100%@proxy:1", "http://u:100%25@proxy:1"),
            (
                "http://\u{fc}:\u{fc}@proxy:1",
                "http://%C3%BC:%C3%BC@proxy:1",
            ),
        ] {
            assert_eq!(read(url).unwrap().url.expose(), read_as);
        }
        for url in [
            "proxy:3128",
            "user:password@proxy:3128",
            "https://proxy",
            "socks5://u:p@h:1",
            "http://u:p@/",
            "http://u:p@h/path",
            "",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
    }

    /// The header's form of it is the password, too.
    #[test]
    fn user_and_password_are_masked() {
        let proxy = read("http://user:pass%2Fword@proxy:1").unwrap();
        assert_eq!(
            format!("{proxy:?}"),
            "Proxy { url: ***, secrets: [***, ***] }"
        );
        let secrets: Vec<&str> = proxy.secrets.iter().map(Secret::expose).collect();
        assert_eq!(secrets, ["pass/word", "dXNlcjpwYXNzL3dvcmQ="]);
    }
}
