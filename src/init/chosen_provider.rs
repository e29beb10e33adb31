//! A provider of the plan, its model and its variables.

use super::catalogue::Offer;
use crate::config::BaseUrl;

/// A provider, and its model in the route.
#[derive(Debug)]
pub struct ChosenProvider {
    pub name: String,
    pub base_url: String,
    /// The row of the catalogue; `None` for a URL of the user's own.
    pub offer: Option<&'static Offer>,
    pub model: String,
    pub profile: &'static str,
    pub variables: Vec<Variable>,
    /// The server is on this machine or in this network.
    pub is_local: bool,
}

/// A variable of `.env`.
#[derive(Debug)]
pub struct Variable {
    pub name: String,
    /// Empty until it is known.
    pub value: String,
    /// The variable is the provider's key, and not a part of its URL.
    pub is_key: bool,
}

impl ChosenProvider {
    /// The choice of a row of the catalogue.
    pub fn of_offer(offer: &'static Offer) -> Self {
        let account = (!offer.account.is_empty()).then(|| Variable {
            is_key: false,
            ..Variable::of_key(offer.account)
        });
        let key = (!offer.key.is_empty()).then(|| Variable::of_key(offer.key));
        Self {
            name: offer.name.to_owned(),
            base_url: offer.base_url.to_owned(),
            offer: Some(offer),
            model: offer.model.to_owned(),
            profile: offer.profile,
            variables: account.into_iter().chain(key).collect(),
            is_local: offer.key.is_empty(),
        }
    }

    /// The choice of a URL. `free_name` makes a name that is not taken of the one that the host gives.
    ///
    /// # Errors
    /// The text is no URL that can be written into a configuration.
    pub fn of_url(url: &str, free_name: impl Fn(&str) -> String) -> Result<Self, String> {
        let url = url.trim_end_matches('/');
        let url = url.strip_suffix("/chat/completions").unwrap_or(url);
        let parsed = BaseUrl::parse(url).map_err(|reason| format!("{url}: {reason}"))?;
        if url.contains('$') {
            return Err(format!(
                "{url}: a URL with a reference in it has to be written by hand"
            ));
        }
        let is_local = parsed.is_private();
        let name = free_name(&name_of_host(parsed.host, is_local));
        let variable = name
            .to_ascii_uppercase()
            .replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
        let variables = match is_local {
            true => Vec::new(),
            false => vec![Variable::of_key(&format!("{variable}_API_KEY"))],
        };
        Ok(Self {
            name,
            base_url: url.to_owned(),
            offer: None,
            model: String::new(),
            profile: "",
            variables,
            is_local,
        })
    }

    /// The variable of the key.
    pub fn key(&self) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.is_key)
    }
}

impl Variable {
    fn of_key(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: String::new(),
            is_key: true,
        }
    }
}

/// A name for the provider at a host: `example` for `api.example.com`.
fn name_of_host(host: &str, is_local: bool) -> String {
    if is_local {
        return "local".to_owned();
    }
    let mut labels = host.rsplit('.').skip(1);
    let label = labels.find(|label| label.len() > 3).unwrap_or(host);
    let fits = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    let name: String = label.chars().filter(fits).collect();
    match name.chars().next() {
        Some(first) if first.is_ascii_alphabetic() => name.to_ascii_lowercase(),
        _ => "provider".to_owned(),
    }
}
