//! A task's environment: `env`, and `env_file`, which is read here and now.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::kind::{FilePath, Text};
use super::table::Table;

/// Reads both keys. What `env` says wins.
pub(super) fn read(table: &mut Table<'_>, root: &Path) -> BTreeMap<String, String> {
    let about = "A file of NAME=VALUE lines, relative to this file's directory. What `env` says wins.";
    let file = table.get("env_file", &FilePath, about);
    let mut variables = BTreeMap::new();
    match file.map(|file| read_file(&root.join(file))) {
        Some(Ok(read)) => variables = read,
        Some(Err(remedy)) => table.refuse("env_file", remedy),
        None => {}
    }
    for entry in table.map("env", &Text, "Variables, on top of stead's own environment.") {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            let title = format!("`{}` can't be the name of a variable {}", entry.key.escape_debug(), table.place());
            table.report(entry.span, title, "expected a name without `=`");
        }
        variables.extend(entry.value.map(|value| (entry.key, value)));
    }
    variables
}

/// The variables of a file, or what is wrong with it: its path and the line, never what stands there, for it
/// may be a secret.
fn read_file(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let text = text.trim_start_matches('\u{feff}');
    dotenvy::from_read_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|error| match error {
        dotenvy::Error::LineParse(wrong, _) => {
            let wrong = wrong.lines().next().unwrap_or_default().trim_end();
            let number = text.lines().take_while(|line| line.trim_end() != wrong).count() + 1;
            format!("{shown}, line {number}: expected NAME=VALUE")
        }
        error => format!("cannot read {shown}: {error}"),
    })
}
