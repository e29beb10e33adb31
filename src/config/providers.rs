//! `providers:`, the APIs behind the gateway.

use std::sync::Arc;

use super::limits::{self, NamedModel};
use super::model::{Auth, Provider};
use super::section::{Section, Setting, Text};
use super::url::BaseUrl;
use super::{fit, keys, quotas, step_traits};
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::secret::Secret;

/// Fields that the gateway writes itself: they frame the request, belong to the connection, or decide in which form
/// the answer comes. Two of them would be a request that two servers read differently.
const OWN_FIELDS: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads every provider, and the names in their `models:`. A provider whose name cannot be read has an empty one.
pub(super) fn providers<'r>(root: &Section<'r>) -> (Vec<Arc<Provider>>, Vec<NamedModel<'r>>) {
    let mut providers: Vec<Arc<Provider>> = Vec::new();
    let mut models = Vec::new();
    let learns = root.get("learn_limits").and_then(|value| value.flag());
    let learns = learns.unwrap_or(true);
    for value in root.required_list("providers") {
        let Some(table) = value.table() else { continue };
        let is_taken = |name: &str| providers.iter().any(|other| other.name == name);
        let provider = provider(table, providers.len(), learns, &mut models, is_taken);
        providers.push(Arc::new(provider));
    }
    (providers, models)
}

fn provider<'r>(
    table: Section<'r>,
    index: usize,
    learns: bool,
    models: &mut Vec<NamedModel<'r>>,
    is_taken: impl Fn(&str) -> bool,
) -> Provider {
    let name = table.unique_name("providers", is_taken);
    let kind = kind(&table);
    let (base_url, server, private) = base_url(&table, kind).unwrap_or_default();
    let is_anthropics = host_is_below(&server.0, "anthropic.com");
    let provider = Provider {
        index,
        name: name.unwrap_or_default(),
        keys: keys(&table, private),
        traits: StepTraits {
            kind,
            base_has_version: base_url.ends_with("/v1"),
            speaks_responses: responses(&table, kind).unwrap_or(false),
            has_server_tools: table
                .get("server_tools")
                .and_then(|value| value.flag())
                .unwrap_or(is_anthropics),
            translation: step_traits::of_provider(&table, &server.0),
            ..StepTraits::default()
        },
        auth: auth(&table).unwrap_or(if is_anthropics {
            Auth::ApiKey
        } else {
            Auth::Bearer
        }),
        base_url,
        quotas: quotas::quotas(&table, &server.0, learns),
        server,
        strict_json_schema: table
            .get("strict_json_schema")
            .and_then(|value| value.flag())
            .unwrap_or(false),
        repair: table
            .get("repair")
            .and_then(|value| value.flag())
            .unwrap_or(true),
        model_list: table
            .get("model_list")
            .and_then(|value| value.flag())
            .unwrap_or(true),
        direct: is_direct(&table),
        headers: headers(&table),
        fit: fit::of_provider(&table),
        models: limits::models(&table, index, models),
        private,
    };
    table.finish(|_| false);
    provider
}

fn kind(table: &Section) -> ProviderKind {
    let kinds = [
        ("openai", ProviderKind::OpenAi),
        ("anthropic", ProviderKind::Anthropic),
    ];
    let kind = table.get("kind").and_then(|value| value.choice(&kinds));
    kind.unwrap_or_default()
}

fn auth(table: &Section) -> Option<Auth> {
    let headers = [("bearer", Auth::Bearer), ("x-api-key", Auth::ApiKey)];
    table.get("auth").and_then(|value| value.choice(&headers))
}

/// Whether Responses are asked for; `None` without the setting. A provider of Anthropic's kind has no such endpoint.
pub(super) fn responses(table: &Section, kind: ProviderKind) -> Option<bool> {
    let value = table.get("responses")?;
    let responses = value.flag();
    if responses == Some(true) && kind == ProviderKind::Anthropic {
        value.report("stands beside `kind: anthropic`, which has no Responses");
    }
    responses
}

fn host_is_below(host: &str, domain: &str) -> bool {
    let above = host.strip_suffix(domain);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// The ends of a pasted URL that the gateway adds itself.
fn pasted_end(path: &str, kind: ProviderKind) -> Option<&'static str> {
    let ends: &[&str] = match kind {
        ProviderKind::OpenAi => &["/chat/completions", "/responses"],
        ProviderKind::Anthropic => &["/v1/messages", "/messages"],
    };
    ends.iter().copied().find(|end| path.ends_with(end))
}

fn base_url(table: &Section, kind: ProviderKind) -> Option<(String, (String, u16), bool)> {
    let (value, text) = table.required("base_url")?;
    let has_bare_variable = text.content.match_indices('$').any(|(index, _)| {
        let rest = text.content.get(index + 1..).unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    });
    if has_bare_variable {
        value.report("holds a `$` and a name: a variable is written ${NAME}, with braces");
        return None;
    }
    match BaseUrl::parse(&text.content) {
        Ok(endpoint) if pasted_end(endpoint.path, kind).is_some() => {
            let end = pasted_end(endpoint.path, kind).unwrap_or_default();
            value.report(format!("must end before {end}, which the gateway adds"));
            None
        }
        Ok(endpoint) => Some((
            text.content.trim_end_matches('/').to_owned(),
            (endpoint.host.to_owned(), endpoint.port_or_usual()),
            endpoint.is_private(),
        )),
        Err(reason) => {
            value.report(reason);
            None
        }
    }
}

/// `proxy: none`, the only value that there is.
fn is_direct(table: &Section) -> bool {
    let value = table.get("proxy");
    value
        .and_then(|value| value.choice(&[("none", ())]))
        .is_some()
}

/// The keys of `api_key` and `api_keys`, each once. Empty ones are left out: local servers have none, and
/// `[${A}, ${B:-}]` may have one or two. A local server takes any word for a key, placeholders too.
fn keys(table: &Section, is_private: bool) -> Vec<Secret> {
    let one = table.get("api_key");
    let several = table
        .get("api_keys")
        .and_then(|value| value.list())
        .unwrap_or_default();
    let mut keys = Vec::new();
    for value in one.iter().chain(&several) {
        match value
            .filled()
            .and_then(|text| key(value, &text, is_private))
        {
            Some(key) if !keys.contains(&key) => keys.push(key),
            _ => {}
        }
    }
    keys
}

/// A key that can stand in a header. White space around it comes from a pasted line or a `.env` file with CRLF.
fn key(value: &Setting, text: &Text, is_private: bool) -> Option<Secret> {
    let key = text.content.trim();
    let placeholder = || keys::placeholder(key).filter(|_| !is_private);
    if let Some(fault) = keys::fault(key).or_else(placeholder) {
        value.report(fault);
        return None;
    }
    if !key
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        value.report("holds a character that cannot stand in a header");
        return None;
    }
    (!key.is_empty()).then(|| Secret::new(key))
}

/// Extra request headers. One whose value is empty is left out.
fn headers(table: &Section) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    let listed = table
        .get("headers")
        .and_then(|value| value.table())
        .map(Section::into_values);
    for (name, value) in listed.unwrap_or_default() {
        if headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(&name))
        {
            value.report("is given twice in another case");
        }
        value.check_header_name(&name);
        if let Some(content) = value.header_value() {
            headers.push((name, Secret::new(content)));
        }
    }
    headers
}

impl Setting<'_> {
    /// The value of a header; `None` for an empty one, and for one that cannot be, which is reported.
    pub(super) fn header_value(&self) -> Option<String> {
        let text = self.filled()?;
        // RFC 9110 section 5.5: a field value has no line break, and white space around it does not count.
        let content = text.content.trim();
        let fits = content
            .bytes()
            .all(|byte| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic());
        if !fits {
            self.report(
                "holds a line break or a character outside ASCII, which headers do not have",
            );
        }
        fits.then(|| content.to_owned())
    }

    /// Whether the key of this setting is the name of a header that may be set; a `false` is reported.
    pub(super) fn check_header_name(&self, name: &str) -> bool {
        // RFC 9110 section 5.6.2: a name is a token.
        let in_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(in_token) {
            self.report("is no header name");
            return false;
        }
        let is_own = OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name));
        if is_own {
            self.report("is a header that the gateway writes itself");
        }
        !is_own
    }
}
