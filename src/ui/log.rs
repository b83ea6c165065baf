//! The lines of the log pane: filtered, broken at the pane's width, with a rule where another run begins.
//!
//! Only lines that are on screen, or passed while scrolling, are read.

use std::ops::Range;
use std::sync::Arc;

use super::ansi::{self, Row};
use super::model::Model;
use super::place::{Entries, Place};
use super::{Shown, layout};
use crate::kernel::LogLine;
use ratatui::layout::Rect;

/// From this width of the pane on every line says when it was written.
const TIMES_FROM: u16 = 56;
/// Columns that the time takes: `12:01:33 `.
const TIME_COLUMNS: u16 = 9;

/// What the log pane shows, from the first line that is kept to the last.
#[derive(Debug)]
pub(super) struct LogEntries<'a> {
    log: &'a [Arc<LogLine>],
    /// The lines that pass the filter, by index; none if there is no filter.
    passing: Option<Vec<usize>>,
    /// Columns of text.
    pub(super) width: usize,
    /// Columns before the text, for the time.
    pub(super) indent: u16,
    /// Rows of text.
    pub(super) height: usize,
}

impl<'a> LogEntries<'a> {
    /// The entries of a framed pane.
    pub(super) fn new(model: &Model, shown: &Shown<'a>, pane: Rect) -> Self {
        let inside = layout::inside(pane);
        let indent = if inside.width >= TIMES_FROM { TIME_COLUMNS } else { 0 };
        // One column of air on either side.
        let width = usize::from(inside.width.saturating_sub(indent + 2)).max(1);
        let passing = model.filter.as_ref().map(|filter| {
            let hits = filter.hits();
            let passes = |&index: &usize| hits.binary_search(&shown.log[index].number).is_ok();
            (0..shown.log.len()).filter(passes).collect()
        });
        Self { log: shown.log, passing, width, indent, height: usize::from(inside.height) }
    }

    pub(super) fn line(&self, index: usize) -> &'a LogLine {
        &self.log[self.passing.as_ref().map_or(index, |passing| passing[index])]
    }

    /// Whether a rule stands above this line, because another run wrote the one before.
    pub(super) fn begins_run(&self, index: usize) -> bool {
        index > 0 && self.line(index).run != self.line(index - 1).run
    }

    /// The line as text, and its characters row by row.
    pub(super) fn read(&self, index: usize) -> (Row, Vec<Range<usize>>) {
        let row = ansi::parse(&self.line(index).bytes);
        let wrapped = row.wrapped(self.width);
        (row, wrapped)
    }

    /// Whether the line of this number is at `index` or further down.
    pub(super) fn has_after(&self, index: usize, number: u64) -> bool {
        index < self.len() && self.line(index).number <= number
    }

    /// How many lines are below the pane.
    pub(super) fn below(&self, place: Place) -> usize {
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
    fn len(&self) -> usize {
        self.passing.as_ref().map_or(self.log.len(), Vec::len)
    }

    fn number(&self, index: usize) -> u64 {
        self.line(index).number
    }

    fn rows(&self, index: usize) -> usize {
        let bytes = &self.line(index).bytes;
        let is_simple = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let text = if is_simple { bytes.len().div_ceil(self.width).max(1) } else { self.read(index).1.len() };
        text + usize::from(self.begins_run(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_lines_are_counted_as_they_are_drawn() {
        for text in ["", "a", "abc", "abcd", "abcdef", "abcdefg"] {
            let wrapped = ansi::parse(text.as_bytes()).wrapped(3).len();
            assert_eq!(text.len().div_ceil(3).max(1), wrapped, "{text}");
        }
    }
}
