//! The dashboard's own state: what is selected, where the panes stand, what lies over them. Nothing about the tasks
//! themselves: that is in the snapshot.

use std::collections::BTreeSet;

use ratatui::layout::Rect;
use tui_input::Input as Line;

use super::layout::{self, Layout};
use super::log::LogEntries;
use super::palette::Palette;
use super::pattern::Pattern;
use super::place::{Entries, Place};
use super::rows::{Row, position, rows};
use super::selection::Selection;
use super::{LogOf, Shown, Theme};
use crate::kernel::{EventRecord, ScreenSize};
use crate::supervisor::core::TaskKind;
use crate::supervisor::core::{Snapshot, TaskSnapshot};

/// The state of one dashboard.
#[derive(Debug, Default)]
pub struct Model {
    pub(super) theme: Theme,
    pub(super) area: Rect,
    /// The selected task by name; the first until somebody selects.
    pub(super) selected: Option<String>,
    /// The first row of the table that is visible.
    pub(super) first_row: usize,
    pub(super) marked: BTreeSet<String>,
    pub(super) zoomed: bool,
    pub(super) log: Place,
    pub(super) search: Option<Pattern>,
    /// The line of the match the reader stands at.
    pub(super) hit: Option<u64>,
    pub(super) filter: Option<Pattern>,
    /// The run whose lines alone are shown.
    pub(super) run: Option<u64>,
    /// Whether the logs of several tasks are shown as one.
    pub(super) merged: bool,
    /// Whether lines say when they were written; where nobody has said, if there is room.
    pub(super) times: Option<bool>,
    /// Without wrapping: columns of each line that are left of the pane.
    pub(super) unwrapped: Option<usize>,
    pub(super) selection: Option<Selection>,
    pub(super) overlay: Option<Overlay>,
    pub(super) message: Option<String>,
}

/// What lies over the main screen and takes the keys.
#[derive(Debug)]
pub(super) enum Overlay {
    /// All keys; rows that are scrolled past.
    Help(usize),
    /// Why the selected task is not running; rows that are scrolled past.
    Why(usize),
    /// The timeline of all tasks.
    Events(Place),
    /// The terminal of the selected task, which has the keyboard.
    Attached,
    /// Something to be sure of.
    Confirm(Question),
    /// Everything there is to do, to find by name.
    Palette(Box<Palette>),
    /// A line to type.
    Prompt(Box<Prompt>),
}

/// Something that is asked before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Quit,
    Stop(Vec<String>),
    Kill(Vec<String>),
    RestartAll,
}

/// A pattern while it is typed.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) purpose: Purpose,
    pub(super) line: Line,
    /// What is wrong with it.
    pub(super) mistake: Option<String>,
    /// What comes back if it is given up, with the place of the log.
    pub(super) before: (Option<Pattern>, Option<u64>, Place),
}

/// What a typed pattern is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Search,
    Filter,
}

impl Model {
    /// A dashboard that has not been used yet.
    #[must_use]
    pub fn new(theme: Theme) -> Self {
        Self { theme, ..Self::default() }
    }

    /// The selected task's name. None without tasks.
    #[must_use]
    pub fn selected<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a str> {
        self.selected_task(snapshot).map(|task| task.name.as_str())
    }

    /// Whose log [`Shown::log`] must hold.
    #[must_use]
    pub fn log_of(&self, snapshot: &Snapshot) -> LogOf {
        if !self.merged {
            return LogOf::Task(self.selected(snapshot).unwrap_or_default().to_owned());
        }
        let is_wanted = |task: &&TaskSnapshot| match self.marked.is_empty() {
            true => task.kind != TaskKind::Surface,
            false => self.marked.contains(&task.name),
        };
        LogOf::Merged(snapshot.tasks.iter().filter(is_wanted).map(|task| task.name.clone()).collect())
    }

    /// The size that the selected task's terminal must have to fit its pane; none while there is no pane for it.
    #[must_use]
    pub fn screen_size(&self, snapshot: &Snapshot) -> Option<ScreenSize> {
        let inside = layout::inside(self.layout(self.area, snapshot).log);
        (!inside.is_empty()).then(|| ScreenSize::new(inside.width, inside.height))
    }

    /// Whether the log pane shows the task's screen: unless somebody reads or searches what it wrote before.
    pub(super) fn shows_screen(&self, shown: &Shown<'_>) -> bool {
        let reads = self.log != Place::End || self.run.is_some() || self.search.is_some() || self.filter.is_some();
        shown.screen.is_some() && !self.merged && (!reads || matches!(self.overlay, Some(Overlay::Attached)))
    }

    /// Shows a message in the footer until the next key, such as why a request was refused.
    pub fn tell(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
    }

    pub(super) fn selected_task<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a TaskSnapshot> {
        let rows = rows(snapshot);
        position(&rows, self.selected.as_deref()).and_then(|index| rows[index].task())
    }

    /// The tasks that an action is about: the marked ones, or else the selected one.
    pub(super) fn targets<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TaskSnapshot> {
        if self.marked.is_empty() {
            return self.selected_task(snapshot).into_iter().collect();
        }
        let marked = |row: &Row<'a>| row.task().filter(|task| self.marked.contains(&task.name));
        rows(snapshot).iter().filter_map(marked).collect()
    }

    pub(super) fn layout(&self, area: Rect, snapshot: &Snapshot) -> Layout {
        Layout::new(area, rows(snapshot).len(), self.zoomed || matches!(self.overlay, Some(Overlay::Attached)))
    }

    /// Brings what is derived from the shown things up to date.
    pub(super) fn refresh(&mut self, shown: &Shown<'_>) {
        let rows = rows(shown.snapshot);
        let Some(selected) = position(&rows, self.selected.as_deref()) else { return };
        // A reload may have removed what was selected.
        if let Some(task) = rows[selected].task()
            && self.selected.is_some()
        {
            self.select(&task.name);
        }
        let visible =
            usize::from(self.layout(self.area, shown.snapshot).table.height.saturating_sub(layout::TABLE_FRAME));
        self.first_row = layout::first_visible(self.first_row, selected, rows.len(), visible);
        for pattern in [&mut self.search, &mut self.filter].into_iter().flatten() {
            pattern.refresh(shown.log_of, shown.log);
        }
        if shown.screen.is_none() && matches!(self.overlay, Some(Overlay::Attached)) {
            self.overlay = None;
        }
        self.marked.retain(|name| shown.snapshot.task(name).is_some());
    }

    /// Selects a task. Its log is followed from its end.
    pub(super) fn select(&mut self, name: &str) {
        if self.selected.as_deref() != Some(name) {
            self.selected = Some(name.to_owned());
            (self.log, self.run, self.hit, self.selection) = (Place::End, None, None, None);
        }
    }

    /// The lines of the log as the screen of now shows them.
    pub(super) fn log_entries<'a>(&self, shown: &Shown<'a>) -> LogEntries<'a> {
        LogEntries::new(self, shown, self.layout(self.area, shown.snapshot).log)
    }
}

/// The timeline as entries of one row.
#[derive(Debug)]
pub(super) struct EventEntries<'a>(pub(super) &'a [std::sync::Arc<EventRecord>]);

impl Entries for EventEntries<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn number(&self, index: usize) -> u64 {
        self.0[index].number
    }

    fn rows(&self, _index: usize) -> usize {
        1
    }
}
