//! A control group with a limit of memory, where one can be made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A group of its own, removed in the end, when its processes have ended.
pub struct ControlGroup {
    folder: PathBuf,
    killed: PathBuf,
}

impl ControlGroup {
    /// A group that holds its processes to so much memory (bytes); `None` where none can be made: that takes root, and a
    /// system that hands the controller down.
    pub fn of_memory(limit: usize) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("ai-gateway-test-{}-{number}", std::process::id());
        let version_1 = (
            "/sys/fs/cgroup/memory",
            "memory.limit_in_bytes",
            "memory.oom_control",
        );
        let version_2 = ("/sys/fs/cgroup", "memory.max", "memory.events");
        let made = [version_1, version_2]
            .into_iter()
            .find_map(|(mount, file, killed)| {
                let folder = Path::new(mount).join(&name);
                // What is no control group becomes an empty folder, in which there is nothing to be limited.
                fs::create_dir(&folder).ok()?;
                let group = Self {
                    killed: folder.join(killed),
                    folder,
                };
                let file = group.folder.join(file);
                (file.exists() && fs::write(file, limit.to_string()).is_ok()).then_some(group)
            });
        if made.is_none() {
            println!("no control group can be made: only the process's own count is looked at");
        }
        made
    }

    /// The commands by which a shell, and what it becomes, enters.
    pub fn entering(&self) -> String {
        format!(
            "echo $$ > {}/cgroup.procs; exec \"$@\"",
            self.folder.display()
        )
    }

    /// How many processes were killed for their memory.
    pub fn killed(&self) -> usize {
        let events = fs::read_to_string(&self.killed).unwrap_or_default();
        let count = events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        count.map_or(0, |count| count.trim().parse().unwrap())
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.folder));
    }
}
