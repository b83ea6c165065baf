//! The rows of the table: the project's tasks in the order of the config, a rule, then those of stead's own parts that are
//! to be seen.

use super::narrowing::Narrowing;
use crate::present::parts::parts;
use crate::supervisor::engine::{Snapshot, Stage, TaskSnapshot};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) enum TableRow<'a> {
    Task(&'a TaskSnapshot),
    /// The line between the project's tasks and stead's own.
    Rule,
}

/// The rows from top to bottom.
#[derive(Debug)]
pub(super) struct TableRows<'a> {
    pub(super) rows: Vec<TableRow<'a>>,
    /// What is said of stead's parts that have no row.
    pub(super) folded: Option<String>,
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

impl<'a> TableRows<'a> {
    /// All rows; stead's parts only if they are unfolded, need attention, or are `selected`.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        unfolded: bool,
        selected: Option<&str>,
        narrowing: Option<&Narrowing>,
    ) -> Self {
        let is_draining = matches!(snapshot.stage, Stage::Draining { .. });
        let own = || snapshot.tasks.iter().filter(|task| task.is_builtin());
        let is_shown = |task: &TaskSnapshot| unfolded || selected == Some(task.name.as_str());
        let parts = parts(own().filter(|task| !is_shown(task)), is_draining);
        let is_row = |task: &&TaskSnapshot| is_shown(task) || parts.alone.iter().any(|alone| alone.name == task.name);
        let own: Vec<_> = own().filter(is_row).collect();
        let rule = (!own.is_empty()).then_some(TableRow::Rule);
        let passes = |task: &&TaskSnapshot| narrowing.is_none_or(|narrowing| narrowing.passes(task, snapshot));
        let theirs = snapshot.tasks.iter().filter(|task| !task.is_builtin()).filter(passes);
        let rows = theirs.map(TableRow::Task).chain(rule).chain(own.into_iter().map(TableRow::Task)).collect();
        Self { rows, folded: parts.folded }
    }

    /// The tasks that have a row.
    pub(super) fn tasks(&self) -> impl DoubleEndedIterator<Item = &'a TaskSnapshot> {
        self.rows.iter().filter_map(|row| row.task())
    }

    /// Where the named task stands; the first task if there is none of that name.
    pub(super) fn position(&self, name: Option<&str>) -> Option<usize> {
        let named =
            name.and_then(|name| self.rows.iter().position(|row| row.task().is_some_and(|task| task.name == name)));
        named.or_else(|| self.rows.iter().position(|row| row.task().is_some()))
    }
}
