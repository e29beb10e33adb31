//! The process: the exit code of [`ai_gateway::cli::run`].

use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use ai_gateway::{cli, service_manager};

fn main() -> ExitCode {
    let inherited = inherited_sockets();
    cli::run(std::env::args_os().skip(1), inherited)
}

/// The sockets that a service manager has opened for this process. To be called first of all.
///
/// The library forbids unsafe code, and std knows no safe way to a descriptor that was inherited under its number.
fn inherited_sockets() -> Vec<OwnedFd> {
    let first = service_manager::FIRST_INHERITED;
    let numbers = (first..).take(service_manager::inherited_count());
    // A number that is not open means that LISTEN_FDS is wrong.
    let open = numbers
        .take_while(|number| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok());
    // SAFETY: LISTEN_PID names this very process, so these descriptors were opened for it (sd_listen_fds(3)). They are
    // open, and have no other owner: nothing in this process has opened anything yet.
    open.map(|number| unsafe { OwnedFd::from_raw_fd(number) })
        .collect()
}
