//! Tests of the failover core; each file has the name of what it tests.

mod endurance;
mod failure;
mod ledger;
mod marks;
mod order;
mod order_simulation;
mod properties;
mod quota;
mod replicas;
mod retries;
mod setup;
mod simulation;
mod snapshot;
mod verdict;
mod waiting;
mod walk;
mod witnesses;
