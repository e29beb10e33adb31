//! The operations that all edits are made of, each on the member that a path names. A path that meets nothing does
//! nothing.

use crate::adapt::members;
use crate::json::{Object, path};

/// Removes the member.
pub fn drop_member(body: &mut Object<'_>, place: &str) {
    members::edit(body, place, &mut |object, name| {
        object.remove(name);
    });
}

/// Gives the member another name; where the new one is taken, the old member goes.
pub fn rename(body: &mut Object<'_>, place: &str, to: &str) {
    members::edit(body, place, &mut |object, name| {
        let Some(value) = object.get(name).map(str::to_owned) else {
            return;
        };
        object.remove(name);
        if object.get(to).is_none() {
            object.set(to, value);
        }
    });
}

/// Puts a value where the member is absent or null.
pub fn default(body: &mut Object<'_>, place: &str, json: &str) {
    members::edit(body, place, &mut |object, name| {
        if object.get(name).is_none_or(|value| value == "null") {
            object.set(name, json.to_owned());
        }
    });
}

/// Puts a value in any case.
pub fn put(body: &mut Object<'_>, place: &str, json: &str) {
    members::edit(body, place, &mut |object, name| {
        if object.get(name) != Some(json) {
            object.set(name, json.to_owned());
        }
    });
}

/// Puts a value in the place of another one.
pub fn replace(body: &mut Object<'_>, place: &str, from: &str, to: &str) {
    members::edit(body, place, &mut |object, name| {
        if object.get(name) == Some(from) {
            object.set(name, to.to_owned());
        }
    });
}

/// Lowers a number that is above `most`, which is spelled as JSON.
pub fn at_most(body: &mut Object<'_>, place: &str, most: &str) {
    members::edit(body, place, &mut |object, name| {
        if object.get(name).is_some_and(|value| is_above(value, most)) {
            object.set(name, most.to_owned());
        }
    });
}

/// Whether a raw value is a number above another one.
pub fn is_above(value: &str, most: &str) -> bool {
    match (value.parse::<f64>(), most.parse::<f64>()) {
        (Ok(value), Ok(most)) => value > most,
        _ => false,
    }
}

/// Whether two raw values are the same; of numbers the spelling does not count.
pub fn is_same(value: &str, other: &str) -> bool {
    match (value.parse::<f64>(), other.parse::<f64>()) {
        (Ok(value), Ok(other)) => value == other,
        _ => value == other,
    }
}

/// The places of a request that a step keeps from the built-in table and from the memory.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a>(pub &'a [String]);

impl Kept<'_> {
    /// Whether a place is kept, itself or with what it lies in.
    pub fn has(self, place: &str) -> bool {
        self.0.iter().any(|kept| path::is_within(place, kept))
    }
}
