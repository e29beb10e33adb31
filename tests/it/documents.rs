//! The documents: every link in them leads somewhere, and what they promise about commands is what CI runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::support::process::{Folder, command_in, run};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Markdown files of the top folder and of `docs/`.
fn documents() -> Vec<PathBuf> {
    let folders = [root().to_owned(), root().join("docs")];
    let files = folders.iter().flat_map(|folder| {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path())
    });
    let documents: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    assert!(documents.len() > 10, "{documents:?}");
    documents
}

/// The text without what stands in code: fences, and between backticks.
fn without_code(text: &str) -> String {
    let mut prose = String::new();
    let mut in_fence = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            let outside = line.split('`').step_by(2);
            prose.extend(outside.flat_map(|part| [part, " "]));
        }
        prose.push('\n');
    }
    assert!(!in_fence, "a fence is not closed");
    prose
}

/// The targets of all links and pictures: `](target)`, `src="target"`, `srcset="target"`.
fn links(text: &str) -> Vec<String> {
    let prose = without_code(text);
    let mut found = Vec::new();
    for (opening, closing) in [
        ("](", ')'),
        ("src=\"", '"'),
        ("srcset=\"", '"'),
        ("href=\"", '"'),
    ] {
        for rest in prose.split(opening).skip(1) {
            let (target, _) = rest.split_once(closing).expect("the end of a link");
            found.push(target.trim().to_owned());
        }
    }
    found
}

/// A heading as GitHub makes an anchor of it: small letters, digits, hyphens and underscores; blanks become hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    kept.collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_fence = false;
    let headings = text.lines().filter(|line| {
        in_fence ^= line.trim_start().starts_with("```");
        !in_fence && line.starts_with('#')
    });
    let mut found = BTreeSet::new();
    for heading in headings {
        let once = anchor(heading.trim_start_matches('#'));
        let mut name = once.clone();
        // A heading that is there already gets a number.
        for number in 1.. {
            if found.insert(name) {
                break;
            }
            name = format!("{once}-{number}");
        }
    }
    found
}

/// The path without `.` and `..`, all below the root.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => assert!(parts.pop(), "{}", path.display()),
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = read(&document);
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => document.clone(),
                file => normal(&document.parent().expect("a folder").join(file)),
            };
            let is_dead = if !target.exists() || !target.starts_with(root()) {
                true
            } else if fragment.is_empty() {
                false
            } else {
                !anchors(&read(&target)).contains(fragment)
            };
            if is_dead {
                dead.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

/// A page that nothing leads to is not read.
#[test]
fn every_page_of_docs_is_linked_from_the_readme() {
    let linked: BTreeSet<_> = links(&read(&root().join("README.md")))
        .iter()
        .map(|link| link.split('#').next().unwrap_or_default().to_owned())
        .collect();
    for document in documents() {
        let name = document.strip_prefix(root()).expect("below the root");
        let name = name.to_str().expect("UTF-8");
        let is_page = name.starts_with("docs/");
        assert!(!is_page || linked.contains(name), "{name}");
    }
}

/// The first configuration that a newcomer reads can be used as it stands.
#[test]
fn the_configuration_of_the_page_is_valid() {
    let page = read(&root().join("docs/configuration.md"));
    let (_, block) = page.split_once("```yaml\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    let folder = Folder::new();
    folder.file("config.yaml", block);
    let mut check = command_in(folder.path());
    for name in block.split("${").skip(1) {
        let (name, _) = name.split_once('}').expect("a variable");
        check.env(name, "a-key-of-sixteen-bytes-and-more");
    }
    let ended = run(check.arg("check"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// Whoever follows the README runs what every commit is held to.
#[test]
fn the_readmes_test_command_is_what_ci_runs() {
    let readme = read(&root().join("README.md"));
    assert!(readme.lines().any(|line| line.starts_with("./ops.sh test")));
    assert!(readme.lines().any(|line| line.starts_with("./ops.sh demo")));
    let run = read(&root().join(".ci/run"));
    assert!(run.lines().any(|line| line == "./ops.sh test"), "{run}");
    let workflow = read(&root().join(".github/workflows/ci.yml"));
    assert!(workflow.contains("run: .ci/run\n"));
}

#[test]
fn the_readme_fits_a_screen() {
    let readme = read(&root().join("README.md"));
    assert!(readme.lines().count() <= 100, "{}", readme.lines().count());
}

/// A release says what has changed: its workflow takes the section of this very version.
#[test]
fn the_changelog_has_a_section_for_this_version() {
    let changelog = read(&root().join("CHANGELOG.md"));
    let heading = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(
        changelog
            .lines()
            .any(|line| line == heading || line.starts_with(&format!("{heading} "))),
        "{heading}"
    );
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# A `b`, c\n[x](one.md#two) ![y](p.svg) `[no](no.md)`\n<img src=\"q.webp\">\n## Two\n## Two\n";
    assert_eq!(links(text), ["one.md#two", "p.svg", "q.webp"]);
    let expected = ["a-b-c", "two", "two-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
}
