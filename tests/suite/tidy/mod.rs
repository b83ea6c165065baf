//! The rules of the layout, checked: who may use whom, that a type's name says which one is meant, and how long a file may be.

mod imports;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use imports::{Graph, Module, circles};

/// A source file longer than this wants splitting along a real seam.
const LINES: usize = 600;

/// The layers, lowest first: a module uses only those above it in this list.
const LAYERS: [&str; 23] = [
    "duration",
    "signal",
    "private",
    "http_client",
    "port_holder",
    "stable_hash",
    "supervisor::engine",
    "supervisor",
    "config",
    "logs",
    "screen",
    "kernel",
    "present",
    "wire",
    "process",
    "gateway",
    "ui",
    "surfaces",
    "import",
    "export",
    "app",
    "cli",
    "main",
];

/// Neighbours in one layer that must not know one another, and what a layer must not use although it stands lower.
const STRANGERS: [(&str, &[&str], &str); 6] = [
    ("supervisor", &["config", "process", "surfaces", "gateway", "kernel", "logs"], "the supervisor hosts anything"),
    ("ui", &["process", "gateway", "config"], "the dashboard is a pure function of snapshots and logs"),
    (
        "surfaces::http",
        &["surfaces::web", "surfaces::control", "surfaces::terminal", "surfaces::plain", "ui", "process"],
        "the API does not know what it listens on",
    ),
    (
        "surfaces::web",
        &["surfaces::control", "surfaces::terminal", "surfaces::plain", "ui"],
        "surfaces do not know one another",
    ),
    (
        "surfaces::control",
        &["surfaces::web", "surfaces::terminal", "surfaces::plain", "ui"],
        "surfaces do not know one another",
    ),
    (
        "surfaces::terminal",
        &["surfaces::web", "surfaces::control", "surfaces::plain"],
        "surfaces do not know one another",
    ),
];

/// Crates that a module must not use, and why.
const FOREIGN: [(&str, &[&str], &str); 2] = [
    ("src/supervisor/engine", &["tokio", "std::fs", "std::env"], "the engine is pure"),
    ("src/ui", &["tokio", "std::fs", "std::env", "::now()"], "the dashboard is pure functions"),
];

/// The one file that may lift the ban on unsafe code.
const UNSAFE: &str = "src/process/sys.rs";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `dir`, or `dir` itself if it is one, by its path from the root.
fn sources(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![root().join(dir)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a readable directory");
            todo.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.strip_prefix(root()).expect("below the root").to_owned());
        }
    }
    found.sort();
    found
}

/// The lines of a file that are neither comments nor empty, numbered from 1.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(root().join(path)).expect("a readable file");
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim().to_owned()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("//")).collect()
}

fn graph() -> Graph {
    Graph::read(root(), &sources("src"))
}

/// The layer of a module: the longest name in [`LAYERS`] that it begins with.
fn layer(module: &Module) -> Option<String> {
    let path = module.join("::");
    let is_in = |layer: &&&str| path == **layer || path.starts_with(&format!("{layer}::"));
    LAYERS.iter().filter(is_in).max_by_key(|layer| layer.len()).map(|layer| (*layer).to_owned())
}

#[test]
fn every_module_is_in_a_layer_and_uses_lower_ones_only() {
    let graph = graph();
    let homeless: Vec<_> =
        graph.modules.keys().filter(|module| !module.is_empty() && layer(module).is_none()).collect();
    assert!(homeless.is_empty(), "in no layer: {homeless:?}");
    let height = |name: &str| LAYERS.iter().position(|layer| *layer == name).expect("a layer");
    let upwards: Vec<_> =
        graph.between(layer).into_iter().filter(|((from, to), _)| height(from) < height(to)).collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn no_circle_runs_between_top_level_modules() {
    let top = |module: &Module| module.first().cloned();
    let circles = circles(graph().between(top).into_keys());
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn strangers_do_not_use_one_another() {
    let graph = graph();
    let is_in = |module: &Module, name: &str| {
        let path = module.join("::");
        path == name || path.starts_with(&format!("{name}::"))
    };
    let mut broken = Vec::new();
    for (place, strangers, why) in STRANGERS {
        assert!(graph.modules.keys().any(|module| is_in(module, place)), "no module {place}: this rule checks nothing");
        for ((from, to), places) in &graph.edges {
            let stranger = strangers.iter().find(|stranger| is_in(to, stranger));
            if let Some(stranger) = stranger.filter(|_| is_in(from, place)) {
                broken.push(format!("{stranger}: {why}: {places:?}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn pure_modules_use_nothing_that_is_not() {
    let mut broken = Vec::new();
    for (place, banned, why) in FOREIGN {
        let files = sources(place);
        assert!(!files.is_empty(), "no file at {place}: this rule checks nothing");
        for file in files.into_iter().filter(|file| !file.ends_with("tests.rs")) {
            for (number, line) in code(&file) {
                for word in banned.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("{}:{number}: `{word}`: {why}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_type_has_a_name_of_its_own() {
    let definitions = names::type_definitions(root(), &sources("src"));
    assert!(definitions.contains_key("TaskSupervisor"), "no types were found: this rule checks nothing");
    let shared: Vec<_> = definitions.iter().filter(|(_, places)| places.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

#[test]
fn no_file_is_too_long() {
    let all = sources("src").into_iter().chain(sources("tests")).chain(sources("examples"));
    let lines = |file: &PathBuf| fs::read_to_string(root().join(file)).expect("a readable file").lines().count();
    let long: Vec<_> = all.filter(|file| lines(file) > LINES).collect();
    assert!(long.is_empty(), "over {LINES} lines: {long:?}");
}

#[test]
fn unsafe_code_lives_in_one_file_and_gives_its_reasons() {
    for file in sources("src") {
        let lines = fs::read_to_string(root().join(&file)).expect("a readable file");
        let lines: Vec<&str> = lines.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
            assert!(file == Path::new(UNSAFE), "{}:{}: {line}", file.display(), at + 1);
            let above = lines[..at].iter().rev().take_while(|line| line.starts_with("//"));
            assert!(above.into_iter().any(|line| line.contains("SAFETY:")), "{UNSAFE}:{}: no reason", at + 1);
        }
    }
}
