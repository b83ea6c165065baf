//! The line cursor of the log: what `y`, `Y` and `o` are about, moved by the keys that scroll otherwise.

use std::ops::RangeInclusive;

use super::action::DashboardEffect;
use super::copy::copy_text;
use super::log::LogEntries;
use super::model::{Focus, Model};
use super::scroll::{Entries, ScrollPosition};
use super::shown::Shown;
use crate::logs::{LineId, block, newest_grave, without_escapes};

/// The line that a person has chosen, and where the choice began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineCursor {
    pub(super) line: LineId,
    anchor: LineId,
}

impl LineCursor {
    /// The chosen lines.
    pub(super) fn lines(self) -> RangeInclusive<LineId> {
        self.line.min(self.anchor)..=self.line.max(self.anchor)
    }
}

/// Begins to choose lines, at the match or else at the newest in view; or ends it.
pub(super) fn toggle(model: &mut Model, shown: &Shown<'_>) {
    if model.cursor.take().is_some() {
        return;
    }
    let entries = LogEntries::on_screen(model, shown);
    let in_view = entries.lines_in_view(model.log);
    let hit = model.hit.line().filter(|hit| in_view.clone().any(|index| entries.number(index) == *hit));
    let Some(line) = hit.or_else(|| in_view.last().map(|index| entries.number(index))) else {
        model.tell_briefly("there is no line to choose", shown.now);
        return;
    };
    model.log = model.log.held(&entries, entries.height);
    model.cursor = Some(LineCursor { line, anchor: line });
    model.focus = Focus::Log;
}

/// Moves the cursor so many lines, and the pane after it. Without a cursor nothing happens, and `false` is returned.
pub(super) fn step(model: &mut Model, by: isize, shown: &Shown<'_>) -> bool {
    let Some(cursor) = model.cursor else { return false };
    let entries = LogEntries::on_screen(model, shown);
    let Some(now) = (0..entries.len()).find(|&index| entries.number(index) >= cursor.line) else { return true };
    let next = now.saturating_add_signed(by).min(entries.len() - 1);
    let line = entries.number(next);
    model.cursor = Some(LineCursor { line, ..cursor });
    let in_view = entries.lines_in_view(model.log);
    model.log = match next {
        next if next < in_view.start => ScrollPosition::At { number: line, row: 0 },
        next if next >= in_view.end => {
            // The rows of the lines between, one for one: the chosen one is the last in view.
            let rows: usize = (in_view.end..=next).map(|index| entries.rows(index)).sum();
            let moved = model.log.scrolled(&entries, entries.height, isize::try_from(rows).unwrap_or(isize::MAX));
            moved.held(&entries, entries.height)
        }
        _ => model.log,
    };
    true
}

/// Copies the chosen lines, whole; all in view if none is chosen.
pub(super) fn copy_lines(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let entries = LogEntries::on_screen(model, shown);
    let chosen: Vec<usize> = match model.cursor.take() {
        Some(cursor) => {
            let lines = cursor.lines();
            (0..entries.len()).filter(|&index| lines.contains(&entries.number(index))).collect()
        }
        None => entries.lines_in_view(model.log).collect(),
    };
    copy_text(model, &text(&entries, chosen))
}

/// Copies the block of the chosen line; without one that of the newest line in view that tells of something grave.
pub(super) fn copy_block(model: &mut Model, shown: &Shown<'_>) -> Vec<DashboardEffect> {
    let entries = LogEntries::on_screen(model, shown);
    let texts = |indices: &[usize]| indices.iter().map(|&index| plain(&entries, index)).collect::<Vec<_>>();
    let index = match model.cursor {
        Some(cursor) => (0..entries.len()).find(|&index| entries.number(index) == cursor.line),
        None => {
            let in_view: Vec<usize> = entries.lines_in_view(model.log).collect();
            newest_grave(&texts(&in_view)).map(|at| in_view[at]).or(in_view.last().copied())
        }
    };
    let Some(index) = index else {
        model.tell_briefly("there is no line to copy", shown.now);
        return Vec::new();
    };
    let origin = |index: usize| {
        let line = entries.line(index);
        (line.task.clone(), line.run, line.stream)
    };
    let own: Vec<usize> = (0..entries.len()).filter(|&other| origin(other) == origin(index)).collect();
    let at = own.iter().position(|&other| other == index).unwrap_or(0);
    let block = block(&texts(&own), at);
    let text = text(&entries, own[block].iter().copied());
    model.cursor = None;
    copy_text(model, &text)
}

fn text(entries: &LogEntries<'_>, lines: impl IntoIterator<Item = usize>) -> String {
    lines.into_iter().map(|index| plain(entries, index)).collect::<Vec<_>>().join("\n")
}

fn plain(entries: &LogEntries<'_>, index: usize) -> String {
    without_escapes(&entries.line(index).bytes)
}
