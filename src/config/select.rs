//! What starts by itself: some tasks, groups, profiles.

use std::collections::BTreeSet;

use super::builtin::BUILTIN_NAMESPACE;
use super::nearest::nearest;
use super::{Config, TaskConfig};

/// Names that an error lists.
const NAMES_LISTED: usize = 20;

/// A task was asked for that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {} is called `{}`; {}", kind(.name), .name.escape_debug(), remedy(.name, .near, .known))]
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

fn kind(name: &str) -> &'static str {
    if name.starts_with('@') { "group" } else { "task" }
}

/// What would be right: a name that is near, and all of that kind. stead's own parts only for one who names a part.
fn remedy(name: &str, near: &Option<String>, known: &[String]) -> String {
    let asks_for_part = name.starts_with(BUILTIN_NAMESPACE);
    let word = kind(name);
    let listed: Vec<_> = known
        .iter()
        .map(String::as_str)
        .filter(|known| known.starts_with(BUILTIN_NAMESPACE) == asks_for_part && kind(known) == word)
        .collect();
    let (shown, more) = listed.split_at(listed.len().min(NAMES_LISTED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let all = match shown {
        [] => format!("there are no {word}s"),
        [only] => format!("the only {word} is {only}"),
        _ => format!("the {word}s are {}{more}", shown.join(", ")),
    };
    near.as_ref().map_or_else(|| all.clone(), |near| format!("did you mean `{near}`? {all}"))
}

/// A profile was chosen that no task has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no task has the profile `{}`; {}", .name.escape_debug(), profile_remedy(.near, .known))]
pub struct UnknownProfile {
    /// What was chosen.
    pub name: String,
    /// What was probably meant.
    pub near: Option<String>,
    /// Every profile there is.
    pub known: Vec<String>,
}

fn profile_remedy(near: &Option<String>, known: &[String]) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are no profiles in the configuration".to_owned(),
        None => format!("the profiles are {}", known.join(", ")),
    }
}

/// What starts by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskSelection {
    /// These tasks alone, with what they need; a group is named with an `@`. If empty: all that the file has started.
    pub tasks: Vec<String>,
    /// And those that have one of these profiles.
    pub profiles: Vec<String>,
}

/// A selection that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSelection {
    /// Of a task or a group.
    #[error(transparent)]
    Task(#[from] UnknownTask),
    /// Of a profile.
    #[error(transparent)]
    Profile(#[from] UnknownProfile),
}

impl Config {
    /// The tasks that a name means: the one that is called so, the replicas of one, or with an `@` the
    /// members of a group.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn tasks_meant(&self, name: &str) -> Result<Vec<&str>, UnknownTask> {
        let group = name.strip_prefix('@').and_then(|group| self.groups.iter().find(|known| known.name == group));
        if let Some(group) = group {
            return Ok(group.tasks.iter().map(String::as_str).collect());
        }
        let meant: Vec<_> = self.tasks.iter().filter(|task| task.name == name || task.table_name() == name).collect();
        match meant.is_empty() {
            false => Ok(meant.into_iter().map(|task| task.name.as_str()).collect()),
            true => Err(UnknownTask::among(name, self.names())),
        }
    }

    /// Every name that means some tasks.
    fn names(&self) -> impl Iterator<Item = String> {
        let groups = self.groups.iter().map(|group| format!("@{}", group.name));
        let is_first = |task: &&TaskConfig| task.replica.as_ref().is_none_or(|replica| replica.number == 1);
        let tables = self.tasks.iter().filter(is_first).map(|task| task.table_name().to_owned());
        tables.chain(groups)
    }

    /// Decides which tasks start by themselves. All of them stay on the board.
    ///
    /// # Errors
    ///
    /// The first name that no task, group or profile has.
    pub fn select(mut self, TaskSelection { tasks, profiles }: &TaskSelection) -> Result<Self, BadSelection> {
        let known: BTreeSet<String> = self.tasks.iter().flat_map(|task| task.profiles.iter().cloned()).collect();
        if let Some(name) = profiles.iter().find(|profile| !known.contains(*profile)) {
            let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(UnknownProfile { name: name.clone(), near, known: known.into_iter().collect() }.into());
        }
        let mut named = BTreeSet::new();
        for name in tasks {
            named.extend(self.tasks_meant(name)?.into_iter().map(str::to_owned));
        }
        for task in &mut self.tasks {
            let has_profile = task.profiles.is_empty() || task.profiles.iter().any(|has| profiles.contains(has));
            task.autostart = match tasks.is_empty() {
                true => task.autostart && has_profile,
                false => named.contains(&task.name),
            };
        }
        Ok(self)
    }
}
