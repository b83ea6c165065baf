//! What tasks of a project can be made from: the files that say how it is run.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use indexmap::IndexMap;
use serde::Deserialize;

use super::{cargo, quoted, recipes};

/// The files, for people.
pub(super) const SOURCES: &str = "a Procfile or Procfile.dev, scripts in package.json or pyproject.toml, binaries of Cargo.toml, or targets like `dev` in \
     a justfile or Makefile";

/// Names of scripts and targets that run until they are stopped, also as a part of a name: `dev:api`.
const SERVICES: [&str; 7] = ["dev", "serve", "server", "start", "watch", "worker", "run"];

/// Those of them that run a build. They are left out if there is a script that runs the sources.
const IN_PRODUCTION: [&str; 2] = ["serve", "start"];

/// Signs of a program that watches files, and ends when its standard input does.
const WATCHES: [&str; 9] = ["--watch", " -w", "watch", "vite", "esbuild", "tailwind", "webpack", "rollup", "parcel"];

/// A file that tasks were made from.
pub(super) struct FoundFile {
    /// Its name.
    pub(super) file: String,
    /// At least one.
    pub(super) drafts: Vec<Draft>,
}

/// One task of the file that will be written.
pub(super) struct Draft {
    pub(super) name: String,
    /// The rest of its table.
    pub(super) body: String,
}

impl Draft {
    /// A task that runs a program.
    pub(super) fn of(name: &str, arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|argument| quoted(argument)).collect();
        Self { name: name.to_owned(), body: format!("command = [{}]\n", arguments.join(", ")) }
    }
}

/// Everything that tasks can be made from. A Procfile names all processes of a project, and targets of make or just often
/// only call what the other files have: each is used alone.
///
/// # Errors
///
/// A file can't be read.
pub(super) fn sources(dir: &Path) -> anyhow::Result<Vec<FoundFile>> {
    for file in ["Procfile.dev", "Procfile"] {
        if let Some(source) = source(dir, file, |text| Ok(from_procfile(text)))? {
            return Ok(vec![source]);
        }
    }
    let of_languages = [
        source(dir, "package.json", |text| Ok(from_scripts(&serde_json::from_str(text)?, runner(dir))))?,
        source(dir, "pyproject.toml", |text| Ok(from_pyproject(&toml::from_str(text)?, dir)))?,
        source(dir, "Cargo.toml", |text| Ok(cargo::binaries(&toml::from_str(text)?, dir)))?,
    ];
    let found: Vec<_> = of_languages.into_iter().flatten().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    for (file, program) in [
        ("justfile", "just"),
        ("Justfile", "just"),
        (".justfile", "just"),
        ("GNUmakefile", "make"),
        ("makefile", "make"),
        ("Makefile", "make"),
    ] {
        if let Some(source) = source(dir, file, |text| Ok(recipes::services(text, program)))? {
            return Ok(vec![source]);
        }
    }
    Ok(Vec::new())
}

fn source(
    dir: &Path,
    file: &str,
    drafts: impl FnOnce(&str) -> anyhow::Result<Vec<Draft>>,
) -> anyhow::Result<Option<FoundFile>> {
    let Some(text) = read(&dir.join(file))? else { return Ok(None) };
    let drafts = drafts(&text).with_context(|| format!("cannot read {file}"))?;
    Ok((!drafts.is_empty()).then(|| FoundFile { file: file.to_owned(), drafts }))
}

pub(super) fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Whether a name is that of something that runs until it is stopped.
pub(super) fn is_service(name: &str) -> bool {
    name.split([':', '-', '_', '.']).any(|part| SERVICES.contains(&part))
}

/// Reads `NAME: COMMAND` lines and ignores all others, as foreman does.
pub(super) fn from_procfile(text: &str) -> Vec<Draft> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let lines = lines.map(|(name, command)| (name.trim(), command.trim()));
    let named = |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    let processes = lines.filter(|(name, command)| named(name) && !command.is_empty());
    processes
        .enumerate()
        .map(|(index, (name, command))| {
            // To stead, `${` would be a variable of its own.
            let mut body = format!("command = {}\n", quoted(&command.replace("${", "$${")));
            if command.contains("$PORT") || command.contains("${PORT") {
                // Foreman's convention: a hundred ports for each process.
                body.push_str(&format!("env = {{ PORT = \"{}\" }}\n", 5000 + 100 * index));
            }
            if name == "release" {
                body.push_str("restart = \"never\"\n");
            }
            Draft { name: name.to_owned(), body }
        })
        .collect()
}

/// The relevant part of package.json.
#[derive(Deserialize)]
pub(super) struct NodePackage {
    #[serde(default)]
    scripts: IndexMap<String, String>,
}

/// The scripts that look like services. A script that only starts others (`dev` runs `dev:*`) is left out in favour of
/// those.
pub(super) fn from_scripts(package: &NodePackage, runner: &str) -> Vec<Draft> {
    let services: Vec<_> = package.scripts.iter().filter(|(name, _)| is_service(name)).collect();
    let develops = services.iter().any(|(name, _)| name.split(':').any(|part| part == "dev"));
    let starts_parts = |name: &str, command: &str| {
        let prefix = format!("{name}:");
        command.contains(&prefix) && services.iter().any(|(other, _)| other.starts_with(&prefix))
    };
    services
        .iter()
        .filter(|(name, _)| !(develops && IN_PRODUCTION.contains(&name.split(':').next().unwrap_or_default())))
        .filter(|(name, command)| !starts_parts(name, command))
        .map(|(name, command)| {
            let mut draft = Draft::of(name, &[runner, "run", name]);
            if name.contains("watch") || WATCHES.iter().any(|sign| command.contains(sign)) {
                draft.body.push_str("stdin = \"open\"\n");
            }
            draft
        })
        .collect()
}

/// The program that runs scripts, found by its lock file.
fn runner(dir: &Path) -> &'static str {
    let locks = [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    locks.into_iter().find(|(lock, _)| dir.join(lock).exists()).map_or("npm", |(_, runner)| runner)
}

/// The relevant parts of pyproject.toml.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Python {
    project: PythonScripts,
    tool: PythonTools,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PythonScripts {
    scripts: IndexMap<String, toml::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PythonTools {
    poetry: PythonScripts,
    pdm: PythonScripts,
    poe: PythonTasks,
    taskipy: PythonTasks,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PythonTasks {
    tasks: IndexMap<String, toml::Value>,
}

/// The scripts of a project, which are its programs, and the tasks of its runners that look like services.
fn from_pyproject(python: &toml::Value, dir: &Path) -> Vec<Draft> {
    let Ok(Python { project, tool }) = Python::deserialize(python.clone()) else { return Vec::new() };
    let has = |file: &str| dir.join(file).exists();
    let runner: &[&str] = match () {
        () if has("uv.lock") => &["uv", "run"],
        () if has("poetry.lock") => &["poetry", "run"],
        () if has("pdm.lock") => &["pdm", "run"],
        () => &[],
    };
    let programs = project.scripts.keys().map(|name| (runner, name));
    let of_poetry = tool.poetry.scripts.keys().map(|name| (&["poetry", "run"][..], name));
    let of_pdm = tool.pdm.scripts.keys().map(|name| (&["pdm", "run"][..], name));
    let of_poe = tool.poe.tasks.keys().map(|name| (&["poe"][..], name));
    let of_taskipy = tool.taskipy.tasks.keys().map(|name| (&["task"][..], name));
    let tasks = of_pdm.chain(of_poe).chain(of_taskipy).filter(|(_, name)| is_service(name));
    let all = programs.chain(of_poetry).chain(tasks);
    all.map(|(runner, name)| Draft::of(name, &[runner, &[name.as_str()]].concat())).collect()
}
