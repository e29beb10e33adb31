//! The source of `${VAR}` and `${file:...}`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// The longest file (bytes): a secret is short, and a longer file is a wrong path.
const LONGEST_FILE: u64 = 64 * 1024;

/// The variables and files that a configuration may refer to.
pub trait Environment {
    /// The value of an environment variable; `None` when it is not set.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The content of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not UTF-8, or is longer than 64 KiB.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// The environment of this process and the files it can read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn file(&self, path: &str) -> io::Result<String> {
        let mut content = String::new();
        // One byte more than allowed tells a file that fits from one that was cut.
        File::open(path)?
            .take(LONGEST_FILE + 1)
            .read_to_string(&mut content)?;
        if content.len() as u64 > LONGEST_FILE {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it is longer than 64 KiB",
            ));
        }
        Ok(content)
    }
}

/// The environment of this process over the variables of a `.env` file: what is set for real counts, even if it is empty.
#[derive(Debug, Default)]
pub struct LayeredEnvironment {
    pub(super) variables: BTreeMap<String, String>,
    /// The files that were asked for.
    pub(super) files: RefCell<Vec<PathBuf>>,
}

impl Environment for LayeredEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        let of_file = || self.variables.variable(name);
        ProcessEnvironment.variable(name).or_else(of_file)
    }

    fn file(&self, path: &str) -> io::Result<String> {
        self.files.borrow_mut().push(PathBuf::from(path));
        ProcessEnvironment.file(path)
    }
}

/// An environment of these variables and no files, for an embedded configuration and for tests.
impl Environment for BTreeMap<String, String> {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.get(name).map(OsString::from)
    }

    fn file(&self, _path: &str) -> io::Result<String> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_path_cannot_fill_the_memory() {
        let error = ProcessEnvironment.file("/dev/zero").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
