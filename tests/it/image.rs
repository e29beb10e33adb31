//! The image can be built: what Dockerfile copies is there, and `.dockerignore` lets it through. What it and the releases are
//! built with is pinned.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Whether a source reaches the builder. Of the rules only the two kinds that the file uses: `*` and names, with or
/// without a `!`; the last one that fits decides.
fn passes(rules: &str, source: &str) -> bool {
    let source = source.trim_start_matches("./");
    let rules = rules.lines().map(str::trim);
    let rules = rules.filter(|rule| !rule.is_empty() && !rule.starts_with('#'));
    rules.fold(true, |passes, rule| {
        let (name, lets_through) = match rule.strip_prefix('!') {
            Some(name) => (name, true),
            None => (rule, false),
        };
        let below = source.strip_prefix(name);
        let fits =
            name == "*" || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if fits { lets_through } else { passes }
    })
}

/// The sources of every COPY that takes from the folder, not from another stage.
fn copied(dockerfile: &str) -> Vec<&str> {
    let copies = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    let of_folder = copies.filter(|words| !words.contains("--from="));
    let sources = of_folder.flat_map(|words| {
        let words: Vec<&str> = words
            .split_whitespace()
            .filter(|word| !word.starts_with("--"))
            .collect();
        words[..words.len() - 1].to_vec()
    });
    sources.collect()
}

#[test]
fn what_the_image_is_built_from_passes_the_ignore_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).expect(name);
    let (dockerfile, rules) = (read("Dockerfile"), read(".dockerignore"));
    let sources = copied(&dockerfile);
    assert!(sources.len() > 3, "{sources:?}");
    for source in sources {
        assert!(root.join(source).exists(), "{source} is not there");
        assert!(passes(&rules, source), "{source} is kept from the builder");
    }
    // Cargo runs it unasked, and without it the build is another one.
    assert!(copied(&dockerfile).contains(&"build.rs"));
    for secret in [".env", "config.yaml", "target"] {
        assert!(!passes(&rules, secret), "{secret} reaches the builder");
    }
}

#[test]
fn the_last_rule_that_fits_decides() {
    for (rules, source, expected) in [
        ("*\n!src", "src", true),
        ("*\n!src", "src/main.rs", true),
        ("*\n!src", "src2", false),
        ("*\n!src\nsrc/a", "./src/a", false),
        ("# *\n", "src", true),
    ] {
        assert_eq!(passes(rules, source), expected, "{rules:?} {source}");
    }
}

/// The settings of a service in a compose file.
fn service(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let compose: Value = serde_yaml::from_str(&fs::read_to_string(path).expect(file)).expect(file);
    compose["services"]["ai-gateway"].clone()
}

/// At home a container is held as tightly as on a server: they differ in who reaches it, and in nothing else.
#[test]
fn both_compose_files_hold_the_container_alike() {
    let (server, home) = (
        service("docker-compose.yml"),
        service("docker-compose.home.yml"),
    );
    for setting in [
        "read_only",
        "cap_drop",
        "security_opt",
        "mem_limit",
        "pids_limit",
        "stop_grace_period",
        "logging",
        "restart",
    ] {
        assert!(!server[setting].is_null(), "{setting}");
        assert_eq!(server[setting], home[setting], "{setting}");
    }
    assert!(home["labels"].is_null() && server["ports"].is_null());
    assert!(!home["ports"].is_null() && !server["labels"].is_null());
}

/// What an image is built from is the same next year: a tag alone may mean another one by then.
#[test]
fn images_that_the_build_begins_with_are_named_by_digest() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile");
    let dockerfile = fs::read_to_string(path).expect("Dockerfile");
    let images = dockerfile.lines().filter(|line| {
        line.starts_with("# syntax=") || line.starts_with("FROM ") && *line != "FROM scratch"
    });
    let images: Vec<_> = images.collect();
    assert_eq!(images.len(), 2, "{images:?}");
    for image in images {
        let digest = image.split("@sha256:").nth(1).unwrap_or_default();
        let digest = digest.split(' ').next().unwrap_or_default();
        let is_hexadecimal = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(digest.len() == 64 && is_hexadecimal, "{image}");
    }
}

/// A tag of an action can be moved by whoever owns it; a commit cannot.
#[test]
fn actions_are_named_by_commit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut actions = 0;
    for entry in fs::read_dir(folder).expect("workflows") {
        let path = entry.expect("an entry").path();
        let workflow = fs::read_to_string(&path).expect("a workflow");
        let uses = workflow
            .lines()
            .filter_map(|line| line.split_once("uses: "));
        for (_, action) in uses.filter(|(_, action)| !action.starts_with("./")) {
            let commit = action.split('@').nth(1).unwrap_or_default();
            let commit = commit.split(' ').next().unwrap_or_default();
            let is_hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                commit.len() == 40 && is_hexadecimal,
                "{}: {action}",
                path.display()
            );
            actions += 1;
        }
    }
    assert!(actions > 5, "{actions}");
}
