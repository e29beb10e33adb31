//! The providers' own words, from their documentation and from reports of their users, shortened; a message `m` stands for
//! any, where the code decides. A file for each kind of refusal, in the order of the table of rules.

mod blocked;
mod capacity;
mod forbidden;
mod inside_200;
mod key;
mod model;
mod money;
mod own_state;
mod status_only;
mod throttling;
mod too_large;
mod unsupported;
mod validation_in_500;

use crate::dialect::class::Class;

/// Source, status, body, and the class that they mean.
type Case = (&'static str, u16, &'static str, Class);

/// All cases.
pub fn all() -> impl Iterator<Item = &'static (&'static str, u16, &'static str, Class)> {
    let groups: [&[Case]; 13] = [
        blocked::CASES,
        validation_in_500::CASES,
        too_large::CASES,
        money::CASES,
        capacity::CASES,
        throttling::CASES,
        unsupported::CASES,
        model::CASES,
        key::CASES,
        own_state::CASES,
        forbidden::CASES,
        inside_200::CASES,
        status_only::CASES,
    ];
    groups.into_iter().flatten()
}
