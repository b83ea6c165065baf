//! Narrows the rows of the table: by names, groups and states.

use crate::present::state::look;
use crate::supervisor::engine::{Snapshot, TaskSnapshot};

/// What a task must be to have a row: words of its name, `@group`, `state:word`. All of them must be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Narrowing {
    pub(super) text: String,
}

impl Narrowing {
    /// None if nothing was typed.
    pub(super) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self { text: text.to_owned() })
    }

    pub(super) fn passes(&self, task: &TaskSnapshot, snapshot: &Snapshot) -> bool {
        self.text.to_lowercase().split_whitespace().all(|word| {
            if let Some(group) = word.strip_prefix('@') {
                return group_of(task, snapshot).is_some_and(|own| own.to_lowercase().starts_with(group));
            }
            match word.strip_prefix("state:") {
                Some(state) => look(task).word.starts_with(state) || task.phase.word().starts_with(state),
                None => task.name.to_lowercase().contains(word),
            }
        })
    }
}

/// The group that a task belongs to: one of the configuration, the task it is a replica of, or what its name begins with
/// if another one begins so, too.
pub(super) fn group_of<'a>(task: &'a TaskSnapshot, snapshot: &'a Snapshot) -> Option<&'a str> {
    if let Some(group) = snapshot.groups.iter().find(|group| group.tasks.contains(&task.name)) {
        return Some(&group.name);
    }
    if let Some(of) = &task.replica_of {
        return Some(of);
    }
    let prefix = prefix(&task.name)?;
    let is_alone =
        !snapshot.tasks.iter().any(|other| other.name != task.name && self::prefix(&other.name) == Some(prefix));
    (!is_alone && !task.is_builtin()).then_some(prefix)
}

/// `worker` of `worker-reports`.
fn prefix(name: &str) -> Option<&str> {
    name.find(['-', '_', '.', ':', '/']).filter(|&end| end > 0).map(|end| &name[..end])
}

/// The tasks of the same group as this one, itself among them.
pub(super) fn companions<'a>(task: &TaskSnapshot, snapshot: &'a Snapshot) -> Vec<&'a TaskSnapshot> {
    let Some(group) = group_of(task, snapshot) else { return Vec::new() };
    snapshot.tasks.iter().filter(|other| group_of(other, snapshot) == Some(group)).collect()
}
