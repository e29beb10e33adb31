//! Configuration: from YAML to a validated [`Config`], or to every problem in it at once.
//!
//! `source` finds and reads the file and the `.env` beside it (`env_file`). Its text goes through four steps, one file each:
//!
//! 1. `substitute` hides the braces of `${...}` from the YAML parser, so that `[${A}, ${B}]` is a list of two texts;
//! 2. `yaml_tree` turns YAML into a tree that keeps every scalar as it was spelled and can tell the line of each node;
//! 3. `section` and `typed_settings` give typed access to the tree: they replace references, hand problems to
//!    `validation`, and know which keys were asked for, so that all others are unknown;
//! 4. `top_level` and its neighbours build the [`Config`] from it, with defaults and cross-checks.
//!
//! Reading never stops at the first problem. A part that cannot be read is left out or filled with its default; that is
//! safe, because one problem anywhere means that no [`Config`] is returned.
//!
//! No value of a key, a header or a substituted variable gets into a message.

mod alerts;
mod clients;
mod cors;
mod duration;
mod edits;
mod env_file;
mod environment;
mod errors;
mod fit;
mod hosts;
mod house;
mod invisible;
mod json_value;
mod keys;
pub mod known_apis;
mod limits;
mod listen;
pub mod model;
mod name;
mod network;
mod ollama;
mod order;
mod places;
mod providers;
mod proxy;
mod quotas;
mod route_names;
mod route_warnings;
mod routes;
mod schema;
mod section;
mod server;
mod shared;
mod size;
mod source;
mod step_traits;
mod substitute;
mod suggest;
#[cfg(test)]
mod tests;
mod top_level;
mod typed_settings;
mod url;
mod validation;
mod vectors;
mod warnings;
mod wyoming;
mod yaml_tree;
mod yaml_words;

pub use alerts::{Alert, AlertEvent, ReceiverKind};
pub use environment::{Environment, LayeredEnvironment, ProcessEnvironment};
pub use errors::{Errors, FindError, LoadError, Problem};
pub use fit::{
    Edits, HeaderEdit, Modality, PROFILES, ProfileChoice, ProviderFit, SchemaFallback, StepFit,
};
pub use limits::ModelTerms;
pub use model::*;
pub use name::Name;
pub use network::{Network, NoNetwork};
pub use ollama::{Keyless, Ollama};
pub use order::Order;
pub use quotas::Quotas;
pub use route_names::Alias;
pub use schema::schema;
pub use shared::{Shared, SharedAddress, SharedServer};
pub use source::{Loaded, Source, parse};
pub use suggest::{closest, did_you_mean, near};
pub use url::{BaseUrl, PRIVATE_ENDINGS, is_private};
pub use warnings::{open_to_strangers, warnings};
pub use wyoming::Wyoming;
