//! Figures of this process from the system.

use std::fs;

/// Memory, threads and descriptors.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Resident memory (bytes).
    pub resident: u64,
    pub threads: u64,
    pub descriptors: u64,
}

impl Process {
    /// Reads `/proc`; `None` on systems without it.
    pub fn read() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let descriptors = fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Self {
            resident: field("VmRSS:")?.saturating_mul(1024),
            threads: field("Threads:")?,
            // The folder itself is open while it is read.
            descriptors: descriptors.saturating_sub(1) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there() {
        let process = Process::read().unwrap();
        assert!(process.resident > 500_000, "{process:?}");
        assert!(
            process.threads >= 1 && process.descriptors >= 3,
            "{process:?}"
        );
    }
}
