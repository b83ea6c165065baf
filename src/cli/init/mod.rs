//! `stead init`: write a first `stead.toml`, derived from the files of the project, which `found` reads.
//!
//! It never overwrites a file, and never writes one that `stead check` refuses.

mod cargo;
mod found;
mod recipes;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use self::found::FoundFile;
use super::locate::working_dir;
use super::{FileArgs, print};
use crate::config::Config;

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

/// Writes the file.
///
/// # Errors
///
/// It exists already or can't be written, or its source can't be read.
pub(super) fn run(file: &FileArgs) -> anyhow::Result<ExitCode> {
    working_dir()?;
    let path = &file.path();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sources = found::sources(dir)?;
    let text = if sources.is_empty() { example() } else { render(&sources) };
    let config = Config::parse(&text, path)?;
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!("{} exists already", path.display()),
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    let count = config.tasks.len();
    let tasks = if count == 1 { "task" } else { "tasks" };
    print(&match sources.is_empty() {
        true => format!(
            "{}: an example of a task; nothing was found to make tasks from: {} would do",
            path.display(),
            found::SOURCES
        ),
        false => format!("{}: {count} {tasks}, made from {}; `stead` runs it", path.display(), names(&sources)),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn names(sources: &[FoundFile]) -> String {
    sources.iter().map(|source| source.file.as_str()).collect::<Vec<_>>().join(", ")
}

/// A file for a project in which nothing was found.
fn example() -> String {
    let command = quoted("while true; do date; sleep 5; done");
    format!("# `stead` runs this, `stead check` validates this file.\n\n[tasks.clock]\ncommand = {command}\n{MORE}")
}

fn render(sources: &[FoundFile]) -> String {
    let mut text = format!("# The processes of this project, made from {}.\n", names(sources));
    text.push_str("# `stead` runs them, `stead check` validates this file.\n");
    let mut taken = BTreeSet::new();
    for (source, draft) in sources.iter().flat_map(|source| source.drafts.iter().map(move |draft| (source, draft))) {
        let name = task_name(&draft.name, &mut taken);
        text.push('\n');
        if name != draft.name {
            text.push_str(&format!("# {} calls it {:?}.\n", source.file, draft.name));
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
mod tests;
