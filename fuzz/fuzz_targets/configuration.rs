//! A configuration is read or refused with its problems, each at a line of it, and no secret gets into a message.

#![no_main]

use std::collections::BTreeMap;

use ai_gateway::config;
use libfuzzer_sys::fuzz_target;

/// Not to be met by chance, nor to be guessed from coverage: messages are searched for it.
const SECRET: &str = "qZ7#:9vK";

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let environment: BTreeMap<String, String> = [
        ("KEY", SECRET),
        ("PORT", "8080"),
        ("URL", "http://127.0.0.1:1/v1"),
        ("EMPTY", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    match config::parse(text, &environment) {
        Ok(config) => {
            for step in config.routes.iter().flat_map(|route| &route.steps) {
                assert!(
                    config
                        .providers
                        .iter()
                        .any(|provider| provider.name == step.provider.name)
                );
            }
        }
        Err(errors) => {
            let message = errors.to_string();
            assert!(!message.is_empty());
            if !text.contains(SECRET) {
                assert!(!message.contains(SECRET), "{message}");
            }
        }
    }
});
