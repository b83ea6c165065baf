//! `stead init`: write a first `stead.toml`, derived from the files of the project.
//!
//! It never overwrites a file, and never writes one that `stead check` refuses.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use indexmap::IndexMap;
use serde::Deserialize;

use super::locate::working_dir;
use super::{FileArgs, print};
use crate::config::Config;

/// Names of scripts in package.json that run until they are stopped, also as a part of a name: `dev:api`.
const SERVICES: [&str; 6] = ["dev", "serve", "server", "start", "watch", "worker"];

/// Those of them that run a build. They are left out if there is a script that runs the sources.
const IN_PRODUCTION: [&str; 2] = ["serve", "start"];

/// Characters of a name that are kept. Below the limit, so that a number can be appended.
const NAME_KEPT: usize = 48;

const MORE: &str = r#"
# Other keys of a task (`stead schema` lists all of them):
#
# dir = "api"                                # where it runs, relative to this file
# env = { LOG_LEVEL = "info" }
# env_file = ".env"
# restart = "on-failure"                     # the default; "always", "never"
# critical = true                            # its exit ends everything
# max_retries = 5                            # restarts without a stable run in between
# after = { db = "ready" }                   # "started", "ready", "success", "exited"
# ready.http = "http://127.0.0.1:8080/"      # or ready.tcp, ready.exec, ready.log
# stop = { signal = "SIGTERM", timeout = "10s" }
"#;

/// One task of the file that will be written.
struct Draft {
    name: String,
    /// The rest of its table.
    body: String,
}

/// Writes the file.
///
/// # Errors
///
/// It exists already or can't be written, or its source can't be read.
pub(super) fn run(file: &FileArgs) -> anyhow::Result<ExitCode> {
    working_dir()?;
    let path = &file.path();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (source, drafts) = drafts(dir)?;
    let text = render(source, drafts);
    let config = Config::parse(&text, path)?;
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!("{} exists already", path.display()),
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    let count = config.tasks.len();
    let tasks = if count == 1 { "task" } else { "tasks" };
    print(&format!("{}: {count} {tasks}, made from {source}; `stead` runs it", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The source of the tasks, and at least one task.
fn drafts(dir: &Path) -> anyhow::Result<(&'static str, Vec<Draft>)> {
    if let Some(text) = read(&dir.join("Procfile"))? {
        let drafts = from_procfile(&text);
        if !drafts.is_empty() {
            return Ok(("Procfile", drafts));
        }
    }
    if let Some(text) = read(&dir.join("package.json"))? {
        let package = serde_json::from_str(&text).context("cannot read package.json")?;
        let drafts = from_scripts(&package, runner(dir));
        if !drafts.is_empty() {
            return Ok(("package.json", drafts));
        }
    }
    let command = "while true; do date; sleep 5; done";
    Ok(("an example", vec![Draft { name: "clock".to_owned(), body: format!("command = {}\n", quoted(command)) }]))
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Reads `NAME: COMMAND` lines and ignores all others, as foreman does.
fn from_procfile(text: &str) -> Vec<Draft> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let lines = lines.map(|(name, command)| (name.trim(), command.trim()));
    let named = |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    let processes = lines.filter(|(name, command)| named(name) && !command.is_empty());
    processes
        .enumerate()
        .map(|(index, (name, command))| {
            let mut body = format!("command = {}\n", quoted(command));
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
struct Package {
    #[serde(default)]
    scripts: IndexMap<String, String>,
}

/// The scripts that look like services. A script that only starts others (`dev` runs `dev:*`) is left out in favour of
/// those.
fn from_scripts(package: &Package, runner: &str) -> Vec<Draft> {
    let services = package.scripts.iter().filter(|(name, _)| name.split(':').any(|part| SERVICES.contains(&part)));
    let services: Vec<_> = services.collect();
    let develops = services.iter().any(|(name, _)| name.split(':').any(|part| part == "dev"));
    let starts_parts = |name: &str, command: &str| {
        let prefix = format!("{name}:");
        command.contains(&prefix) && services.iter().any(|(other, _)| other.starts_with(&prefix))
    };
    services
        .iter()
        .filter(|(name, _)| !(develops && IN_PRODUCTION.contains(&name.split(':').next().unwrap_or_default())))
        .filter(|(name, command)| !starts_parts(name, command))
        .map(|(name, _)| {
            let body = format!("command = [{}, \"run\", {}]\n", quoted(runner), quoted(name));
            Draft { name: (*name).clone(), body }
        })
        .collect()
}

/// The program that runs scripts, found by its lock file.
fn runner(dir: &Path) -> &'static str {
    let locks = [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    locks.into_iter().find(|(lock, _)| dir.join(lock).exists()).map_or("npm", |(_, runner)| runner)
}

fn render(source: &str, drafts: Vec<Draft>) -> String {
    let mut text = format!("# The processes of this project, made from {source}.\n");
    text.push_str("# `stead` runs them, `stead check` validates this file.\n");
    let mut taken = BTreeSet::new();
    for draft in drafts {
        let name = task_name(&draft.name, &mut taken);
        text.push('\n');
        if name != draft.name {
            text.push_str(&format!("# {source} calls it {:?}.\n", draft.name));
        }
        text.push_str(&format!("[tasks.{name}]\n{}", draft.body));
    }
    text + MORE
}

/// Turns `wanted` into a valid task name that is not taken.
fn task_name(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let mut name: String = wanted.chars().map(plain).skip_while(|c| *c == '-').take(NAME_KEPT).collect();
    if name.is_empty() {
        name.push_str("task");
    }
    let unique = (2..).map(|number| format!("{name}-{number}"));
    let name = std::iter::once(name.clone()).chain(unique).find(|name| !taken.contains(name));
    let name = name.expect("the numbers do not run out");
    taken.insert(name.clone());
    name
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(source: &str, drafts: Vec<Draft>) -> String {
        let text = render(source, drafts);
        if let Err(error) = Config::parse(&text, Path::new("stead.toml")) {
            panic!("{error}\n{text}");
        }
        text.split("\n# Other keys").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_procfile_becomes_tasks_with_ports_and_free_names() {
        let procfile = "# comment\nweb: bundle exec rails s -p $PORT\nrelease: rake db:migrate\n\nnot a process\nweb-process: \"x\" 'y'\n";
        insta::assert_snapshot!(checked("Procfile", from_procfile(procfile)), @r#"
    # The processes of this project, made from Procfile.
    # `stead` runs them, `stead check` validates this file.

    [tasks.web]
    command = "bundle exec rails s -p $PORT"
    env = { PORT = "5000" }

    [tasks.release]
    command = "rake db:migrate"
    restart = "never"

    [tasks.web-process]
    command = """"x" 'y'"""
    "#);
    }

    #[test]
    fn scripts_that_run_until_stopped_become_tasks_once() {
        let package = r#"{ "name": "shop", "scripts": {
            "dev": "concurrently npm:dev:*", "dev:api": "tsx watch src", "dev:page": "vite",
            "css:watch": "tailwind -w", "start": "node dist", "build": "tsc", "predev": "true" } }"#;
        let package = serde_json::from_str(package).unwrap();
        insta::assert_snapshot!(checked("package.json", from_scripts(&package, "pnpm")), @r#"
            # The processes of this project, made from package.json.
            # `stead` runs them, `stead check` validates this file.

            # package.json calls it "dev:api".
            [tasks.dev-api]
            command = ["pnpm", "run", "dev:api"]

            # package.json calls it "dev:page".
            [tasks.dev-page]
            command = ["pnpm", "run", "dev:page"]

            # package.json calls it "css:watch".
            [tasks.css-watch]
            command = ["pnpm", "run", "css:watch"]
            "#);
    }

    #[test]
    fn without_a_service_there_is_an_example() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("package.json"), r#"{ "scripts": { "build": "tsc" } }"#).unwrap();
        let (source, drafts) = drafts(dir.path()).unwrap();
        insta::assert_snapshot!(checked(source, drafts), @r#"
        # The processes of this project, made from an example.
        # `stead` runs them, `stead check` validates this file.

        [tasks.clock]
        command = "while true; do date; sleep 5; done"
        "#);
    }

    #[test]
    fn the_other_keys_in_the_comment_are_valid() {
        // `critical` contradicts `restart`, `env_file` needs its file.
        let keys = MORE.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| line.contains(" = "));
        let keys = keys.filter(|key| !key.starts_with("critical") && !key.starts_with("env_file"));
        let task = format!(
            "[tasks.db]\ncommand = \"x\"\n[tasks.api]\ncommand = \"x\"\n{}",
            keys.collect::<Vec<_>>().join("\n")
        );
        let config = Config::parse(&task, Path::new("stead.toml")).unwrap();
        assert!(config.tasks[1].ready.is_some());
    }

    #[test]
    fn names_are_made_fit_and_kept_apart() {
        let mut taken = BTreeSet::new();
        let names = ["web", "a:b", "a b", "a-b", "--", "é", &"x".repeat(99)].map(|name| task_name(name, &mut taken));
        assert_eq!(names[..6], ["web", "a-b", "a-b-2", "a-b-3", "task", "task-2"]);
        assert_eq!(names[6].len(), NAME_KEPT);
    }
}
