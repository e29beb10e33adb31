//! The process: its inherited sockets, and the calls that only `main.rs` can make, as they are unsafe.

use std::os::fd::OwnedFd;

/// The process, as the gateway gets it.
#[derive(Debug, Default)]
pub struct Process {
    /// The sockets that a service manager has opened for the gateway, see [`crate::service_manager`].
    pub inherited: Vec<OwnedFd>,
    /// The call that gives back the memory of code that only the start needed; `None` where there is none to make.
    pub forget_start: Option<fn()>,
}
