//! How `ai-gateway reload` finds the process that serves.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::{env, io};

use rustix::process::Pid;

const NAME: &str = "ai-gateway.pid";

/// Where the file is when nobody says: the unit has `RuntimeDirectory=ai-gateway`.
const USUAL_DIRECTORY: &str = "/run/ai-gateway";

/// The number of the process that serves, in a file that goes with it.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Written to `$RUNTIME_DIRECTORY`, which systemd makes for the service; `None` without one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write() -> io::Result<Option<Self>> {
        let Some(directory) = runtime_directory(env::var_os("RUNTIME_DIRECTORY")) else {
            return Ok(None);
        };
        let path = directory.join(NAME);
        fs::write(&path, format!("{}\n", std::process::id()))?;
        Ok(Some(Self(path)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // The directory may be gone already, and the file with it.
        let _ = fs::remove_file(&self.0);
    }
}

/// The gateway that runs: `$MAINPID`, which systemd sets for `ExecReload=`; else the file's; else process 1, which is
/// the gateway in its own container.
///
/// # Errors
/// Where it was looked for.
pub fn running() -> Result<Pid, String> {
    let own_name = name_of("self").unwrap_or_default();
    let is_gateway = |pid: &Pid| name_of(pid).is_some_and(|name| name == own_name);
    if let Some(pid) = env::var("MAINPID").ok().and_then(|text| parse(&text)) {
        return Ok(pid);
    }
    let directory = runtime_directory(env::var_os("RUNTIME_DIRECTORY"));
    let file = directory
        .unwrap_or_else(|| PathBuf::from(USUAL_DIRECTORY))
        .join(NAME);
    let of_file = fs::read_to_string(&file).ok().and_then(|text| parse(&text));
    // The process that wrote the file may be gone, and its number another's.
    let found = of_file.into_iter().chain([Pid::INIT]).find(is_gateway);
    found.ok_or_else(|| {
        format!(
            "no running gateway found by $MAINPID, {} or as process 1; send it SIGHUP yourself: kill -HUP PID",
            file.display()
        )
    })
}

/// The first of the directories in the variable (systemd.exec(5)).
fn runtime_directory(variable: Option<OsString>) -> Option<PathBuf> {
    let first = env::split_paths(&variable?).next()?;
    (!first.as_os_str().is_empty()).then_some(first)
}

fn parse(text: &str) -> Option<Pid> {
    Pid::from_raw(text.trim().parse().ok().filter(|number| *number > 0)?)
}

fn name_of(process: impl std::fmt::Display) -> Option<String> {
    fs::read_to_string(Path::new("/proc").join(process.to_string()).join("comm")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_number_is_signalled() {
        // 0 and negative numbers mean process groups to kill(2).
        for text in ["0", "-1", "", "x", "99999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(" 12\n"), Pid::from_raw(12));
    }

    #[test]
    fn the_first_runtime_directory_counts() {
        let directory = |text: &str| runtime_directory(Some(text.into()));
        assert_eq!(directory("/run/a:/run/b"), Some("/run/a".into()));
        assert_eq!(directory(""), None);
        assert_eq!(runtime_directory(None), None);
    }
}
