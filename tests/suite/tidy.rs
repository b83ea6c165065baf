//! The rules of the layout, checked: who may use whom, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file longer than this wants splitting along a real seam.
const LINES: usize = 600;

/// What a part of the tree must not mention, and why.
const RULES: [(&str, &[&str], &str); 8] = [
    (
        "src/supervisor/engine",
        &[
            "tokio",
            "crate::ui",
            "crate::surfaces",
            "crate::kernel",
            "crate::gateway",
            "crate::process",
            "std::fs",
            "std::env",
        ],
        "the engine is pure",
    ),
    ("src/supervisor/driver.rs", &["crate::ui", "crate::surfaces"], "the driver knows no face"),
    ("src/process", &["crate::ui", "crate::surfaces", "crate::gateway"], "processes know no face"),
    (
        "src/ui",
        &["tokio", "std::fs", "std::env", "crate::surfaces", "crate::process", "supervisor::driver", "::now()"],
        "the dashboard is pure functions",
    ),
    (
        "src/surfaces/http",
        &["surfaces::web", "surfaces::control", "surfaces::terminal", "surfaces::plain", "crate::ui", "crate::process"],
        "the API does not know what it listens on",
    ),
    (
        "src/surfaces/web",
        &["surfaces::control", "surfaces::terminal", "surfaces::plain", "crate::ui"],
        "surfaces do not know one another",
    ),
    (
        "src/surfaces/control",
        &["surfaces::web", "surfaces::terminal", "surfaces::plain", "crate::ui"],
        "surfaces do not know one another",
    ),
    ("src/surfaces/terminal", &["surfaces::web", "surfaces::plain"], "surfaces do not know one another"),
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

#[test]
fn every_module_keeps_to_its_neighbours() {
    let mut broken = Vec::new();
    for (place, banned, why) in RULES {
        let files = sources(place).into_iter().chain(sources(&format!("{place}.rs")));
        let mut seen = 0;
        for file in files.filter(|file| !file.ends_with("tests.rs")) {
            seen += 1;
            for (number, line) in code(&file) {
                for word in banned.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("{}:{number}: `{word}`: {why}", file.display()));
                }
            }
        }
        assert!(seen > 0, "no file at {place}: this rule checks nothing");
    }
    assert!(broken.is_empty(), "{broken:#?}");
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
