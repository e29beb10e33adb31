//! The watch over the files of the configuration, for `watch_config`.
//!
//! A file is looked at through its links, so that a swapped ConfigMap (`..data` points elsewhere) and an editor that
//! renames a new file over the old one are changes, as is a write into the file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::heapsort::sorted;

/// The marks of a file that change with its content; `None` for a file that is not there.
type Marks = Option<(u64, u64, u64, [i64; 4])>;

pub struct FileWatch {
    files: Vec<(PathBuf, Marks)>,
}

impl FileWatch {
    /// A watch over files that were read just now.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let mut watch = Self { files: Vec::new() };
        watch.follow(files);
        watch
    }

    /// Watches these files from now on. A file that was watched before keeps the marks that it had when it was read.
    pub fn follow(&mut self, files: Vec<PathBuf>) {
        let mut files = sorted(files);
        files.dedup();
        let known = |file: &PathBuf| {
            let known = self.files.iter().find(|(other, _)| other == file);
            known.map_or_else(|| marks(file), |(_, marks)| *marks)
        };
        let files = files.into_iter().map(|file| {
            let marks = known(&file);
            (file, marks)
        });
        self.files = files.collect();
    }

    /// Takes the files as they are now for known.
    pub fn note(&mut self) {
        for (file, known) in &mut self.files {
            *known = marks(file);
        }
    }

    /// Whether a file is another than it was. One that is gone is not: an editor may be about to put it back.
    pub fn has_changed(&self) -> bool {
        let mut files = self.files.iter();
        files.any(|(file, known)| {
            let now = marks(file);
            now.is_some() && now != *known
        })
    }
}

fn marks(file: &Path) -> Marks {
    let file = fs::metadata(file).ok()?;
    let times = [
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ];
    Some((file.dev(), file.ino(), file.size(), times))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory of this test's own, removed at the end.
    struct Directory(PathBuf);

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn writes_renames_and_swapped_links_are_changes() {
        let directory = Directory(
            std::env::temp_dir().join(format!("ai-gateway-file-watch-{}", std::process::id())),
        );
        let folder = &directory.0;
        for version in ["..1", "..2"] {
            fs::create_dir_all(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("config.yaml"), "same").unwrap();
        }
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/config.yaml", folder.join("config.yaml")).unwrap();
        let mut watch = FileWatch::new(vec![folder.join("config.yaml"), folder.join(".env")]);
        let mut changed = |what: &str| {
            let changed = watch.has_changed();
            watch.note();
            assert!(!watch.has_changed(), "{what}: told twice");
            changed
        };
        assert!(!changed("nothing"));

        symlink("..2", folder.join("..new")).unwrap();
        fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
        assert!(changed("a ConfigMap"));

        fs::write(folder.join(".env"), "A=1").unwrap();
        assert!(changed("a file that came"));
        fs::write(folder.join(".env"), "A=12").unwrap();
        assert!(changed("a file that was written"));
        fs::write(folder.join("new"), "A=12").unwrap();
        fs::rename(folder.join("new"), folder.join(".env")).unwrap();
        assert!(changed("an editor's rename"));
        fs::remove_file(folder.join(".env")).unwrap();
        assert!(!changed("a file that is gone"));
    }
}
