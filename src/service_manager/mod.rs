//! What the process and its service manager say to each other: systemd's protocols, in plain `std`, and nothing at all
//! where no service manager asks for it.

mod notify;
mod pid_file;
mod sockets;

pub use notify::Notifier;
pub use pid_file::{PidFile, running};
pub use sockets::{inherited_count, listeners};

/// The first inherited descriptor (`SD_LISTEN_FDS_START` of sd_listen_fds(3)).
pub const FIRST_INHERITED: i32 = 3;
