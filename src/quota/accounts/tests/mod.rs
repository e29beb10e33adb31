//! Tests of accounts; each file has the name of what it tests.

mod admission;
mod journal;
mod properties;
mod setup;
mod windows;
