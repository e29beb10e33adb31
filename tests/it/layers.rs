//! The architecture as a test: imports point downwards only, and the lower layers stay free of input, output and clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The map of `lib.rs`.
const LAYERS: &[(u8, &[&str])] = &[
    (
        0,
        &[
            "budget",
            "chunked",
            "dialect",
            "header_fields",
            "heapsort",
            "inline_bytes",
            "json",
            "json_line",
            "limits",
            "secret",
            "sse",
            "sync",
            "text",
            "word_index",
            "freed_memory",
        ],
    ),
    (1, &["config", "dns", "threads", "tls"]),
    (2, &["adapt", "quota", "routing"]),
    (
        3,
        &[
            "client_socket",
            "control_socket",
            "http",
            "service_manager",
            "state_file",
            "telemetry",
            "upstream",
            "valkey",
            "wyoming",
        ],
    ),
    (4, &["gateway"]),
    (
        5,
        &[
            "app",
            "cli",
            "demo",
            "explain",
            "init",
            "main",
            "recent",
            "selftest",
            "show",
            "usage_table",
        ],
    ),
];

/// The rooms of `gateway/`, from the top down.
const GATEWAY: &[&str] = &[
    "mod",
    "alerts",
    "reloadable",
    "dispatch",
    "admission",
    "cors",
    "wrong_paths",
    "endpoints",
    "side_call",
    "actions",
    "answers",
    "pending",
    "edge_refusal",
    "keepalive",
    "pages",
    "model_watch",
    "model_lists",
    "walk",
    "journal",
    "keyless",
    "refusal",
    "hosts",
    "booking",
    "context",
    "history",
    "reloads",
    "accounts",
    "standing_faults",
    "alert_facts",
    "gone_models",
    "replicas",
    "shared_accounts",
    "shared_ledger",
    "route_invariants",
    "finish_reasons",
    "kept_heads",
    "shared_answer",
];

/// The rooms of `gateway/` that may name telemetry: one writes it, three read it.
const TELLS: &[&str] = &["journal", "pages", "context", "history"];

/// The one room of layer 3 that its neighbours may name: the socket that both the edge and the client watch.
const SHARED: &str = "client_socket";

/// What the layers 0 and 2 must not do, as it shows in their text.
const IMPURE: &[&str] = &[
    "Instant::now(",
    "SystemTime::now(",
    "log::",
    "println!(",
    "std::fs",
    "std::env",
    "std::thread",
    "TcpStream",
];

struct Source {
    /// Below `src/`, or below `src/base/`, whose rooms have the same names in the gateway.
    path: String,
    /// Without comments and tests.
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        // A test module stands at the end of its file; tests may reach wherever they need to.
        let code = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        Self {
            path: path.to_owned(),
            text: lines.collect::<Vec<_>>().join("\n"),
        }
    }

    /// `config` for both `config.rs` and `config/mod.rs`.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| {
            matches!(
                part,
                "tests" | "tests.rs" | "simulation.rs" | "simulation" | "testing.rs"
            )
        })
    }

    /// Whether a word stands in it, and not as the end of another.
    fn says(&self, word: &str) -> bool {
        let mut before = self
            .text
            .match_indices(word)
            .map(|(at, _)| &self.text[..at]);
        before.any(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    }

    /// The rooms this file names: `crate::config::...` and each of `crate::{config, sse}`.
    fn imports(&self) -> BTreeSet<String> {
        let name = |text: &str| -> String {
            text.chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        };
        let mut rooms = BTreeSet::new();
        for rest in self.text.split("crate::").skip(1) {
            match rest.strip_prefix('{') {
                Some(list) => {
                    rooms.extend(members(list).into_iter().map(|member| name(member.trim())))
                }
                None => drop(rooms.insert(name(rest))),
            }
        }
        rooms
    }
}

/// The members of a `{...}` list whose opening brace is gone, nested lists uncut.
fn members(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.trim().is_empty());
    members
}

fn layer(room: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(_, rooms)| rooms.contains(&room))
        .map(|(layer, _)| *layer)
}

fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    let mut graph: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources
        .iter()
        .filter(|source| source.path != "lib.rs" && !source.is_test())
    {
        let (path, room) = (&source.path, source.room());
        let Some(from) = layer(room) else {
            found.push(format!("{path}: {room} is not on the map"));
            continue;
        };
        for import in source.imports().into_iter().filter(|import| import != room) {
            match layer(&import) {
                None => found.push(format!(
                    "{path}: names crate::{import}, which is not on the map"
                )),
                Some(to) if to > from => found.push(format!(
                    "{path}: layer {from} imports {import} of layer {to}"
                )),
                Some(3) if from == 3 && import != SHARED => {
                    found.push(format!("{path}: {room} knows of {import}"))
                }
                Some(_) => drop(graph.entry(room).or_default().insert(import)),
            }
        }
        let impure = IMPURE
            .iter()
            .filter(|word| matches!(from, 0 | 2) && source.says(word));
        found.extend(impure.map(|word| format!("{path}: layer {from} says {word}")));
        found.extend(climbs(source));
        if from == 4 && (source.text.contains("ureq") || source.text.contains("TcpStream")) {
            found.push(format!("{path}: names ureq or a socket"));
        }
    }
    found.extend(
        graph
            .keys()
            .filter(|room| reaches(&graph, room, room))
            .map(|room| format!("{room} imports itself in a circle")),
    );
    found
}

/// Imports that go up within a room: from a file to the `mod.rs` above it, and within `gateway/` to a room above.
fn climbs(source: &Source) -> Vec<String> {
    let path = &source.path;
    let folders: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    let mut found = Vec::new();
    let is_mod = folders.last() == Some(&"mod");
    let above = source.text.split("use super::").skip(1);
    if !is_mod && folders.len() > 1 && above.clone().any(names_a_type) {
        found.push(format!("{path}: imports a name of the mod.rs above it"));
    }
    let Some(["gateway", room, rest @ ..]) = folders.get(..) else {
        return found;
    };
    if !TELLS.contains(room) && source.imports().contains("telemetry") {
        found.push(format!("{path}: names telemetry"));
    }
    let siblings = above.filter(|_| rest.is_empty() || is_mod);
    let below = source
        .text
        .split("crate::gateway::")
        .skip(1)
        .chain(siblings);
    let position = |name: &str| GATEWAY.iter().position(|room| *room == name);
    let Some(from) = position(room) else {
        found.push(format!(
            "{path}: {room} has no place in the order of gateway/"
        ));
        return found;
    };
    for rest in below {
        let name: String = rest
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        if position(&name).is_some_and(|to| to < from) {
            found.push(format!("{path}: climbs from {room} to {name}"));
        }
    }
    found
}

/// Whether an import from the `mod.rs` above names a type, alone or in a list; modules begin with a small letter.
fn names_a_type(rest: &str) -> bool {
    match rest.strip_prefix('{') {
        Some(list) => members(list)
            .iter()
            .any(|member| member.trim().starts_with(char::is_uppercase)),
        None => rest.starts_with(char::is_uppercase),
    }
}

fn reaches(graph: &BTreeMap<&str, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(room) = open.pop() {
        for import in graph.get(room).into_iter().flatten() {
            if import == to {
                return true;
            }
            if seen.insert(import) {
                open.push(import);
            }
        }
    }
    false
}

fn collect(folder: &Path, root: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, root, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path
                .strip_prefix(root)
                .expect("below src")
                .to_string_lossy()
                .into_owned();
            let below = below.strip_prefix("base/").unwrap_or(&below).to_owned();
            let text = fs::read_to_string(&path).expect("a source file");
            sources.push(Source::new(&below, &text));
        }
    }
}

#[test]
fn imports_point_downwards_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    assert!(sources.len() > 5, "where is the source?");
    let found = violations(&sources);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A scanner that finds nothing would let everything pass.
#[test]
fn the_scanner_sees_each_kind_of_violation() {
    for (path, text, expected) in [
        (
            "sse.rs",
            "use crate::config::Config;",
            "layer 0 imports config of layer 1",
        ),
        (
            "routing/walk.rs",
            "use crate::{config::{Step, Route}, gateway};",
            "layer 2 imports gateway of layer 4",
        ),
        (
            "upstream/client.rs",
            "fn f(x: crate::http::Head) {}",
            "upstream knows of http",
        ),
        (
            "routing/ledger.rs",
            "let now = Instant::now();",
            "says Instant::now(",
        ),
        (
            "gateway/walk.rs",
            "use std::net::TcpStream;",
            "names ureq or a socket",
        ),
        ("misc.rs", "", "misc is not on the map"),
        (
            "gateway/walk/relay.rs",
            "use crate::gateway::answers::Pending;",
            "climbs from walk to answers",
        ),
        (
            "gateway/accounts.rs",
            "use super::context::Context;",
            "climbs from accounts to context",
        ),
        (
            "gateway/walk/relay.rs",
            "use crate::telemetry::Tracer;",
            "names telemetry",
        ),
        (
            "dialect/error.rs",
            "use super::{annotation, Dialect};",
            "imports a name of the mod.rs above it",
        ),
    ] {
        let found = violations(&[Source::new(path, text)]);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    let circle = [
        Source::new("adapt/mod.rs", "use crate::routing::X;"),
        Source::new("routing/mod.rs", "use crate::adapt::Y;"),
    ];
    assert_eq!(violations(&circle).len(), 2);
    let fine = Source::new(
        "routing/walk.rs",
        "use crate::config::Step;\n// crate::gateway\n#[cfg(test)]\nmod tests { use crate::http; }",
    );
    assert_eq!(violations(&[fine]), Vec::<String>::new());
}
