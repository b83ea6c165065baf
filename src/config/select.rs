//! A part of a configuration: some tasks, and all they depend on.

use std::collections::BTreeSet;

use super::Config;
use super::builtin::BUILTIN_NAMESPACE;
use super::nearest::nearest;

/// Names that an error lists.
const NAMES_LISTED: usize = 20;

/// A task was asked for that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no task is called `{}`; {}", .name.escape_debug(), remedy(.name, .near, .known))]
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

/// What would be right: a name that is near, and all there are. stead's own parts only for one who names a part.
fn remedy(name: &str, near: &Option<String>, known: &[String]) -> String {
    let asks_for_part = name.starts_with(BUILTIN_NAMESPACE);
    let listed: Vec<_> = known
        .iter()
        .map(String::as_str)
        .filter(|known| known.starts_with(BUILTIN_NAMESPACE) == asks_for_part)
        .collect();
    let (shown, more) = listed.split_at(listed.len().min(NAMES_LISTED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let all = match shown {
        [] => "there are no tasks".to_owned(),
        [only] => format!("the only task is {only}"),
        _ => format!("the tasks are {}{more}", shown.join(", ")),
    };
    near.as_ref().map_or_else(|| all.clone(), |near| format!("did you mean `{near}`? {all}"))
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
