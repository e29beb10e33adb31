//! The files of a configuration: finding, reading and validating them.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::environment::{Environment, LayeredEnvironment, ProcessEnvironment};
use super::errors::{Errors, FindError, LoadError, Problem};
use super::model::Config;
use super::section::Section;
use super::validation::Validation;
use super::yaml_tree::{MappingEntry, NodeShape};
use super::{env_file, listen, substitute, top_level, yaml_tree};

/// Thousands of routes fit in; a longer file is a wrong path.
const LONGEST: u64 = 4 * 1024 * 1024;

const PLACES: [&str; 2] = ["./config.yaml", "/etc/ai-gateway/config.yaml"];

/// The file beside the configuration that is read where none is named.
const ENV_FILE: &str = ".env";

/// The files that a configuration is read from, each time anew.
#[derive(Clone, Debug)]
pub struct Source {
    pub file: PathBuf,
    /// The `.env` file that the command line names; `None` for that of `env_file`, else the one beside the configuration.
    pub env_file: Option<PathBuf>,
}

/// A configuration, and what it was made of.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub environment: LayeredEnvironment,
    /// The files: the configuration, `.env`, and those that `${file:...}` names.
    pub files: Vec<PathBuf>,
}

impl Source {
    /// The source with the file asked for, whether it exists or not, else the first that exists of `./config.yaml` and
    /// `/etc/ai-gateway/config.yaml`.
    ///
    /// # Errors
    /// When none was asked for and none exists.
    pub fn find(file: Option<&Path>, env_file: Option<&Path>) -> Result<Self, FindError> {
        Ok(Self {
            file: find_among(file, &PLACES.map(PathBuf::from))?,
            env_file: env_file.map(Path::to_owned),
        })
    }

    /// Reads the file, of at most 4 MiB, and validates it with the environment of this process and the `.env` file.
    ///
    /// # Errors
    /// When the file cannot be read, is too long or not UTF-8, or holds no valid configuration.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        let text = read(&self.file)?;
        let name = self.file.display().to_string();
        let refused = |errors: Errors| LoadError::Invalid(vec![errors.in_file(name.clone())]);
        let text = protected(&text);
        let document = yaml_tree::parse(&text).map_err(refused)?;
        let EnvironmentRead {
            environment,
            file,
            errors,
            note,
        } = self.environment(&text, &document);
        let config = validated(&text, &document, &environment, &note);
        let config = config.map_err(|errors| errors.in_file(name));
        match (config, errors) {
            (Ok(config), None) => {
                let files = environment.files.take();
                let files = [self.file.clone(), file].into_iter().chain(files);
                Ok(Loaded {
                    config,
                    files: files.collect(),
                    environment,
                })
            }
            (config, errors) => Err(LoadError::Invalid(
                errors.into_iter().chain(config.err()).collect(),
            )),
        }
    }

    /// The first address to listen on, however broken the rest is: that of the file where it can be made out, else the
    /// port of the environment, else the usual one.
    pub fn address(&self) -> SocketAddr {
        let text = read(&self.file).unwrap_or_default();
        let text = protected(&text);
        let document = yaml_tree::parse(&text).or_else(|_| yaml_tree::parse(&listen::lines(&text)));
        let document = document.unwrap_or_default();
        let environment = self.environment(&text, &document).environment;
        let validation = Validation::new(&environment);
        listen::likely(&Section::top_level(&validation, &document))
    }

    /// The environment with the variables of the `.env` file that is named, or stands beside the configuration.
    fn environment(&self, text: &str, document: &[MappingEntry]) -> EnvironmentRead {
        let beside = self.file.with_file_name(ENV_FILE);
        let entry = document.iter().find(|entry| entry.key == "env_file");
        let configured = entry.and_then(|entry| match &entry.node.shape {
            NodeShape::Scalar(text) => substitute::expand(text, &ProcessEnvironment).ok(),
            _ => None,
        });
        let configured = configured.filter(|path| !path.text.is_empty());
        let configured = configured.map(|path| self.file.with_file_name(path.text));
        let is_named = self.env_file.is_some() || configured.is_some();
        let file = self.env_file.clone().or(configured).unwrap_or(beside);
        let mut read = EnvironmentRead {
            environment: LayeredEnvironment::default(),
            errors: None,
            note: String::new(),
            file,
        };
        let shown = read.file.display().to_string();
        match ProcessEnvironment.file(&read.file.to_string_lossy()) {
            Ok(content) => {
                let parsed = env_file::parse(&content);
                read.environment.variables = parsed.variables;
                let problems = parsed.problems.into_iter().map(|(line, message)| Problem {
                    line: Some(line),
                    message,
                    ..Problem::default()
                });
                let problems: Vec<Problem> = problems.collect();
                if !problems.is_empty() {
                    read.errors = Some(Errors::new(problems).in_file(shown));
                }
            }
            Err(error) if !is_named && is_passed_over(error.kind()) => {
                if error.kind() != io::ErrorKind::NotFound {
                    read.note = format!(" ({shown} cannot be read: {error})");
                }
            }
            Err(error) => {
                let line = entry.filter(|_| self.env_file.is_none());
                let problem = Problem {
                    path: line.map(|entry| entry.key.clone()).unwrap_or_default(),
                    line: line.and_then(|entry| yaml_tree::line_of(text, entry.node.id)),
                    message: format!("{shown} cannot be read: {error}"),
                    ..Problem::default()
                };
                let file = self.file.display().to_string();
                read.errors = Some(Errors::new(vec![problem]).in_file(file));
            }
        }
        read
    }
}

/// The environment, and what came of reading its file.
struct EnvironmentRead {
    environment: LayeredEnvironment,
    file: PathBuf,
    errors: Option<Errors>,
    /// The words behind a list of missing variables.
    note: String,
}

/// Whether a file that nobody has named may be left alone: under systemd it may be root's, who has read it already.
fn is_passed_over(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    matches!(
        kind,
        NotFound | PermissionDenied | IsADirectory | NotADirectory
    )
}

fn read(file: &Path) -> Result<String, LoadError> {
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
    String::from_utf8(bytes).map_err(|_| LoadError::NotUtf8 {
        file: file.to_owned(),
    })
}

/// Reads and validates a configuration.
///
/// # Errors
///
/// Every problem of the text, in the order of its lines. When the text is no YAML, that one problem.
pub fn parse(text: &str, environment: &dyn Environment) -> Result<Config, Errors> {
    let text = protected(text);
    let document = yaml_tree::parse(&text)?;
    validated(&text, &document, environment, "")
}

/// The text as the YAML parser is given it.
fn protected(text: &str) -> String {
    // Editors on Windows begin a file with a byte order mark.
    substitute::protect(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn validated(
    text: &str,
    document: &[MappingEntry],
    environment: &dyn Environment,
    note: &str,
) -> Result<Config, Errors> {
    let validation = Validation::new(environment);
    let config = top_level::config(Section::top_level(&validation, document));
    let problems = validation.into_problems(text, document, note);
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
             name another file with --config FILE, or let `ai-gateway init` write one"
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
            let source = Source {
                file: file.clone(),
                env_file: None,
            };
            let message = source.load().unwrap_err().to_string();
            assert!(
                message.starts_with(&file.display().to_string()),
                "{message}"
            );
            assert!(message.contains(reason), "{message}");
        }
    }
}
