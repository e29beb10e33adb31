//! The credentials that `OTLP_API_KEY` stands for.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::Value;

use crate::secret::Secret;

/// The beginning of tokens of Grafana Cloud's access policies.
const GRAFANA: &str = "glc_";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The `Authorization` for a key: Basic with the key as the user; for a token of Grafana Cloud with its instance as the
/// user and the token as the password.
pub fn authorization(key: &Secret) -> Secret {
    let key = key.expose();
    let pair = match key.strip_prefix(GRAFANA).and_then(instance) {
        Some(instance) => format!("{instance}:{key}"),
        None => format!("{key}:"),
    };
    Secret::new(format!("Basic {}", BASE64.encode(pair)))
}

/// The content of a token: `{"o":"<organisation>","n":"stack-<instance>-<name>","k":...,"m":...}`.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    n: Value,
    #[serde(default)]
    o: Value,
}

/// The instance that a token is for: of its stack, else of its organisation; `None` for a text that is no such token.
fn instance(token: &str) -> Option<String> {
    let standard = token.trim().replace('-', "+").replace('_', "/");
    let text = BASE64.decode(standard).ok()?;
    let token: Token = serde_json::from_slice(&text).ok()?;
    let stack = token
        .n
        .as_str()
        .and_then(|name| name.strip_prefix("stack-"));
    let stack = stack
        .and_then(|rest| rest.split('-').next())
        .and_then(number);
    stack.or_else(|| match &token.o {
        Value::String(id) => number(id),
        Value::Number(id) => number(&id.to_string()),
        _ => None,
    })
}

fn number(text: &str) -> Option<String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(key: &str) -> String {
        let header = authorization(&Secret::new(key));
        let pair = header.expose().strip_prefix("Basic ").unwrap();
        String::from_utf8(BASE64.decode(pair).unwrap()).unwrap()
    }

    fn token(inside: &str) -> String {
        format!("glc_{}", BASE64.encode(inside))
    }

    #[test]
    fn a_plain_key_is_the_user() {
        assert_eq!(basic("secret"), "secret:");
        assert_eq!(
            authorization(&Secret::new("secret")).expose(),
            "Basic c2VjcmV0Og=="
        );
    }

    #[test]
    fn a_token_of_grafana_names_its_instance() {
        for (inside, instance) in [
            (
                r#"{"o":"11","n":"stack-4711-otlp-write","k":"x","m":{"r":"eu"}}"#,
                "4711",
            ),
            (r#"{"n":"stack-4711","o":"11"}"#, "4711"),
            (r#"{"o":"11","n":"my-policy","k":"x"}"#, "11"),
            (r#"{"o":11}"#, "11"),
            (r#"{"o":"11","n":"stack-prod-eu"}"#, "11"),
        ] {
            let token = token(inside);
            assert_eq!(basic(&token), format!("{instance}:{token}"), "{inside}");
        }
    }

    #[test]
    fn tokens_come_in_every_base64() {
        let inside = r#"{"o":"11","n":"a>?b>?c"}"#;
        let padded = token(inside);
        let bare = padded.trim_end_matches('=').to_owned();
        let url = bare.replace('+', "-").replace('/', "_");
        for token in [padded, bare, url] {
            assert_eq!(basic(&token), format!("11:{token}"));
        }
    }

    #[test]
    fn a_token_that_is_none_is_a_plain_key() {
        for key in [
            "glc_",
            "glc_%%%",
            &token("[]"),
            &token("{}"),
            &token(r#"{"o":"a:b"}"#),
        ] {
            assert_eq!(basic(key), format!("{key}:"));
        }
    }
}
