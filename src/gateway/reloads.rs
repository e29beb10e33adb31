//! The reloads of this process as pages see them: how the latest one ended, and the way to ask for another.

use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

use crate::sync::lock;

/// A reload on demand: the settings that take effect with a restart only, or the problems of the files, a line each.
/// Blocks for as long as the files take to be read.
pub type Reload = Box<dyn Fn() -> Result<Vec<&'static str>, String> + Send + Sync>;

/// The end of a reload.
#[derive(Clone, Debug)]
pub struct ReloadEnd {
    pub at: SystemTime,
    /// The problems, a line each; `None` of a configuration that was taken over.
    pub problem: Option<String>,
}

/// The reloads of a process, which outlive each configuration.
#[derive(Default)]
pub struct Reloads {
    latest: Mutex<Option<ReloadEnd>>,
    /// Unset where there is no file to read again, as in the demo.
    reload: OnceLock<Reload>,
}

impl Reloads {
    /// Sets the way to reload, once.
    pub fn serve(&self, reload: Reload) {
        // A second way would be that of another process.
        let _ = self.reload.set(reload);
    }

    /// Notes the end of a reload, whoever asked for it.
    pub fn ended(&self, problem: Option<&str>) {
        *lock(&self.latest) = Some(ReloadEnd {
            at: SystemTime::now(),
            problem: problem.map(str::to_owned),
        });
    }

    /// The end of the latest reload; `None` before the first.
    pub fn latest(&self) -> Option<ReloadEnd> {
        lock(&self.latest).clone()
    }

    /// Reloads now; `None` where there is nothing to read again.
    pub fn reload(&self) -> Option<Result<Vec<&'static str>, String>> {
        self.reload.get().map(|reload| reload())
    }
}
