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
    let mut hidden = top.row;
    let mut ys = inside.y..inside.bottom();
    for index in top.index..entries.len() {
        let line = Line::read(scene, &entries, index);
        for row in line.rows().skip(std::mem::take(&mut hidden)) {
            let Some(y) = ys.next() else { return };
            line.draw(scene, &entries, row, Rect { y, height: 1, ..inside }, buffer);
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

/// One line, read.
struct Line<'a> {
    line: &'a LogLine,
    begins_run: bool,
    text: Row,
    /// The characters of each row.
    wrapped: Vec<Range<usize>>,
    hits: Vec<(Range<usize>, Style)>,
}

/// One row of the pane.
#[derive(Clone)]
enum Part {
    /// The rule above the first line of a run.
    Run,
    /// So many rows down, these characters.
    Text(usize, Range<usize>),
}

impl<'a> Line<'a> {
    fn read(scene: &Scene<'_>, entries: &LogEntries<'a>, index: usize) -> Self {
        let line = entries.line(index);
        let (text, wrapped) = entries.read(index);
        let hits = hits(scene, line, &text);
        Self { line, begins_run: entries.begins_run(index), text, wrapped, hits }
    }

    /// As many as [`Entries::rows`] says.
    fn rows(&self) -> impl Iterator<Item = Part> {
        let rule = self.begins_run.then_some(Part::Run);
        let text = self.wrapped.iter().cloned().enumerate().map(|(nth, cells)| Part::Text(nth, cells));
        rule.into_iter().chain(text)
    }

    fn draw(&self, scene: &Scene<'_>, entries: &LogEntries<'_>, part: Part, area: Rect, buffer: &mut Buffer) {
        let dim = scene.theme.dim();
        let room = usize::from(area.width.saturating_sub(1));
        let (nth, cells) = match part {
            Part::Run => {
                let text = format!("── run {} ", self.line.run);
                let dashes = "─".repeat(room.saturating_sub(text.width() + 1));
                buffer.set_stringn(area.x + 1, area.y, text + &dashes, room, dim);
                return;
            }
            Part::Text(nth, cells) => (nth, cells),
        };
        let mut x = area.x + 1;
        if entries.indent > 0 && nth == 0 {
            let time = time_of_day(self.line.at, scene.shown.zone);
            buffer.set_stringn(x, area.y, time, usize::from(entries.indent), dim);
        }
        x += entries.indent;
        let is_end = cells.end == self.text.cells.len();
        for index in cells {
            let cell = self.text.cells[index];
            if x + cell.width > area.right() {
                return;
            }
            let hit = self.hits.iter().find(|(range, _)| range.contains(&cell.start));
            let style = hit.map_or(Style::new(), |(_, style)| *style);
            let style = scene.theme.of_task(cell.style).patch(style);
            set_symbol(buffer, x, area.y, self.text.symbol(index), cell.width, style);
            x += cell.width;
        }
        if self.line.cut && is_end && x < area.right() {
            buffer.set_stringn(x, area.y, "…", 1, dim);
        }
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
