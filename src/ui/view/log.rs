//! The log of the selected task, or of several as one; the screen of a task that has a terminal.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::super::ansi::Row;
use super::super::format::fit;
use super::super::log::{LogEntries, ViewRow};
use super::super::model::Overlay;
use super::super::place::{Entries, Place};
use super::super::{LogOf, layout};
use super::{Scene, frame, screen};
use crate::kernel::{LogLine, Picture};

/// Draws the pane; returns where the task's own terminal wants the cursor.
pub(super) fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let model = scene.model;
    let inside = layout::inside(area);
    if let Some(picture) = scene.shown.screen.filter(|_| model.shows_screen(scene.shown)) {
        frame::draw_noted(scene.theme, area, &title(scene), screen_note(scene, picture), buffer);
        return screen::draw(scene, picture, inside, buffer);
    }
    let entries = LogEntries::new(model, scene.shown, area);
    frame::draw_noted(scene.theme, area, &title(scene), note(scene, &entries), buffer);
    if entries.len() == 0 {
        let empty = if model.filter.is_some() { "no line passes the filter" } else { "nothing written yet" };
        let text = Rect { x: inside.x + 1, width: inside.width.saturating_sub(1), ..inside };
        if !text.is_empty() {
            buffer.set_stringn(text.x, text.y, empty, usize::from(text.width), scene.theme.dim());
        }
        return None;
    }
    for (y, row) in (inside.y..inside.bottom()).zip(entries.in_view(model.log)) {
        draw_row(scene, &entries, &row, Rect { y, height: 1, ..inside }, buffer);
    }
    None
}

fn title(scene: &Scene<'_>) -> String {
    let model = scene.model;
    if let LogOf::Merged(tasks) = scene.shown.log_of {
        let which = if model.marked.is_empty() { "all tasks".to_owned() } else { format!("{} tasks", tasks.len()) };
        return format!("{which} · merged log");
    }
    let Some(task) = model.selected_task(scene.shown.snapshot) else { return "log".to_owned() };
    let what = if model.shows_screen(scene.shown) { "terminal" } else { "log" };
    match (&model.overlay, model.run.unwrap_or(task.run)) {
        (Some(Overlay::Attached), _) => format!("{} · attached · ctrl-] leaves", task.name),
        (_, 0) => format!("{} · {what}", task.name),
        (_, run) => format!("{} · run {run} · {what}", task.name),
    }
}

/// What the upper edge says on the right: the search, the filter, and where the pane stands.
fn note(scene: &Scene<'_>, entries: &LogEntries<'_>) -> Span<'static> {
    let model = scene.model;
    let mut parts = Vec::new();
    if let Some(filter) = &model.filter {
        parts.push(format!("only {} · {}", filter.text, filter.count(None)));
    }
    if let Some(search) = &model.search {
        parts.push(format!("{} · {}", search.text, search.count(model.hit)));
    }
    if let Some(columns) = model.unwrapped.filter(|&columns| columns > 0) {
        parts.push(format!("from column {}", columns + 1));
    }
    match (model.run, model.log, entries.below(model.log)) {
        (Some(_), Place::End, _) => parts.push("a past run".to_owned()),
        (None, Place::End, _) => parts.push("following".to_owned()),
        (_, Place::At { .. }, 0) => parts.push("paused".to_owned()),
        (_, Place::At { .. }, below) => parts.push(format!("paused · {below} below")),
    }
    let is_newest = model.log == Place::End && model.run.is_none();
    let style = if is_newest { scene.theme.dim() } else { scene.theme.warning() };
    Span::styled(parts.join(" · "), style)
}

/// What is to be said about a screen: that it is a past run's, that not all was shown.
fn screen_note(scene: &Scene<'_>, picture: &Picture) -> Span<'static> {
    let ended = (!picture.is_live).then(|| "ended".to_owned());
    let skipped = (picture.skipped_bytes > 0).then(|| format!("{} bytes not shown", picture.skipped_bytes));
    Span::styled(ended.into_iter().chain(skipped).collect::<Vec<_>>().join(" · "), scene.theme.warning())
}

/// One row of a line, or the rule above a run's first.
fn draw_row(scene: &Scene<'_>, entries: &LogEntries<'_>, row: &ViewRow, area: Rect, buffer: &mut Buffer) {
    let dim = scene.theme.dim();
    let line = entries.line(row.index);
    let room = usize::from(area.width.saturating_sub(1));
    let Some(cells) = row.cells.clone() else {
        let text = format!("── run {} ", line.run);
        let dashes = "─".repeat(room.saturating_sub(text.width() + 1));
        buffer.set_stringn(area.x + 1, area.y, text + &dashes, room, dim);
        return;
    };
    if row.begins_line {
        draw_origin(scene, entries, row.index, area, buffer);
    }
    let (text, _) = entries.read(row.index);
    let hits = hits(scene, line, &text);
    let mut x = area.x + 1 + entries.time_columns + entries.name_columns;
    let rest = cells.end..text.cells.len();
    for index in cells {
        let cell = text.cells[index];
        if x + cell.width > area.right() {
            return;
        }
        let hit = hits.iter().find(|(range, _)| range.contains(&cell.start));
        let style = hit.map_or(Style::new(), |(_, style)| *style);
        let style = scene.theme.of_task(cell.style).patch(style);
        set_symbol(buffer, x, area.y, text.symbol(index), cell.width, style);
        x += cell.width;
    }
    if row.ends_line && (line.cut || !rest.is_empty()) && x < area.right() {
        buffer.set_stringn(x, area.y, "…", 1, dim);
    }
}

/// When a line was written, and in a merged log by whom.
fn draw_origin(scene: &Scene<'_>, entries: &LogEntries<'_>, index: usize, area: Rect, buffer: &mut Buffer) {
    let x = area.x + 1;
    let room = usize::from(area.right().saturating_sub(x));
    if entries.time_columns > 0 {
        let time = time_of_day(entries.line(index).at, scene.shown.zone);
        buffer.set_stringn(x, area.y, time, room.min(usize::from(entries.time_columns)), scene.theme.dim());
    }
    let name_room = room.saturating_sub(usize::from(entries.time_columns)).min(usize::from(entries.name_columns));
    if let Some(name) = entries.writer(index).filter(|_| name_room > 1) {
        let name_x = x + entries.time_columns;
        buffer.set_stringn(name_x, area.y, fit(name, name_room - 1), name_room, scene.theme.name(name));
    }
}

/// The parts of a line that the search or the filter matches.
fn hits(scene: &Scene<'_>, line: &LogLine, row: &Row) -> Vec<(Range<usize>, Style)> {
    let model = scene.model;
    let is_current = model.hit == Some(line.number);
    let searched = model.search.iter().map(|search| (search, scene.theme.hit(is_current)));
    let filtered = model.filter.iter().map(|filter| (filter, scene.theme.hit(false)));
    let patterns = searched.chain(filtered.filter(|_| model.search.is_none()));
    patterns
        .flat_map(|(pattern, style)| pattern.regex.find_iter(&row.text).map(move |found| (found.range(), style)))
        .collect()
}

/// Puts one character into the buffer; it takes exactly `width` columns, whatever its marks are.
pub(super) fn set_symbol(buffer: &mut Buffer, x: u16, y: u16, symbol: &str, width: u16, style: Style) {
    let base = || symbol.chars().next().map_or(1, char::len_utf8);
    let symbol = if symbol.width() == usize::from(width) { symbol } else { &symbol[..base().min(symbol.len())] };
    buffer[(x, y)].set_symbol(symbol).set_style(style);
    for tail in 1..width {
        buffer[(x + tail, y)].reset();
    }
}

/// `12:01:33`
pub(super) fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at).strftime("%H:%M:%S").to_string()
}
