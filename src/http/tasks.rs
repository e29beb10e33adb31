//! The number of requests that the process can have threads for.

use rustix::process::{Resource, geteuid, getrlimit};

use super::cgroup;

/// The threads kept for everything but requests: the front, the log, exports, look-ups of names, signs of life.
const OWN: usize = 24;

/// The requests that there are threads for (at most `wanted`). A limit that leaves few says little, as others share it:
/// what a worker finds missing then is told to its client.
pub(super) fn affordable(wanted: usize) -> usize {
    let limits = [cgroup::tasks_left(), limit_of_user()];
    let Some(limit) = limits.into_iter().flatten().min() else {
        return wanted;
    };
    let affordable = share(limit, wanted);
    if affordable < wanted {
        log::warn!(
            "max_concurrent_requests is {affordable} instead of {wanted}: the system allows this process no more threads"
        );
    }
    affordable
}

fn share(limit: usize, wanted: usize) -> usize {
    if limit < 2 * OWN {
        return wanted;
    }
    wanted.min(limit - OWN)
}

/// The limit of the user's tasks; `None` without one, and for root, who is not held to it.
fn limit_of_user() -> Option<usize> {
    let limit = getrlimit(Resource::Nproc).current?;
    (!geteuid().is_root()).then(|| usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn every_request_has_a_thread_and_the_gateway_its_own() {
        for (limit, wanted, expected) in [
            (512, 1024, 488),
            (1280, 1024, 1024),
            (48, 1024, 24),
            (47, 1024, 1024),
            (usize::MAX, 7, 7),
        ] {
            assert_eq!(share(limit, wanted), expected, "{limit} {wanted}");
        }
    }
}
