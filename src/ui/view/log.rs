//! The log of the selected task.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use super::super::ansi::Row;
use super::super::layout;
use super::super::log::LogEntries;
use super::super::place::{Entries, Place};
use super::{Scene, frame};
use crate::kernel::LogLine;

pub(super) fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let model = scene.model;
    let entries = LogEntries::new(model, scene.shown, area);
    frame::draw_noted(scene.theme, area, &title(scene), note(scene, &entries), buffer);
    let inside = layout::inside(area);
    if entries.len() == 0 {
        let empty = if model.filter.is_some() { "no line passes the filter" } else { "nothing written yet" };
        let text = Rect { x: inside.x + 1, width: inside.width.saturating_sub(1), ..inside };
        if !text.is_empty() {
            buffer.set_stringn(text.x, text.y, empty, usize::from(text.width), scene.theme.dim());
        }
        return;
    }
    let top = model.log.top(&entries, entries.height);
    let mut y = usize::from(inside.y);
    let mut hidden = top.row;
    for index in top.index..entries.len() {
        for row in draw_rows(&entries, index).into_iter().skip(std::mem::take(&mut hidden)) {
            if y >= usize::from(inside.bottom()) {
                return;
            }
            let line = Rect { y: u16::try_from(y).unwrap_or(u16::MAX), height: 1, ..inside };
            draw_row(scene, &entries, index, row, line, buffer);
            y += 1;
        }
    }
}

fn title(scene: &Scene<'_>) -> String {
    let Some(task) = scene.model.selected_task(scene.shown.snapshot) else { return "log".to_owned() };
    match task.run {
        0 => format!("{} · log", task.name),
        run => format!("{} · run {run} · log", task.name),
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
    match (model.log, entries.below(model.log)) {
        (Place::End, _) => parts.push("following".to_owned()),
        (Place::At { .. }, 0) => parts.push("paused".to_owned()),
        (Place::At { .. }, below) => parts.push(format!("paused · {below} below")),
    }
    let style = if model.log == Place::End { scene.theme.dim() } else { scene.theme.warning() };
    Span::styled(parts.join(" · "), style)
}

/// One row of the pane.
enum Drawn<'a> {
    /// Another run begins here.
    Run(u64),
    /// Some characters of a line.
    Text { line: &'a LogLine, row: std::rc::Rc<Row>, cells: Range<usize>, is_first: bool },
}

fn draw_rows<'a>(entries: &LogEntries<'a>, index: usize) -> Vec<Drawn<'a>> {
    let line = entries.line(index);
    let (row, wrapped) = entries.read(index);
    let row = std::rc::Rc::new(row);
    let rule = entries.begins_run(index).then_some(Drawn::Run(line.run));
    let text = wrapped.into_iter().enumerate().map(|(nth, cells)| Drawn::Text {
        line,
        row: std::rc::Rc::clone(&row),
        cells,
        is_first: nth == 0,
    });
    rule.into_iter().chain(text).collect()
}

fn draw_row(
    scene: &Scene<'_>,
    entries: &LogEntries<'_>,
    _index: usize,
    drawn: Drawn<'_>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (line, row, cells, is_first) = match drawn {
        Drawn::Run(run) => {
            let text = format!("── run {run} ");
            let dashes = "─".repeat(usize::from(area.width).saturating_sub(text.width() + 2));
            buffer.set_stringn(
                area.x + 1,
                area.y,
                format!("{text}{dashes}"),
                usize::from(area.width),
                scene.theme.dim(),
            );
            return;
        }
        Drawn::Text { line, row, cells, is_first } => (line, row, cells, is_first),
    };
    let mut x = area.x + 1;
    if entries.indent > 0 {
        if is_first {
            let time = time_of_day(line.at, scene.shown.zone);
            buffer.set_stringn(x, area.y, time, usize::from(entries.indent), scene.theme.dim());
        }
        x += entries.indent;
    }
    let hits = hits(scene, line, &row);
    for index in cells.clone() {
        let cell = row.cells[index];
        if x + cell.width > area.right() {
            return;
        }
        let mut style = scene.theme.of_task(cell.style);
        if let Some((_, hit)) = hits.iter().find(|(range, _)| range.contains(&cell.start)) {
            style = style.patch(*hit);
        }
        set_symbol(buffer, x, area.y, row.symbol(index), cell.width, style);
        x += cell.width;
    }
    let is_end = cells.end == row.cells.len();
    if line.cut && is_end && x < area.right() {
        buffer.set_stringn(x, area.y, "…", 1, scene.theme.dim());
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
fn set_symbol(buffer: &mut Buffer, x: u16, y: u16, symbol: &str, width: u16, style: Style) {
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
