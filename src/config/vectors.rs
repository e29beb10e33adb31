//! The settings of routes and steps whose answers are vectors: their space, their length, how many at once.

use std::ops::RangeInclusive;

use super::model::{Route, Step};
use super::section::Section;
use crate::dialect::step_traits::VectorTraits;

const LENGTHS: RangeInclusive<usize> = 1..=1 << 20;
const INPUTS: RangeInclusive<usize> = 1..=1 << 20;

/// The settings of a route.
pub(super) struct OfRoute {
    dimensions: Option<u64>,
    mixes_spaces: bool,
}

/// Reads a route's settings.
pub(super) fn of_route(table: &Section) -> OfRoute {
    let dimensions = table
        .get("dimensions")
        .and_then(|value| value.count(&LENGTHS));
    let mixed = table.get("allow_mixed").and_then(|value| value.flag());
    OfRoute {
        dimensions: dimensions.and_then(|length| u64::try_from(length).ok()),
        mixes_spaces: mixed.unwrap_or(false),
    }
}

/// Reads a step's settings. A space that it does not name is empty here.
pub(super) fn of_step(table: &Section) -> VectorTraits {
    let space = table
        .get("space")
        .and_then(|value| value.filled().filter(|text| value.is_printable(text)));
    VectorTraits {
        space: space.map(|text| text.content).unwrap_or_default(),
        max_inputs: table
            .get("max_inputs")
            .and_then(|value| value.count(&INPUTS)),
        ..VectorTraits::default()
    }
}

impl OfRoute {
    /// The steps with the settings of their route. The space of the route is that of its first step.
    pub fn shared_by(&self, mut steps: Vec<Step>) -> Vec<Step> {
        for step in &mut steps {
            if step.traits.vectors.space.is_empty() {
                step.traits.vectors.space = space_of(&step.model);
            }
        }
        let first = steps.first().map(|step| step.traits.vectors.space.clone());
        let space_of_route = first.filter(|_| !self.mixes_spaces);
        for step in &mut steps {
            let vectors = &mut step.traits.vectors;
            vectors.dimensions = self.dimensions;
            vectors.space_of_route.clone_from(&space_of_route);
        }
        steps
    }
}

/// The space of a model: its name without its maker and its tag, as these differ between providers of one model.
fn space_of(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.split(':').next().unwrap_or(name);
    name.to_lowercase()
}

/// Settings that can hardly be meant with a route for vectors, in a sentence each.
pub(super) fn warnings(route: &Route) -> Vec<String> {
    let name = &route.name;
    let spaces = route.steps.iter().map(|step| &step.traits.vectors);
    let Some(first) = spaces.clone().next() else {
        return Vec::new();
    };
    let mut others = spaces.filter(|vectors| vectors.space != first.space);
    if first.space_of_route.is_none() {
        return vec![format!(
            "route {name} has allow_mixed: vectors of different models in one index are silently useless"
        )];
    }
    let has_vectors_alone = route
        .endpoints
        .as_ref()
        .is_some_and(|served| served.iter().all(|dialect| *dialect == "embeddings"));
    match others.next() {
        Some(other) if has_vectors_alone => vec![format!(
            "route {name} never uses a step of the space {}: its vectors are those of {} (`space` says that two models are the same)",
            other.space, first.space
        )],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_has_one_space_at_all_providers() {
        for (model, space) in [
            ("BAAI/bge-m3", "bge-m3"),
            ("bge-m3:latest", "bge-m3"),
            ("@cf/baai/BGE-M3", "bge-m3"),
            ("nvidia/nv-embed-v1:free", "nv-embed-v1"),
            ("text-embedding-3-small", "text-embedding-3-small"),
        ] {
            assert_eq!(space_of(model), space, "{model}");
        }
    }
}
