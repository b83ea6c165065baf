//! A part of a configuration: some tasks, and all they depend on.

use std::collections::BTreeSet;

use super::Config;
use super::builtin::BUILTIN_NAMESPACE;
use super::nearest::nearest;

/// A task was asked for that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no task is called `{}`; {}", .name.escape_debug(), remedy(.near, .known))]
pub struct UnknownTask {
    /// What was asked for.
    pub name: String,
    /// What was probably meant.
    pub near: Option<String>,
    /// Every task there is.
    pub known: Vec<String>,
}

impl UnknownTask {
    /// There is no `name` among `known`.
    pub(crate) fn among(name: &str, known: impl IntoIterator<Item = String>) -> Self {
        let known: Vec<String> = known.into_iter().collect();
        let builtin = known.iter().find(|known| known.strip_prefix(BUILTIN_NAMESPACE) == Some(name));
        let near = builtin.map(String::as_str).or_else(|| nearest(name, known.iter().map(String::as_str)));
        let near = near.map(str::to_owned);
        Self { name: name.to_owned(), near, known }
    }
}

fn remedy(near: &Option<String>, known: &[String]) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the tasks are {}", known.join(", ")),
    }
}

impl Config {
    /// Keeps the named tasks and all they depend on, in the order of the file. No names: all tasks.
    ///
    /// # Errors
    ///
    /// The first name that no task has.
    pub fn select(mut self, names: &[String]) -> Result<Self, UnknownTask> {
        if names.is_empty() {
            return Ok(self);
        }
        let mut wanted = BTreeSet::new();
        let mut open = names.to_vec();
        while let Some(name) = open.pop() {
            let Some(task) = self.tasks.iter().find(|task| task.name == name) else {
                return Err(UnknownTask::among(&name, self.tasks.into_iter().map(|task| task.name)));
            };
            if wanted.insert(name) {
                open.extend(task.after.iter().map(|dependency| dependency.task.clone()));
            }
        }
        self.tasks.retain(|task| wanted.contains(&task.name));
        Ok(self)
    }
}
