//! The two files, written whole or not at all, and never over what is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::wishes::Unwritten;

const CONFIG: &str = "config.yaml";
const ENVIRONMENT: &str = ".env";

/// The files that were written.
pub struct Written {
    pub config: PathBuf,
    pub environment: PathBuf,
}

/// # Errors
/// One of the files is there already, be it only a link to nothing.
pub fn refuse_existing(directory: &Path) -> Result<(), Unwritten> {
    for name in [CONFIG, ENVIRONMENT] {
        let path = directory.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(exists(&path));
        }
    }
    Ok(())
}

fn exists(path: &Path) -> Unwritten {
    Unwritten::Other(format!(
        "{} is there already, and is not overwritten: move it away, or name another folder (--directory DIRECTORY)",
        path.display()
    ))
}

/// Writes both files, or none, readable by their owner alone.
///
/// # Errors
/// One of them cannot be written, or has come into being meanwhile.
pub fn write(directory: &Path, config: &str, environment: &str) -> Result<Written, Unwritten> {
    let written = Written {
        config: directory.join(CONFIG),
        environment: directory.join(ENVIRONMENT),
    };
    create(&written.environment, environment)?;
    if let Err(refusal) = create(&written.config, config) {
        // This one is ours.
        let _ = fs::remove_file(&written.environment);
        return Err(refusal);
    }
    Ok(written)
}

fn create(path: &Path, text: &str) -> Result<(), Unwritten> {
    create_whole(path, text).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Unwritten::Other(format!("{} cannot be written: {error}", path.display())),
    })
}

/// Creates a file that nobody ever sees a part of. It is made under a name of its own, and linked to the one it is to
/// have: a link neither replaces a file nor follows one (link(2)), as a rename would do the former.
fn create_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let made = fill(&temporary, text).and_then(|()| match fs::hard_link(&temporary, path) {
        // Not every file system has links: FAT, and some that are mounted over a network.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fill(path, text),
        linked => linked,
    });
    let _ = fs::remove_file(&temporary);
    made
}

/// Creates a file with this text; one that cannot be written to its end is taken away again.
fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let write = |file: &mut File| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    };
    write(&mut file).inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("ai-gateway-init-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn both_are_there_and_only_their_owner_reads_them() {
        let directory = Directory::new("both");
        let written = write(&directory.0, "c", "e").unwrap();
        assert_eq!(directory.names(), [".env", "config.yaml"]);
        for (path, text) in [(&written.config, "c"), (&written.environment, "e")] {
            assert_eq!(fs::read_to_string(path).unwrap(), text);
            assert_eq!(
                fs::metadata(path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn nothing_is_overwritten_nor_written_through_a_link() {
        for name in [CONFIG, ENVIRONMENT] {
            let directory = Directory::new(&format!("link{name}"));
            let target = directory.0.join("target");
            symlink(&target, directory.0.join(name)).unwrap();
            for refusal in [
                refuse_existing(&directory.0).unwrap_err(),
                write(&directory.0, "c", "e").map(drop).unwrap_err(),
            ] {
                assert!(
                    refusal.to_string().contains("is there already"),
                    "{refusal}"
                );
            }
            assert!(!target.exists());
            assert_eq!(directory.names(), [name]);
        }
        let nowhere = write(Path::new("/nowhere"), "c", "e")
            .map(drop)
            .unwrap_err();
        assert!(
            nowhere
                .to_string()
                .contains("/nowhere/.env cannot be written"),
            "{nowhere}"
        );
    }
}
