//! The configuration file: finding, reading and validating it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::environment::{Environment, ProcessEnvironment};
use super::errors::{Errors, FindError, LoadError};
use super::model::Config;
use super::section::Section;
use super::validation::Validation;
use super::{substitute, top_level, yaml_tree};

/// Thousands of routes fit in; a longer file is a wrong path.
const LONGEST: u64 = 4 * 1024 * 1024;

const PLACES: [&str; 2] = ["./config.yaml", "/etc/ai-gateway/config.yaml"];

/// The file to load: the one asked for, whether it exists or not, else the first that exists of `./config.yaml` and
/// `/etc/ai-gateway/config.yaml`.
///
/// # Errors
///
/// When none was asked for and none exists.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf, FindError> {
    find_among(explicit, &PLACES.map(PathBuf::from))
}

/// Reads a file of at most 4 MiB and validates it with the environment of this process.
///
/// # Errors
///
/// When the file cannot be read, is too long or not UTF-8, or holds no valid configuration.
pub fn load(file: &Path) -> Result<Config, LoadError> {
    let unreadable = |error| LoadError::Read {
        file: file.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that fits from one that was cut.
    File::open(file)
        .map_err(unreadable)?
        .take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(LoadError::TooLarge {
            file: file.to_owned(),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| LoadError::NotUtf8 {
        file: file.to_owned(),
    })?;
    parse(&text, &ProcessEnvironment)
        .map_err(|errors| LoadError::Invalid(errors.in_file(file.display().to_string())))
}

/// Reads and validates a configuration.
///
/// # Errors
///
/// Every problem of the text, in the order of its lines. When the text is no YAML, that one problem.
pub fn parse(text: &str, environment: &dyn Environment) -> Result<Config, Errors> {
    // Editors on Windows begin a file with a byte order mark.
    let text = substitute::protect(text.strip_prefix('\u{feff}').unwrap_or(text));
    let document = yaml_tree::parse(&text)?;
    let validation = Validation::new(environment);
    let config = top_level::config(Section::top_level(&validation, &document));
    let problems = validation.into_problems(&text);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(Errors::new(problems))
    }
}

fn find_among(explicit: Option<&Path>, places: &[PathBuf]) -> Result<PathBuf, FindError> {
    if let Some(file) = explicit {
        return Ok(file.to_owned());
    }
    // A file that exists but may not be read is the one that is meant: loading it says why it fails.
    let found = places
        .iter()
        .find(|place| place.try_exists().unwrap_or(true));
    found.cloned().ok_or_else(|| FindError {
        looked_at: places.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test's own, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("ai-gateway-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, content: &[u8]) -> PathBuf {
            let file = self.0.join(name);
            std::fs::write(&file, content).unwrap();
            file
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_first_file_that_exists_is_used_and_else_all_places_are_named() {
        let directory = Directory::new("find");
        let system = directory.file("system.yaml", b"");
        let places = [directory.0.join("absent.yaml"), system.clone()];
        assert_eq!(find_among(None, &places), Ok(system));
        assert_eq!(
            find_among(Some(Path::new("/nowhere")), &places),
            Ok(PathBuf::from("/nowhere"))
        );

        let error = find_among(
            None,
            &PLACES.map(|place| directory.0.join(&place[2..]).join("x")),
        )
        .unwrap_err();
        assert_eq!(error.looked_at.len(), 2);
        let error = FindError {
            looked_at: PLACES.map(PathBuf::from).to_vec(),
        };
        assert_eq!(
            error.to_string(),
            "no configuration found: looked for ./config.yaml and /etc/ai-gateway/config.yaml; \
             name another file with --config FILE"
        );
    }

    #[test]
    fn every_reason_names_the_file() {
        let directory = Directory::new("load");
        let cases = [
            (directory.0.join("absent.yaml"), "cannot be read"),
            (directory.0.clone(), "cannot be read"),
            (
                directory.file("latin1.yaml", b"api_key: caf\xe9"),
                "is not UTF-8",
            ),
            (
                directory.file("long.yaml", &vec![b'#'; LONGEST as usize + 1]),
                "longer than 4 MiB",
            ),
            (directory.file("wrong.yaml", b"port: x\n"), ":1: port: "),
        ];
        for (file, reason) in cases {
            let message = load(&file).unwrap_err().to_string();
            assert!(
                message.starts_with(&file.display().to_string()),
                "{message}"
            );
            assert!(message.contains(reason), "{message}");
        }
    }
}
