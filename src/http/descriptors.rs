//! The number of connections that the process can have descriptors for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The descriptors kept for everything but connections: listeners, polls, the log, files, look-ups of names, and some
/// to spare.
const OWN: usize = 16;

/// The connections and requests that there are descriptors for, where each request makes a call (at most `wanted` and
/// `requests`). Raises the process's soft limit for it.
///
/// Without this the clients would take all descriptors, and no provider could be called for any of them.
pub(super) fn affordable(wanted: usize, requests: usize) -> (usize, usize) {
    let affordable = share(raised_limit(), requests);
    if affordable < wanted {
        log::warn!(
            "max_connections is {affordable} instead of {wanted}: the system allows this process no more descriptors"
        );
    }
    let connections = wanted.min(affordable);
    // More requests than connections there never are.
    (connections, requests.min(connections))
}

/// The share of the descriptors that connections may have. Each request may need a second one, so half are kept for that,
/// or less where fewer are needed.
fn share(limit: usize, requests: usize) -> usize {
    let available = limit.saturating_sub(OWN);
    (available - requests.min(available / 2)).max(1)
}

/// The hard limit, which the soft one is raised to: that is lower on most systems for the sake of programs that use
/// `select(2)`.
fn raised_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let in_force = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    };
    // `None` is no limit.
    in_force.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn every_request_has_a_descriptor_for_its_call() {
        for (limit, requests, expected) in [
            (1024, 256, 752),
            (64, 256, 24),
            (64, 4, 44),
            (20_000, 256, 19_728),
            (16, 256, 1),
            (0, 256, 1),
        ] {
            assert_eq!(share(limit, requests), expected, "{limit} {requests}");
        }
        assert!(share(usize::MAX, 256) > usize::MAX / 16);
    }
}
