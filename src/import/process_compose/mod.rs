//! process-compose.yaml, as process-compose 1.122 reads it.
//!
//! `load` makes one tree of the files, `project` reads what stands above the processes, `process` and its siblings read a
//! process.

mod load;
mod policy;
mod probe;
mod process;
mod project;
mod stop;
mod substitute;
#[cfg(test)]
mod tests;
mod text;
mod timing;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::draft::{ConfigDraft, Weight};
use super::env_dialect::ForeignEnvFile;
use super::env_file::{Dialect, parse};
use super::source::Place;
use super::surroundings::Surroundings;
use super::write::Comment;

/// Names of a file that is found by itself, by preference.
pub(super) const NAMES: [&str; 4] = ["compose.yml", "compose.yaml", "process-compose.yml", "process-compose.yaml"];

/// Names of a second file that is merged over the first, by preference.
pub(super) const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "process-compose.override.yml", "process-compose.override.yaml"];

/// Reads the file with the number `file` and those with `overrides`. Gives the comments.
pub(super) fn read(
    draft: &mut ConfigDraft,
    file: (usize, &Path),
    overrides: &[(usize, PathBuf)],
    around: &Surroundings,
) -> Vec<Comment> {
    let place = Place::new(file.0, 0..0);
    let variables = dot_env(draft, &place, around);
    let files: Vec<_> = std::iter::once((file.0, file.1.to_owned())).chain(overrides.iter().cloned()).collect();
    let Some(loaded) = load::load(draft, &files, &variables, around) else { return Vec::new() };
    project::read(draft, file.0, &loaded, &variables, around);
    loaded.comments
}

/// The variables of `.env` in the current directory.
fn dot_env(draft: &mut ConfigDraft, place: &Place, around: &Surroundings) -> IndexMap<String, String> {
    let Some(file) = around.read(draft, Path::new(".env"), place) else { return IndexMap::new() };
    let place = Place::new(file, 0..0);
    match parse(&draft.sources.get(file).text, Dialect::Godotenv) {
        Ok(variables) => {
            let path = Path::new(".env");
            let foreign = ForeignEnvFile { tool: &"process-compose", path, file, variables: &variables };
            if foreign.lay_over(draft, &["env"], around) {
                let files = vec![toml::Value::from(around.relative(path))];
                draft.fill(&["supervisor", "env_file"], files, &place, "process-compose reads it");
            }
            variables
        }
        Err(why) => {
            let what = format!("process-compose can't read it either, and goes on without it: {why}");
            draft.drop(Weight::ChangesWhatRuns, &place, ".env", what);
            IndexMap::new()
        }
    }
}
