//! The events: of the selected task in its pane, of all tasks on a page of its own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use super::super::layout::{self, Page};
use super::super::model::EventEntries;
use super::super::scroll::{Entries, ScrollPosition};
use super::context::DrawContext;
use super::frame;
use crate::present::ansi::plain;
use crate::present::text::fit;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::EventKind;

/// The most columns of the task's name on the page.
const MOST_NAME_COLUMNS: usize = 32;

/// The last events of the selected task, below its detail.
pub(super) fn draw_pane(context: &DrawContext<'_>, area: Rect, detail: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    frame::continue_below(context.theme, area, "events", buffer);
    let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..layout::inside(detail) };
    let selected = context.model.selected(context.shown.snapshot);
    let is_of_task = |record: &&std::sync::Arc<EventRecord>| record.event.task.as_deref() == selected;
    let records = context.shown.events.iter().rev().filter(is_of_task);
    let mut last: Vec<_> = records.take(usize::from(inside.height)).collect();
    last.reverse();
    for (y, record) in (inside.y..inside.bottom()).zip(last) {
        let line = line(context, record, None, usize::from(inside.width.saturating_sub(2)));
        buffer.set_line(inside.x + 1, y, &line, inside.width.saturating_sub(1));
    }
}

/// The events of all tasks.
pub(super) fn draw_page(
    context: &DrawContext<'_>,
    place: ScrollPosition<u64>,
    area: Rect,
    buffer: &mut Buffer,
) -> Page {
    let entries = EventEntries(context.shown.events);
    let inside = layout::inside(area);
    let height = usize::from(inside.height);
    let top = place.top(&entries, height);
    let note = if place == ScrollPosition::End { "following" } else { "paused" };
    Clear.render(area, buffer);
    frame::draw(context.theme, area, "events", note, buffer);
    frame::hint(context.theme, area, top.index, height, entries.len(), buffer);
    let names = context.shown.snapshot.tasks.iter().map(|task| task.name.width());
    let columns = names.max().unwrap_or(0).min(MOST_NAME_COLUMNS).min(usize::from(inside.width) / 3);
    for (y, record) in (inside.y..inside.bottom()).zip(&context.shown.events[top.index.min(entries.len())..]) {
        let name = record.event.task.as_deref().unwrap_or("stead");
        let line = line(context, record, Some((name, columns)), usize::from(inside.width.saturating_sub(2)));
        buffer.set_line(inside.x + 1, y, &line, inside.width.saturating_sub(1));
    }
    Page { text: inside, rows: entries.len() }
}

fn line(context: &DrawContext<'_>, record: &EventRecord, name: Option<(&str, usize)>, width: usize) -> Line<'static> {
    let mut spans = vec![Span::styled(format!("{} ", context.time_of_day(record.at)), context.theme.dim())];
    if let Some((name, columns)) = name {
        spans.push(Span::styled(
            format!("{}{:gap$} ", fit(name, columns), "", gap = columns.saturating_sub(fit(name, columns).width())),
            context.theme.strong(),
        ));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let text = fit(&plain(&record.text), width.saturating_sub(used));
    spans.push(Span::styled(text, style(context, &record.event.kind)));
    Line::from(spans)
}

fn style(context: &DrawContext<'_>, kind: &EventKind) -> Style {
    let theme = context.theme;
    match kind {
        EventKind::Exhausted { .. }
        | EventKind::GroupExhausted { .. }
        | EventKind::Failed { .. }
        | EventKind::Killed { .. }
        | EventKind::Left { .. }
        | EventKind::Forced { .. }
        | EventKind::Abandoned
        | EventKind::Hooked { failure: Some(_), .. }
        | EventKind::HookDropped { .. } => theme.bad(),
        EventKind::Unready { .. }
        | EventKind::Background { .. }
        | EventKind::WatchSuspended { .. }
        | EventKind::WatchPolls { .. }
        | EventKind::Overlapped { .. }
        | EventKind::Due { late: Some(_) }
        | EventKind::Backoff { .. }
        | EventKind::Refused { .. }
        | EventKind::Disconnected { .. }
        | EventKind::Draining { .. } => theme.warning(),
        EventKind::Waiting { .. }
        | EventKind::Started { .. }
        | EventKind::Ready { .. }
        | EventKind::Exited { .. }
        | EventKind::Done
        | EventKind::Stopping { .. }
        | EventKind::Stopped
        | EventKind::Reloaded { .. }
        | EventKind::Removed
        | EventKind::Recovered { .. }
        | EventKind::Due { late: None }
        | EventKind::FileChanged { .. }
        | EventKind::Hooked { failure: None, .. }
        | EventKind::Requested { .. } => Style::new(),
    }
}
