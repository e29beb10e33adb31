//! `server:`, the limits of the edge.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::model::EdgeLimits;
use super::network::networks;
use super::section::Section;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
const TIB: usize = GIB.saturating_mul(1 << 10); // a machine of 32 bits has no such number

/// The limits of the file over the built-in ones. The bounds keep what could not work out of the edge: no request fits
/// into a head of 10 bytes, and one thread per request ends somewhere.
pub(super) fn server(root: &Section) -> EdgeLimits {
    let mut server = EdgeLimits::default();
    let Some(value) = root.get("server") else {
        return server;
    };
    let Some(table) = value.table() else {
        return server;
    };

    count(
        &table,
        "max_concurrent_requests",
        1..=100_000,
        &mut server.max_concurrent_requests,
    );
    count(
        &table,
        "max_connections",
        1..=1_000_000,
        &mut server.max_connections,
    );
    server.max_connections_per_ip = table
        .get("max_connections_per_ip")
        .and_then(|value| value.count(&(1..=1_000_000)));
    if let Some(proxies) = table.get("trusted_proxies") {
        server.trusted_proxies = networks(&proxies);
    }
    count(&table, "max_fields", 1..=10_000, &mut server.max_fields);
    size(&table, "max_head", 256..=MIB, &mut server.max_head);
    size(&table, "max_target", 64..=MIB, &mut server.max_target);
    size(&table, "max_body", KIB..=GIB, &mut server.max_body);
    size(&table, "max_upload", KIB..=GIB, &mut server.max_upload);
    server.body_memory = table
        .get("body_memory")
        .and_then(|value| value.size(&(MIB..=TIB)));
    size(&table, "max_answer", KIB..=GIB, &mut server.max_answer);

    timeout(&table, "head_timeout", &mut server.head_timeout);
    timeout(&table, "body_timeout", &mut server.body_timeout);
    timeout(&table, "keep_alive", &mut server.keep_alive);
    timeout(&table, "linger_timeout", &mut server.linger_timeout);
    timeout(&table, "write_timeout", &mut server.write_timeout);
    timeout(&table, "connect_timeout", &mut server.connect_timeout);
    server.stream_keepalive = table
        .get("stream_keepalive")
        .and_then(|value| value.timeout());
    // Zero: stop at once.
    duration(&table, "shutdown_delay", &mut server.shutdown_delay);
    duration(&table, "shutdown_timeout", &mut server.shutdown_timeout);

    // A smaller head lowers the default of the target; only when both are given can they contradict each other.
    if server.max_target > server.max_head {
        match table.get("max_target") {
            Some(target) => target.report("is larger than max_head, which holds the target"),
            None => server.max_target = server.max_head,
        }
    }
    table.finish(|_| false);
    server
}

fn count(table: &Section, key: &'static str, range: RangeInclusive<usize>, setting: &mut usize) {
    if let Some(given) = table.get(key).and_then(|value| value.count(&range)) {
        *setting = given;
    }
}

fn size(table: &Section, key: &'static str, range: RangeInclusive<usize>, setting: &mut usize) {
    if let Some(given) = table.get(key).and_then(|value| value.size(&range)) {
        *setting = given;
    }
}

fn timeout(table: &Section, key: &'static str, setting: &mut Duration) {
    if let Some(given) = table.get(key).and_then(|value| value.timeout()) {
        *setting = given;
    }
}

/// Zero is allowed.
fn duration(table: &Section, key: &'static str, setting: &mut Duration) {
    if let Some(given) = table.get(key).and_then(|value| value.duration()) {
        *setting = given;
    }
}
