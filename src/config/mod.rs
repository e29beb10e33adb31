//! Configuration: from YAML to a validated [`Config`].

pub mod model;

pub use model::*;
