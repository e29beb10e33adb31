//! The protocols of systemd: readiness and watchdog, inherited sockets, the pid file for reloads. Nothing happens where
//! no service manager asks for it.

mod notify;
mod run_file;
mod sockets;

pub use notify::Notifier;
pub use run_file::{RunFile, Running};
pub use sockets::{inherited_count, listeners};

/// The first inherited descriptor (`SD_LISTEN_FDS_START` of sd_listen_fds(3)).
pub const FIRST_INHERITED: i32 = 3;
