//! The lines of the log pane: a window of what is kept, broken at the pane's width, with a rule where another run begins.
//!
//! Only lines that are on screen, or passed while scrolling, are read.

use std::ops::Range;
use std::sync::Arc;

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::columns::in_columns;
use super::layout;
use super::model::Model;
use super::query::{LogOf, LogWindow};
use super::run_ends::{RunEnd, run_ends};
use super::scroll::{Entries, ScrollPosition};
use super::shown::Shown;
use crate::logs::{LineId, LogLine};
use crate::present::ansi::{self, TextRow};

/// From this width of the pane on every line says when it was written, unless a person has chosen otherwise.
const TIMES_FROM: u16 = 56;
/// Columns that the time takes: `12:01:33 `.
const TIME_COLUMNS: u16 = 9;
/// The most columns that a task's name takes in a merged log, with the gap after it.
const MOST_NAME_COLUMNS: u16 = 33;
/// Names take no more than this part of the pane.
const NAMES_PART: u16 = 3;

/// What the log pane shows, from the first line of the window to the last.
#[derive(Debug)]
pub(super) struct LogEntries<'a> {
    /// None while what is wanted has not been read.
    window: Option<&'a LogWindow>,
    is_merged: bool,
    /// How runs have ended, for the rules between lines.
    ends: Vec<RunEnd<'a>>,
    /// Columns of text.
    pub(super) width: usize,
    /// Columns before the text, for the time.
    pub(super) time_columns: u16,
    /// Columns before the text, for the task's name.
    pub(super) name_columns: u16,
    /// Rows of text.
    pub(super) height: usize,
    /// Without wrapping: columns of each line that are left of the pane.
    unwrapped: Option<usize>,
    /// Whether JSON and logfmt are shown as they were written.
    is_raw: bool,
}

/// One row of the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ViewRow {
    /// The line, by index.
    pub(super) index: usize,
    /// Its characters in this row; none for the rule above the first line of a run.
    pub(super) cells: Option<Range<usize>>,
    /// Whether it is the line's first row of text.
    pub(super) begins_line: bool,
    /// Whether nothing of the line follows in the next row.
    pub(super) ends_line: bool,
}

impl<'a> LogEntries<'a> {
    /// The entries of the pane that is on the screen.
    pub(super) fn on_screen(model: &Model, shown: &Shown<'a>) -> Self {
        Self::new(model, shown, model.layout.panes.log)
    }

    /// The entries of a framed pane.
    pub(super) fn new(model: &Model, shown: &Shown<'a>, pane: Rect) -> Self {
        let inside = layout::inside(pane);
        let time_columns = if model.times.unwrap_or(inside.width >= TIMES_FROM) { TIME_COLUMNS } else { 0 };
        let log_of = model.log_of(shown.snapshot);
        let name_columns = match &log_of {
            LogOf::Task(_) => 0,
            LogOf::Merged(tasks) => {
                let longest = tasks.iter().map(|task| task.width()).max().unwrap_or(0);
                u16::try_from(longest + 1).unwrap_or(u16::MAX).min(MOST_NAME_COLUMNS).min(inside.width / NAMES_PART)
            }
        };
        // One column of air on either side.
        let width = usize::from(inside.width.saturating_sub(time_columns + name_columns + 2)).max(1);
        Self {
            window: model.window(shown),
            is_merged: matches!(log_of, LogOf::Merged(_)),
            ends: run_ends(shown.events, &log_of),
            width,
            time_columns,
            name_columns,
            height: usize::from(inside.height),
            unwrapped: model.unwrapped,
            is_raw: model.is_raw,
        }
    }

    /// Where the pane has its text.
    pub(super) fn text_area(&self, pane: Rect) -> Rect {
        let inside = layout::inside(pane);
        let indent = (1 + self.time_columns + self.name_columns).min(inside.width);
        let width = u16::try_from(self.width).unwrap_or(u16::MAX).min(inside.width - indent);
        Rect { x: inside.x + indent, width, ..inside }
    }

    pub(super) fn line(&self, index: usize) -> &'a LogLine {
        &self.lines()[index]
    }

    /// The task that wrote the line, in a merged log.
    pub(super) fn writer(&self, index: usize) -> Option<&'a str> {
        self.is_merged.then(|| &*self.line(index).task)
    }

    /// Whether the log ends with the last of these lines.
    pub(super) fn is_end(&self) -> bool {
        self.window.is_some_and(|window| window.is_end)
    }

    /// Whether the window is all that is kept.
    pub(super) fn is_whole(&self) -> bool {
        self.window.is_some_and(|window| window.is_start && window.is_end)
    }

    /// Whether more lines are being read.
    pub(super) fn is_reading(&self) -> bool {
        self.window.is_none_or(|window| window.is_reading)
    }

    fn lines(&self) -> &'a [Arc<LogLine>] {
        self.window.map_or(&[], |window| &window.lines)
    }

    /// Whether a rule stands above this line: another run wrote the one before, or in a merged log a run has failed in
    /// between.
    pub(super) fn has_rule(&self, index: usize) -> bool {
        match self.is_merged {
            true => !self.ends_above(index).is_empty(),
            false => index > 0 && self.line(index).run != self.line(index - 1).run,
        }
    }

    /// What the rule above this line says: `run 1: code 1 ── run 2`, `api run 2: code 3`.
    pub(super) fn rule(&self, index: usize) -> String {
        let texts: Vec<String> = match self.is_merged {
            true => self.ends_above(index).iter().map(RunEnd::with_name).collect(),
            false => {
                let before = self.line(index - 1).run.number;
                let end = self.ends.iter().rev().find_map(|end| end.of_run(before));
                end.into_iter().chain([format!("run {}", self.line(index).run.number)]).collect()
            }
        };
        texts.join(" ── ")
    }

    /// The ends between this line and the one before.
    fn ends_above(&self, index: usize) -> &[RunEnd<'a>] {
        if index == 0 {
            return &[];
        }
        let until = |line: &LogLine| self.ends.partition_point(|end| end.at <= line.at);
        let (from, to) = (until(self.line(index - 1)), until(self.line(index)));
        &self.ends[from..to.max(from)]
    }

    /// The line as text, and its characters row by row.
    pub(super) fn read(&self, index: usize) -> (TextRow, Vec<Range<usize>>) {
        let row = self.parsed(index);
        let rows = match self.unwrapped {
            None => row.wrapped(self.width),
            Some(from) => vec![row.columns(from, self.width)],
        };
        (row, rows)
    }

    fn parsed(&self, index: usize) -> TextRow {
        let line = self.line(index);
        match in_columns(line).filter(|_| !self.is_raw) {
            Some(columns) => ansi::parse(&columns),
            None => ansi::parse(&line.bytes),
        }
    }

    /// The rows of the pane from top to bottom.
    pub(super) fn in_view(&self, place: ScrollPosition) -> Vec<ViewRow> {
        let top = place.top(self, self.height);
        let rows = (top.index..self.len()).flat_map(|index| self.view_rows(index));
        rows.skip(top.row).take(self.height).collect()
    }

    fn view_rows(&self, index: usize) -> Vec<ViewRow> {
        let rule = ViewRow { index, cells: None, begins_line: false, ends_line: true };
        let (_, rows) = self.read(index);
        let last = rows.len() - 1;
        let text = rows.into_iter().enumerate().map(|(nth, cells)| ViewRow {
            index,
            cells: Some(cells),
            begins_line: nth == 0,
            ends_line: nth == last,
        });
        self.has_rule(index).then_some(rule).into_iter().chain(text).collect()
    }

    /// Columns of the longest line in view.
    pub(super) fn longest_in_view(&self, place: ScrollPosition) -> usize {
        let columns = |row: ViewRow| self.read(row.index).0.width();
        self.in_view(place).into_iter().map(columns).max().unwrap_or(0)
    }

    /// The lines of which something is in the pane.
    pub(super) fn lines_in_view(&self, place: ScrollPosition) -> Range<usize> {
        let first = place.top(self, self.height).index;
        first..(self.len() - self.below(place)).max(first)
    }

    /// How many lines are below the pane.
    pub(super) fn below(&self, place: ScrollPosition) -> usize {
        let top = place.top(self, self.height);
        let mut index = top.index;
        let mut rows = self.height + top.row;
        while index < self.len() {
            let own = self.rows(index);
            if own > rows {
                break;
            }
            rows -= own;
            index += 1;
        }
        self.len() - index
    }
}

impl Entries for LogEntries<'_> {
    type Number = LineId;

    fn len(&self) -> usize {
        self.lines().len()
    }

    fn number(&self, index: usize) -> LineId {
        self.line(index).id
    }

    fn rows(&self, index: usize) -> usize {
        let bytes = &self.line(index).bytes;
        let is_simple = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let text = match self.unwrapped {
            Some(_) => 1,
            None if is_simple && bytes.len() <= self.width && !bytes.contains(&b'=') => 1,
            None => self.read(index).1.len(),
        };
        text + usize::from(self.has_rule(index))
    }
}
