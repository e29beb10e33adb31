//! Configuration: from YAML to a validated [`Config`], or to every problem in it at once.
//!
//! A text goes through four steps, one file each:
//!
//! 1. `substitute` hides the braces of `${...}` from the YAML parser, so that `[${A}, ${B}]` is a list of two texts;
//! 2. `document` turns YAML into a tree that keeps every scalar as it was spelled and can tell the line of each node;
//! 3. `reader` and `scalar` give typed access to the tree: they replace references, collect problems, and know
//!    which keys were asked for, so that all others are unknown;
//! 4. `root` and its neighbours build the [`Config`] from it, with defaults and cross-checks.
//!
//! Reading never stops at the first problem. A part that cannot be read is left out or filled with its default; that is
//! safe, because one problem anywhere means that no [`Config`] is returned.
//!
//! No value of a key, a header or a substituted variable gets into a message.

mod clients;
mod document;
mod duration;
mod environment;
mod errors;
mod listen;
mod load;
pub mod model;
mod network;
mod providers;
mod reader;
mod root;
mod routes;
mod scalar;
mod server;
mod size;
mod substitute;
mod suggest;
#[cfg(test)]
mod tests;
mod url;

pub use environment::{Environment, ProcessEnvironment};
pub use errors::{Errors, FindError, LoadError, Problem};
pub use load::{find, load};
pub use model::*;
pub use network::{Network, NoNetwork};
pub use url::Endpoint;

/// Reads and validates a configuration.
///
/// # Errors
///
/// Every problem of the text, in the order of its lines. When the text is no YAML, that one problem.
pub fn parse(text: &str, environment: &dyn Environment) -> Result<Config, Errors> {
    // Editors on Windows begin a file with a byte order mark.
    let text = substitute::protect(text.strip_prefix('\u{feff}').unwrap_or(text));
    let document = document::parse(&text)?;
    let reading = reader::Reading::new(environment);
    let config = root::config(reading.table(&document));
    let problems = reading.into_problems(&text);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(Errors::new(problems))
    }
}
