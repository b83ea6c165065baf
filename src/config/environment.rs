//! The keys `env_file` and `env`: what they say is known from there on, and becomes the environment of tasks.

use std::path::PathBuf;

use super::env_file::{EnvFileEntry, read_env_file};
use super::kind::{AnyText, FileName, Kind, OneOrMany};
use super::scope::{Variable, VariableOrigin};
use super::table::Table;

/// A file that is named in the configuration.
#[derive(Debug)]
pub(super) struct FileRef {
    /// Absolute, if the directory of the configuration is.
    pub(super) path: PathBuf,
    /// Whether it was written with a `?` at its end.
    pub(super) may_be_missing: bool,
}

/// Makes `env_file` known; [`read_files`] reads it, before what may use its variables.
pub(super) fn describe_files(table: &mut Table<'_>, about: &'static str) {
    table.describe("env_file", about, || OneOrMany(FileName).schema());
}

/// Reads `env_file` of a table, and the files.
pub(super) fn read_files(table: &mut Table<'_>) {
    for FileRef { path, may_be_missing } in table.take("env_file", &OneOrMany(FileName)).unwrap_or_default() {
        match read_env_file(&path, may_be_missing) {
            Ok(entries) => {
                for EnvFileEntry { name, value, line } in entries {
                    let origin = VariableOrigin::EnvFile { path: path.clone(), line };
                    table.scope.set(name, Variable { value: value.into(), origin });
                }
            }
            Err(error) => table.refuse("env_file", error.to_string()),
        }
    }
}

/// Makes `env` known; [`read_variables`] reads it, before what may use its variables.
pub(super) fn describe_variables(table: &mut Table<'_>, about: &'static str) {
    table.describe_map("env", &AnyText, about);
}

/// Reads `env` of a table. A value may use the variables above it, and what its own name stood for.
pub(super) fn read_variables(table: &mut Table<'_>) {
    let header = table.header(&["env"]);
    table.knows_shorthand("env", |text| {
        let (name, value) = text.split_once('=')?;
        Some(format!("env = {{ {} = {:?} }}", name.trim().escape_debug(), value))
    });
    table.take_map("env", &AnyText, |table, entry| {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            let title = format!("`{}` can't be the name of a variable {}", entry.key.escape_debug(), table.place());
            table.report(entry.span.clone(), title, "expected a name without `=`");
        }
        if let Some(value) = entry.value.clone() {
            let (path, line) = table.sources().line(&entry.span);
            let origin = VariableOrigin::Config { path, line, table: header.clone() };
            table.scope.set(entry.key.clone(), Variable { value: value.into(), origin });
        }
    });
}
