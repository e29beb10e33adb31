//! The pid file, by which `ai-gateway reload` finds the process that serves and learns the outcome: its first line is
//! the number of the process, the second that of its reloads, and the rest what was wrong with the last one.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{env, process};

use rustix::process::Pid;

use crate::sync::lock;

const NAME: &str = "ai-gateway.pid";

/// The directory without `$RUNTIME_DIRECTORY`: the unit has `RuntimeDirectory=ai-gateway`.
const USUAL_DIRECTORY: &str = "/run/ai-gateway";

/// The longest file (bytes); the problem in it is cut to fit.
const LONGEST: u64 = 64 * 1024;

/// The pid file of this process, removed at its end.
#[derive(Debug)]
pub struct RunFile {
    path: PathBuf,
    reloads: Mutex<u64>,
}

impl RunFile {
    /// The file in `$RUNTIME_DIRECTORY`, which systemd makes for the service; `None` without one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create() -> io::Result<Option<Self>> {
        let Some(directory) = runtime_directory(env::var_os("RUNTIME_DIRECTORY")) else {
            return Ok(None);
        };
        let file = Self {
            path: directory.join(NAME),
            reloads: Mutex::new(0),
        };
        file.write(0, "")?;
        Ok(Some(file))
    }

    /// Writes down a reload; `problem` is the reason why it was refused.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn reloaded(&self, problem: Option<&str>) -> io::Result<()> {
        let mut reloads = lock(&self.reloads);
        *reloads += 1;
        self.write(*reloads, problem.unwrap_or_default())
    }

    fn write(&self, reloads: u64, problem: &str) -> io::Result<()> {
        let text = format!("{}\n{reloads}\n{problem}", process::id());
        let new = self.path.with_extension("new");
        // Created, and not opened: a link that another user has put there must not be followed.
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        fs::rename(new, &self.path)
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        // The directory may be gone already, and the file with it.
        let _ = fs::remove_file(&self.path);
    }
}

/// The process of the gateway that runs, seen from another one.
#[derive(Debug)]
pub struct Running {
    pub pid: Pid,
    file: PathBuf,
}

impl Running {
    /// The process in `$MAINPID`, which systemd sets for `ExecReload=`.
    pub fn named() -> Option<Self> {
        let pid = env::var("MAINPID").ok().and_then(|text| parse(&text))?;
        let file = file();
        Some(Self { pid, file })
    }

    /// The named process; else that of the file; else process 1, which is the gateway in its own container.
    ///
    /// # Errors
    /// Where it was looked for.
    pub fn find() -> Result<Self, String> {
        if let Some(named) = Self::named() {
            return Ok(named);
        }
        let file = file();
        let own_name = name_of("self").unwrap_or_default();
        // The process that wrote the file may be gone, and its number another's.
        let is_gateway = |pid: &Pid| name_of(pid).is_some_and(|name| name == own_name);
        let of_file = content(&file).map(|content| content.pid);
        match of_file.into_iter().chain([Pid::INIT]).find(is_gateway) {
            Some(pid) => Ok(Self { pid, file }),
            None => Err(format!(
                "no running gateway found by $MAINPID, {} or as process 1; send it SIGHUP yourself: kill -HUP PID",
                file.display()
            )),
        }
    }

    /// The number of reloads, and the problem of the last one, if it had any; `None` without a file of this process.
    pub fn reloads(&self) -> Option<(u64, Option<String>)> {
        let content = content(&self.file).filter(|content| content.pid == self.pid)?;
        let problem = content.problem;
        Some((content.reloads, (!problem.is_empty()).then_some(problem)))
    }
}

fn file() -> PathBuf {
    let directory = runtime_directory(env::var_os("RUNTIME_DIRECTORY"));
    directory
        .unwrap_or_else(|| PathBuf::from(USUAL_DIRECTORY))
        .join(NAME)
}

struct Content {
    pid: Pid,
    reloads: u64,
    problem: String,
}

fn content(file: &Path) -> Option<Content> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
        .ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut parts = text.splitn(3, '\n');
    Some(Content {
        pid: parse(parts.next()?)?,
        reloads: parts.next()?.parse().ok()?,
        problem: parts.next()?.to_owned(),
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

fn name_of(process: impl Display) -> Option<String> {
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
    fn nothing_is_written_through_a_link() {
        let folder = env::temp_dir().join(format!("ai-gateway-run-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let victim = folder.join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, folder.join("ai-gateway.new")).unwrap();
        let file = RunFile {
            path: folder.join(NAME),
            reloads: Mutex::new(0),
        };
        file.write(7, "").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(content(&file.path).map(|content| content.reloads), Some(7));
        drop(file);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_first_runtime_directory_counts() {
        let directory = |text: &str| runtime_directory(Some(text.into()));
        assert_eq!(directory("/run/a:/run/b"), Some("/run/a".into()));
        assert_eq!(directory(""), None);
        assert_eq!(runtime_directory(None), None);
    }
}
