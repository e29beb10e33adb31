//! Warnings: what is valid in a configuration, and probably not meant.

use super::model::Config;
use super::vectors;
use crate::secret::Secret;

/// The shortest key without a warning (bytes): 16 random letters and digits are beyond guessing.
const SHORTEST: usize = 16;

/// The warnings about a configuration, a line each; none holds a key.
pub fn warnings(config: &Config) -> Vec<String> {
    let of_clients = config.clients.iter().filter_map(|client| {
        about_key(
            &format!("the key of the client {}", client.name),
            &client.key,
        )
    });
    // Servers in the same house are often given a word for a key, which protects nothing.
    let providers = config.providers.iter().filter(|provider| !provider.private);
    let of_providers = providers.flat_map(|provider| {
        let name = format!("a key of the provider {}", provider.name);
        let keys = provider.keys.iter();
        keys.filter_map(|key| about_key(&name, key))
            .take(1)
            .collect::<Vec<_>>()
    });
    let of_routes = config.routes.iter();
    let of_routes = of_routes.flat_map(|route| vectors::warnings(route));
    of_clients.chain(of_providers).chain(of_routes).collect()
}

fn about_key(name: &str, key: &Secret) -> Option<String> {
    if key.expose().len() >= SHORTEST {
        return None;
    }
    let unmasked = if key.is_masked() {
        ""
    } else {
        ", and is too short to be masked where others repeat it"
    };
    Some(format!(
        "{name} has less than {SHORTEST} bytes: it can be guessed{unmasked}"
    ))
}
