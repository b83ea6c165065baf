//! What the dashboard needs of the logs ([`LogQuery`]), and what it is given: windows of the lines, never a whole log.
//!
//! The model states its query as a plain value. The owner of the dashboard reads the logs and hands in what it has so
//! far. Each answer names the query that it answers, so that an answer to an older query is not shown for the new one.

use std::sync::Arc;

use jiff::Timestamp;

use crate::kernel::PostMortem;
use crate::logs::{Level, LineFilter, LineId, LogLine, RunKey, StoredRun};

/// Whose log is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOf {
    /// This task's; no task's, if there are none.
    Task(String),
    /// That of these tasks, in the order of time.
    Merged(Vec<String>),
}

impl Default for LogOf {
    fn default() -> Self {
        Self::Task(String::new())
    }
}

impl LogOf {
    /// The tasks whose lines they are.
    #[must_use]
    pub fn tasks(&self) -> &[String] {
        match self {
            Self::Task(task) => std::slice::from_ref(task),
            Self::Merged(tasks) => tasks,
        }
    }
}

/// Which lines of the logs there are to be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogChoice {
    /// Whose log it is.
    pub of: LogOf,
    /// Only the lines of this run.
    pub run: Option<RunKey>,
    /// Only lines that pass this.
    pub filter: Option<ChosenFilter>,
    /// Only lines that are at least as grave.
    pub floor: Option<Level>,
}

/// A filter, known by what was typed.
#[derive(Debug, Clone)]
pub struct ChosenFilter {
    /// What was typed.
    pub text: String,
    /// What it means.
    pub filter: LineFilter,
}

impl PartialEq for ChosenFilter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ChosenFilter {}

impl LogChoice {
    /// What lines must pass; none if all do.
    #[must_use]
    pub fn line_filter(&self) -> Option<LineFilter> {
        let filter = self.filter.as_ref().map(|chosen| chosen.filter.clone()).unwrap_or_default();
        Some(filter.with_floor(self.floor)).filter(|filter| !filter.is_empty())
    }
}

/// What the dashboard wants to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Which lines.
    pub choice: LogChoice,
    /// The line that the window is to be around; without one it is the end of the log, which is followed.
    pub around: Option<LineId>,
    /// The time that the window is to be around, in the place of a line.
    pub at: Option<Timestamp>,
    /// What is searched for among those lines.
    pub search: Option<SearchQuery>,
    /// Whose past is to be known.
    pub history: HistoryQuery,
}

/// Whose past is to be known, and what would make it another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The task.
    pub of: String,
    /// Its latest run.
    pub run: u64,
    /// Its latest run that has ended.
    pub ended: Option<u64>,
    /// While all of it is on screen: the snapshot that is shown with it.
    pub generation: Option<u64>,
}

/// What is searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// A regular expression; case matters only if it has an upper-case letter.
    pub pattern: String,
    /// The search begins here, with the lines before it.
    pub from: LineId,
}

/// A stretch of what is kept.
#[derive(Debug, Clone, Default)]
pub struct LogWindow {
    /// Which lines it is made of.
    pub choice: LogChoice,
    /// The lines, oldest first.
    pub lines: Vec<Arc<LogLine>>,
    /// Whether nothing older is kept.
    pub is_start: bool,
    /// Whether nothing newer is there yet.
    pub is_end: bool,
    /// Whether more of it is being read.
    pub is_reading: bool,
    /// Lines that the floor has held back, of those that were read for it.
    pub hidden: usize,
    /// The time that was looked for, and the first line from then on.
    pub found: Option<(Timestamp, Option<LineId>)>,
    /// Why it can't be read.
    pub error: Option<String>,
}

/// The lines in which something was found.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// The lines that are searched.
    pub choice: LogChoice,
    /// What is searched for.
    pub search: SearchQuery,
    /// Those that are kept, oldest first and without a gap between them.
    pub ids: Vec<LineId>,
    /// How many more were found before them.
    pub before: usize,
    /// How many more were found after them.
    pub after: usize,
    /// Whether everything older than where the search began has been searched.
    pub is_start_reached: bool,
    /// Whether everything has been.
    pub is_complete: bool,
    /// How much has been, of a hundred.
    pub percent: u8,
    /// Why the search has ended early.
    pub error: Option<String>,
}

/// What is kept of a task's past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The task.
    pub of: String,
    /// Its runs of which lines are kept, oldest first.
    pub runs: Vec<StoredRun>,
    /// Its failed runs, oldest first.
    pub post_mortems: Vec<PostMortem>,
}

impl Hits {
    /// How many there are in all, as far as is known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.before + self.ids.len() + self.after
    }

    /// The one before this line.
    pub(super) fn before(&self, id: LineId) -> Option<LineId> {
        let next = self.ids.partition_point(|&hit| hit < id);
        next.checked_sub(1).and_then(|index| self.ids.get(index)).copied()
    }

    /// The one after this line.
    pub(super) fn after(&self, id: LineId) -> Option<LineId> {
        self.ids.get(self.ids.partition_point(|&hit| hit <= id)).copied()
    }

    /// `3 of 17` for the hit at `id`, `17 matches` without one; while it goes on, how far it is.
    pub(super) fn told(&self, id: Option<LineId>) -> String {
        let all = self.count();
        let count = match id.and_then(|id| self.ids.binary_search(&id).ok()) {
            Some(index) => format!("{} of {all}", self.before + index + 1),
            None => matches(all, ""),
        };
        match (&self.error, self.is_complete) {
            (Some(error), _) => format!("{count} · {error}"),
            (None, true) => count,
            (None, false) => format!("{count} · searching {}%", self.percent),
        }
    }
}

impl LogWindow {
    /// How many lines it has: `17 matches`, `17+ matches` if that is not all.
    pub(super) fn matches(&self) -> String {
        matches(self.lines.len(), if self.is_start && self.is_end { "" } else { "+" })
    }
}

fn matches(count: usize, more: &str) -> String {
    match count {
        0 if more.is_empty() => "no match".to_owned(),
        1 if more.is_empty() => "1 match".to_owned(),
        count => format!("{count}{more} matches"),
    }
}
