//! The process: the exit code of [`ai_gateway::cli::run`].

use std::os::fd::{FromRawFd, OwnedFd};
use std::process::ExitCode;

use ai_gateway::app::Process;
use ai_gateway::{cli, service_manager};

fn main() -> ExitCode {
    return_large_buffers();
    let process = Process {
        inherited: inherited_sockets(),
        forget_start: Some(forget_start),
    };
    cli::run(std::env::args_os().skip(1), process)
}

/// The size from which a buffer has a mapping of its own (bytes).
#[cfg(target_env = "gnu")]
const MAPPED: libc::c_int = 128 * 1024;

/// Has each large buffer mapped by itself, for as long as the process lives. To be called before the first allocation of
/// another thread.
///
/// glibc begins so, and raises its threshold up to 32 MiB with each such buffer that is freed: from the second large body
/// on they would lie in heaps, where a buffer that grows is in memory twice for a moment, and one that was freed stays
/// there as long as anything behind it lives. A mapping grows by moving its pages, and goes back to the system at once.
fn return_large_buffers() {
    // SAFETY: mallopt(3) changes a number of the allocator, and no memory; no other thread runs yet.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
    }
}

/// Unmaps the pages of the program's code and constants. They are read again from its file where they are needed, and
/// most of what the start took (the reader of the configuration, the set-up of TLS) never is: 4.4 MB resident become
/// 2.6, and 3.3 with the first answer. Otherwise a system that is short of memory has to age them first.
fn forget_start() {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            static __executable_start: u8;
            static etext: u8;
        }
        let (start, end) = (&raw const __executable_start, &raw const etext);
        let length = end.addr().saturating_sub(start.addr());
        // SAFETY: the linker's symbols bound the segments that are read-only from the start of the process on (elf(5)):
        // nobody has written into them, so what MADV_DONTNEED drops is in the file. The file does not change either, as
        // the system lets nobody write into a program that runs (ETXTBSY).
        unsafe {
            libc::madvise(start.cast_mut().cast(), length, libc::MADV_DONTNEED);
        }
    }
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
