//! Files of variables that stead reads otherwise than their own tool: what the tool reads is laid over when it is run.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use indexmap::IndexMap;

use super::draft::{ConfigDraft, Weight};
use super::source::Place;
use super::surroundings::Surroundings;
use crate::config::{EnvFileError, read_env_file};

/// A file of variables, and what its tool reads in it.
pub(super) struct ForeignEnvFile<'a> {
    pub(super) tool: &'a dyn Display,
    pub(super) path: &'a Path,
    /// Its number among the files of the draft.
    pub(super) file: usize,
    pub(super) variables: &'a IndexMap<String, String>,
}

impl ForeignEnvFile<'_> {
    /// Lays what `tool` reads over what stead reads, in the table at `table`, and says what differs. Whether stead can read
    /// the file at all: if not, it must not be named in the configuration.
    pub(super) fn lay_over(&self, draft: &mut ConfigDraft, table: &[&str], around: &Surroundings) -> bool {
        let ours: BTreeMap<String, String> = match read_env_file(&around.cwd.join(self.path), false) {
            Ok(entries) => entries.into_iter().map(|entry| (entry.name, entry.value)).collect(),
            Err(EnvFileError::Malformed { line, why, .. }) => {
                let what = format!("stead can't read line {line}: {why}; what {} reads is used", self.tool);
                draft.drop(Weight::Notable, &Place::new(self.file, 0..0), self.path.display().to_string(), what);
                self.variables.iter().for_each(|(name, value)| draft.lay_over(table, name, value));
                return false;
            }
            Err(EnvFileError::Unreadable { .. }) => return false,
        };
        for (name, value) in self.variables.iter().filter(|(name, value)| ours.get(*name) != Some(*value)) {
            let what = format!(
                "{} reads another value than a stead.toml would; it is used, and `stead import` needs the quotes of the \
                 file changed",
                self.tool
            );
            draft.drop(Weight::Notable, &line_of(draft, self.file, name), name, what);
            draft.lay_over(table, name, value);
        }
        for name in ours.keys().filter(|name| !self.variables.contains_key(*name)) {
            let what = format!("{} does not read this line; stead does", self.tool);
            draft.drop(Weight::Notable, &line_of(draft, self.file, name), name, what);
        }
        true
    }
}

/// The line that sets a variable.
pub(super) fn line_of(draft: &ConfigDraft, file: usize, name: &str) -> Place {
    let text = &draft.sources.get(file).text;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().trim_start_matches("export ").starts_with(name) {
            return Place::new(file, start..start + line.trim_end().len());
        }
        start += line.len();
    }
    Place::new(file, 0..0)
}
