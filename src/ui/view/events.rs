//! The timeline: of the selected task in its pane, of all tasks on a page of its own.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::super::layout;
use super::super::model::EventEntries;
use super::super::scroll::{Entries, ScrollPosition};
use super::log::time_of_day;
use super::{DrawContext, frame};
use crate::present::ansi::plain;
use crate::present::text::fit;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::EventKind;

/// Columns of the task's name on the page.
const EVENT_NAME_COLUMNS: usize = 12;

/// The last events of the selected task, below its detail.
pub(super) fn draw_pane(scene: &DrawContext<'_>, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let detail = scene.layout.detail;
    frame::continue_below(scene.theme, area, "events", buffer);
    let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..layout::inside(detail) };
    let selected = scene.model.selected(scene.shown.snapshot);
    let is_of_task = |record: &&std::sync::Arc<EventRecord>| record.event.task.as_deref() == selected;
    let records = scene.shown.events.iter().rev().filter(is_of_task);
    let mut last: Vec<_> = records.take(usize::from(inside.height)).collect();
    last.reverse();
    for (y, record) in (inside.y..inside.bottom()).zip(last) {
        let line = line(scene, record, None, usize::from(inside.width.saturating_sub(2)));
        buffer.set_line(inside.x + 1, y, &line, inside.width.saturating_sub(1));
    }
}

/// The timeline of all tasks.
pub(super) fn draw_page(scene: &DrawContext<'_>, place: ScrollPosition<u64>, area: Rect, buffer: &mut Buffer) {
    let entries = EventEntries(scene.shown.events);
    let inside = layout::inside(area);
    let height = usize::from(inside.height);
    let top = place.top(&entries, height);
    let note = if place == ScrollPosition::End { "following" } else { "paused" };
    Clear.render(area, buffer);
    frame::draw(scene.theme, area, "events", note, buffer);
    frame::hint(scene.theme, area, top.index, height, entries.len(), buffer);
    for (y, record) in (inside.y..inside.bottom()).zip(&scene.shown.events[top.index.min(entries.len())..]) {
        let name = record.event.task.as_deref().unwrap_or("stead");
        let line = line(scene, record, Some(name), usize::from(inside.width.saturating_sub(2)));
        buffer.set_line(inside.x + 1, y, &line, inside.width.saturating_sub(1));
    }
}

fn line(scene: &DrawContext<'_>, record: &EventRecord, name: Option<&str>, width: usize) -> Line<'static> {
    let mut spans = vec![Span::styled(format!("{} ", time_of_day(record.at, scene.shown.zone)), scene.theme.dim())];
    if let Some(name) = name {
        spans.push(Span::styled(
            format!("{:<EVENT_NAME_COLUMNS$} ", fit(name, EVENT_NAME_COLUMNS)),
            scene.theme.strong(),
        ));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let text = fit(&plain(&record.text), width.saturating_sub(used));
    spans.push(Span::styled(text, style(scene, &record.event.kind)));
    Line::from(spans)
}

fn style(scene: &DrawContext<'_>, kind: &EventKind) -> Style {
    let theme = scene.theme;
    match kind {
        EventKind::Exhausted { .. }
        | EventKind::Failed { .. }
        | EventKind::Killed { .. }
        | EventKind::Left { .. }
        | EventKind::Forced { .. }
        | EventKind::Abandoned
        | EventKind::Hooked { failure: Some(_), .. }
        | EventKind::HookDropped { .. } => theme.bad(),
        EventKind::Unready { .. }
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
        | EventKind::Hooked { failure: None, .. }
        | EventKind::Requested { .. } => Style::new(),
    }
}
