//! The binaries of a Cargo package or workspace.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::found::{Draft, read};

/// The relevant parts of a Cargo.toml.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Manifest {
    package: Option<CargoPackage>,
    workspace: Option<Workspace>,
    bin: Vec<Binary>,
}

#[derive(Deserialize)]
struct CargoPackage {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Workspace {
    members: Vec<String>,
    exclude: Vec<String>,
}

#[derive(Deserialize)]
struct Binary {
    name: String,
}

/// A task for each binary, run by `cargo run`. A member that can't be read has none.
pub(super) fn binaries(manifest: &toml::Value, dir: &Path) -> Vec<Draft> {
    let Ok(root) = Manifest::deserialize(manifest.clone()) else { return Vec::new() };
    let mut drafts = Vec::new();
    let workspace = root.workspace.as_ref();
    let is_alone = workspace.is_none();
    add(&root, dir, is_alone, &mut drafts);
    let Workspace { members, exclude } = root.workspace.unwrap_or_default();
    for member in members.iter().flat_map(|pattern| directories(dir, pattern)) {
        let is_excluded = exclude.iter().any(|excluded| dir.join(excluded) == member);
        let text = read(&member.join("Cargo.toml")).ok().flatten().filter(|_| !is_excluded);
        if let Some(manifest) = text.and_then(|text| toml::from_str::<Manifest>(&text).ok()) {
            add(&manifest, &member, false, &mut drafts);
        }
    }
    drafts
}

fn add(manifest: &Manifest, dir: &Path, is_alone: bool, drafts: &mut Vec<Draft>) {
    // By convention a program that works on the project itself.
    let Some(package) = manifest.package.as_ref().filter(|package| package.name != "xtask") else { return };
    let mut names: Vec<String> = manifest.bin.iter().map(|bin| bin.name.clone()).collect();
    if dir.join("src/main.rs").exists() && !names.contains(&package.name) && names.is_empty() {
        names.push(package.name.clone());
    }
    let more = fs::read_dir(dir.join("src/bin")).into_iter().flatten().flatten();
    let mut more: Vec<_> = more.filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned())).collect();
    more.sort();
    names.extend(more.into_iter().filter(|name| manifest.bin.iter().all(|bin| bin.name != *name)));
    for name in &names {
        let package: &[&str] = if is_alone { &[] } else { &["-p", &package.name] };
        let binary: &[&str] = if names.len() == 1 { &[] } else { &["--bin", name] };
        drafts.push(Draft::of(name, &[&["cargo", "run"], package, binary].concat()));
    }
}

/// The directories that a member's pattern names. Only a last component of `*` is a pattern.
fn directories(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some(parent) = pattern.strip_suffix('*') else { return vec![dir.join(pattern)] };
    let entries = fs::read_dir(dir.join(parent)).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}
