//! The log of the selected task, or of several as one; the screen of a task that has a terminal.

use std::ops::Range;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::super::layout;
use super::super::log::{LogEntries, ViewRow};
use super::super::model::{Hit, Overlay, Purpose};
use super::super::query::LogOf;
use super::super::scroll::{Entries, ScrollPosition};
use super::context::{DrawContext, set_symbol};
use super::{footer, frame, screen};
use crate::logs::{LogLine, OutputStream, RunKey};
use crate::present::ansi::{TextRow, plain};
use crate::present::text::fit;
use crate::screen::ScreenContents;
use crate::supervisor::engine::{Event, EventKind};

/// Stands before the lines of standard error.
const STDERR_MARK: &str = "▎";

/// Draws the pane; returns where the task's own terminal wants the cursor.
pub(super) fn draw(context: &DrawContext<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let model = context.model;
    let inside = layout::inside(area);
    if let Some(contents) = context.shown.screen.filter(|_| model.shows_screen(context.shown)) {
        let note = screen_note(context, contents);
        frame::draw_focusable(context.theme, area, &title(context), note, model.has_log_focus(), buffer);
        return screen::draw(context, contents, inside, buffer);
    }
    let entries = LogEntries::new(model, context.shown, area);
    let note = note(context, &entries);
    frame::draw_focusable(context.theme, area, &title(context), note, model.has_log_focus(), buffer);
    if entries.len() == 0 {
        let empty = match () {
            () if entries.is_reading() => "reading …",
            () if model.filter.is_some() || model.floor.is_some() => "no line passes the filter",
            () => "nothing written yet",
        };
        let text = Rect { x: inside.x + 1, width: inside.width.saturating_sub(1), ..inside };
        if !text.is_empty() {
            buffer.set_stringn(text.x, text.y, empty, usize::from(text.width), context.theme.dim());
        }
        return None;
    }
    for (y, row) in (inside.y..inside.bottom()).zip(entries.in_view(model.log)) {
        draw_row(context, &entries, &row, Rect { y, height: 1, ..inside }, buffer);
    }
    None
}

fn title(context: &DrawContext<'_>) -> String {
    let model = context.model;
    if let LogOf::Merged(tasks) = model.log_of(context.shown.snapshot) {
        let which = if model.marked.is_empty() { "all tasks".to_owned() } else { format!("{} tasks", tasks.len()) };
        return format!("{which} · merged log");
    }
    let Some(task) = model.selected_task(context.shown.snapshot) else { return "log".to_owned() };
    let what = if model.shows_screen(context.shown) { "terminal" } else { "log" };
    match (&model.overlay, model.run) {
        (Some(Overlay::Attached), _) => format!("{} · attached · ctrl-] leaves", task.name),
        (_, Some(run)) => format!("{} · {} · {what}", task.name, past_run(context, run)),
        (_, None) if task.run == 0 => format!("{} · {what}", task.name),
        (_, None) => format!("{} · run {} · {what}", task.name, task.run),
    }
}

/// Which run it was, and how it ended if that is known.
fn past_run(context: &DrawContext<'_>, run: RunKey) -> String {
    let mut text = format!("run {}", run.number);
    let Some(history) = context.model.history(context.shown) else { return text };
    let Some(at) = history.runs.iter().position(|stored| stored.key == run) else { return text };
    let stored = &history.runs[at];
    // Another supervisor counted its runs from 1, too.
    if history.runs.last().is_some_and(|last| last.key.supervised_since != run.supervised_since) {
        let began = context.shown.zone.to_datetime(stored.first);
        text += &format!(" of {}", began.strftime("%F %H:%M"));
    }
    let number = u64::from(run.number);
    let next = history.runs.get(at + 1).map_or(Timestamp::MAX, |next| next.first);
    let is_its = |end: Timestamp| (stored.first..=next).contains(&end);
    let told =
        context.shown.events.iter().rev().filter(|event| is_its(event.at)).find_map(|event| match &event.event {
            Event { task: Some(task), kind: EventKind::Exited { run, reason, .. } } => {
                (*task == history.of && *run == number).then(|| reason.to_string())
            }
            _ => None,
        });
    let mut failed = history.post_mortems.iter().rev();
    let kept = || failed.find(|failed| failed.run == number && is_its(failed.at)).map(|failed| failed.reason.clone());
    match told.or_else(kept) {
        Some(reason) => format!("{text} · {}", plain(&reason)),
        None => text,
    }
}

/// What the upper edge says on the right: the search, the filter, and where the pane stands.
fn note(context: &DrawContext<'_>, entries: &LogEntries<'_>) -> Span<'static> {
    let model = context.model;
    let mut parts = Vec::new();
    if let Some(filter) = &model.filter {
        parts.push(format!("{} · only {}", footer::found(context, Purpose::Filter), plain(&filter.text)));
    }
    if let Some(floor) = model.floor {
        let hidden = model.window(context.shown).map_or(0, |window| window.hidden);
        let more = if entries.is_whole() { "" } else { "+" };
        parts.push(format!("{floor} and worse · {hidden}{more} hidden"));
    }
    if let Some(search) = &model.search {
        parts.push(format!("{} · {}", search.text, footer::found(context, Purpose::Search)));
    }
    if context.shown.lost_bytes > 0 {
        parts.push(format!("{} lost", bytesize::ByteSize(context.shown.lost_bytes).display().iec()));
    }
    if let Some(error) = model.window(context.shown).and_then(|window| window.error.as_deref()) {
        parts.push(plain(error));
    }
    if let Some(columns) = model.unwrapped.filter(|&columns| columns > 0) {
        parts.push(format!("from column {}", columns + 1));
    }
    let mut state = Vec::new();
    match (model.run, model.log, entries.below(model.log)) {
        (Some(_), ScrollPosition::End, _) => state.push("a past run".to_owned()),
        (None, ScrollPosition::End, _) => state.push("following".to_owned()),
        (_, ScrollPosition::At { .. } | ScrollPosition::Near(_), 0) if entries.is_end() => {
            state.push("paused".to_owned())
        }
        (_, ScrollPosition::At { .. } | ScrollPosition::Near(_), below) => {
            let more = if entries.is_end() { "" } else { "+" };
            state.push(format!("paused · {below}{more} below"));
        }
    }
    let is_newest = model.log == ScrollPosition::End && model.run.is_none() && context.shown.lost_bytes == 0;
    let style = if is_newest { context.theme.dim() } else { context.theme.warning() };
    // First what is sure to be short: of a note that is too long the end is cut.
    Span::styled(state.into_iter().chain(parts).collect::<Vec<_>>().join(" · "), style)
}

/// What is to be said about a screen: that it is a past run's, that not all was shown.
fn screen_note(context: &DrawContext<'_>, contents: &ScreenContents) -> Span<'static> {
    let ended = (!contents.is_live).then(|| "ended".to_owned());
    let skipped = (contents.skipped_bytes > 0).then(|| format!("{} bytes not shown", contents.skipped_bytes));
    Span::styled(ended.into_iter().chain(skipped).collect::<Vec<_>>().join(" · "), context.theme.warning())
}

/// One row of a line, or the rule above a run's first.
fn draw_row(context: &DrawContext<'_>, entries: &LogEntries<'_>, row: &ViewRow, area: Rect, buffer: &mut Buffer) {
    let dim = context.theme.dim();
    let line = entries.line(row.index);
    let room = usize::from(area.width.saturating_sub(1));
    let Some(cells) = row.cells.clone() else {
        let text = format!("── {} ", fit(&entries.rule(row.index), room.saturating_sub(5)));
        let dashes = "─".repeat(room.saturating_sub(text.width() + 1));
        buffer.set_stringn(area.x + 1, area.y, text + &dashes, room, dim);
        return;
    };
    if line.stream == OutputStream::Stderr {
        buffer.set_stringn(area.x, area.y, STDERR_MARK, 1, context.theme.bad());
    }
    if row.begins_line {
        draw_origin(context, entries, row.index, area, buffer);
    }
    let is_chosen = context.model.cursor.is_some_and(|cursor| cursor.lines().contains(&line.id));
    let (text, _) = entries.read(row.index);
    let hits = hits(context, line, &text);
    let mut x = area.x + 1 + entries.time_columns + entries.name_columns;
    let rest = cells.end..text.cells.len();
    for index in cells {
        let cell = text.cells[index];
        if x + cell.width > area.right() {
            return;
        }
        let hit = hits.iter().find(|(range, _)| range.contains(&cell.start));
        let style = hit.map_or(Style::new(), |(_, style)| *style);
        let style = context.theme.of_task(cell.style).patch(style);
        set_symbol(buffer, x, area.y, text.symbol(index), cell.width, style);
        x += cell.width;
    }
    if row.ends_line && (line.cut || !rest.is_empty()) && x < area.right() {
        buffer.set_stringn(x, area.y, "…", 1, dim);
    }
    if is_chosen {
        buffer.set_style(area, context.theme.selected());
    }
}

/// When a line was written, and in a merged log by whom.
fn draw_origin(context: &DrawContext<'_>, entries: &LogEntries<'_>, index: usize, area: Rect, buffer: &mut Buffer) {
    let x = area.x + 1;
    let room = usize::from(area.right().saturating_sub(x));
    if entries.time_columns > 0 {
        let time = context.time_of_day(entries.line(index).at);
        buffer.set_stringn(x, area.y, time, room.min(usize::from(entries.time_columns)), context.theme.dim());
    }
    let name_room = room.saturating_sub(usize::from(entries.time_columns)).min(usize::from(entries.name_columns));
    if let Some(name) = entries.writer(index).filter(|_| name_room > 1) {
        let name_x = x + entries.time_columns;
        buffer.set_stringn(name_x, area.y, fit(name, name_room - 1), name_room, context.theme.name(name));
    }
}

/// The parts of a line that the search matches; without one, those that the filter does.
fn hits(context: &DrawContext<'_>, line: &LogLine, row: &TextRow) -> Vec<(Range<usize>, Style)> {
    let model = context.model;
    if let Some(search) = &model.search {
        let style = context.theme.hit(model.hit == Hit::At(line.id));
        return search.regex.find_iter(&row.text).map(|found| (found.range(), style)).collect();
    }
    let patterns = model.filter.iter().flat_map(|filter| filter.filter.patterns());
    patterns.flat_map(|pattern| pattern.find_all(&row.text)).map(|found| (found, context.theme.hit(false))).collect()
}
