//! The rows of the table: the project's tasks in the order of the config, a rule, then stead's own surfaces.

use crate::supervisor::engine::{Snapshot, TaskKind, TaskSnapshot};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) enum TableRow<'a> {
    /// A task.
    Task(&'a TaskSnapshot),
    /// The line between the project's tasks and stead's own.
    Rule,
}

impl<'a> TableRow<'a> {
    /// The task, unless it is the rule.
    pub(super) fn task(self) -> Option<&'a TaskSnapshot> {
        match self {
            Self::Task(task) => Some(task),
            Self::Rule => None,
        }
    }
}

/// All rows from top to bottom.
pub(super) fn rows(snapshot: &Snapshot) -> Vec<TableRow<'_>> {
    let is_own = |task: &&TaskSnapshot| task.kind == TaskKind::Builtin;
    let (own, tasks): (Vec<_>, Vec<_>) = snapshot.tasks.iter().partition(is_own);
    let rule = (!own.is_empty()).then_some(TableRow::Rule);
    tasks.into_iter().map(TableRow::Task).chain(rule).chain(own.into_iter().map(TableRow::Task)).collect()
}

/// Where the named task stands; the first task if there is none of that name.
pub(super) fn position(rows: &[TableRow<'_>], name: Option<&str>) -> Option<usize> {
    let named = name.and_then(|name| rows.iter().position(|row| row.task().is_some_and(|task| task.name == name)));
    named.or_else(|| rows.iter().position(|row| row.task().is_some()))
}
