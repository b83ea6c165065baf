//! Draws the dashboard: one pane a file. Reads everything, changes nothing.

mod away;
mod confirm;
mod context;
mod dense;
mod dependencies;
mod detail;
mod details;
mod events;
mod footer;
mod frame;
mod header;
mod help;
mod log;
mod next;
mod palette;
mod screen;
mod strip;
mod table;
mod why;

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::layout::{self, Layout, Page, Panes};
use super::model::{Model, Overlay};
use super::shown::Shown;
use crate::present::clock::Clock;
use crate::present::trouble::troubles;
use context::DrawContext;

/// What a frame has put on the screen.
#[derive(Debug)]
pub struct DrawnFrame {
    /// What stands where, for [`Model::keep`].
    pub layout: Layout,
    /// After how long something of it reads differently by itself: a countdown, an age. None if nothing ever does.
    pub next_change: Option<Duration>,
}

/// Draws everything.
pub fn view(model: &Model, shown: &Shown<'_>, frame: &mut Frame<'_>) -> DrawnFrame {
    let clock = Clock::new(shown.now);
    let context = DrawContext { model, shown, clock: &clock, theme: model.theme };
    let (mut layout, cursor) = draw(&context, frame.buffer_mut());
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    layout.cells = frame.buffer_mut().clone();
    DrawnFrame { layout, next_change: clock.next_tick() }
}

/// Draws into all of `buffer`; returns where everything is, and where the cursor is wanted.
fn draw(context: &DrawContext<'_>, buffer: &mut Buffer) -> (Layout, Option<Position>) {
    let (model, shown) = (context.model, context.shown);
    let troubles = troubles(shown.snapshot, context.clock);
    let panes = Panes::new(buffer.area, model.pane_content(shown.snapshot, troubles.len()));
    let mut layout = Layout::new(panes);
    header::draw(context, panes.header, buffer);
    strip::draw(context, &troubles, panes.strip, &mut layout, buffer);
    table::draw(context, &mut layout, buffer);
    let mut cursor = log::draw(context, panes.log, buffer);
    detail::draw(context, panes, buffer);
    events::draw_pane(context, panes.events, panes.detail, buffer);
    let middle = panes.middle;
    match &model.overlay {
        Some(Overlay::Help(first)) => {
            layout.page = page(context, "keys", &help::lines(context, middle), *first, middle, buffer)
        }
        Some(Overlay::Why(first)) => {
            let name = model.selected(shown.snapshot).unwrap_or_default();
            let lines = why::lines(context, middle);
            layout.page = page(context, &format!("why · {name}"), &lines, *first, middle, buffer);
        }
        Some(Overlay::Details(first)) => {
            let name = model.selected(shown.snapshot).unwrap_or_default();
            let lines = details::lines(context, middle);
            layout.page = page(context, &format!("details · {name}"), &lines, *first, middle, buffer);
        }
        Some(Overlay::Dependencies(first)) => {
            layout.page = page(context, "dependencies", &dependencies::lines(context), *first, middle, buffer);
        }
        Some(Overlay::Events(position)) => layout.page = events::draw_page(context, *position, middle, buffer),
        Some(Overlay::Away(chosen)) => layout.page = away::draw(context, *chosen, middle, &mut layout, buffer),
        Some(Overlay::Confirm(question)) => confirm::draw(context, question, middle, buffer),
        Some(Overlay::Palette(palette)) => cursor = palette::draw(context, palette, middle, &mut layout, buffer),
        Some(Overlay::Attached | Overlay::Prompt(_)) | None => {}
    }
    if let Some(selection) = &model.selection {
        selection.highlight(buffer);
    }
    let cursor = footer::draw(context, panes.footer, &mut layout, buffer).or(cursor);
    (layout, cursor)
}

/// A page that would leave fewer columns or rows of the screen free takes them, too.
const LEAST_MARGIN: u16 = 6;

/// `wanted` of `all`, or all of it if next to nothing would be left.
fn room(wanted: usize, all: u16) -> u16 {
    match u16::try_from(wanted) {
        Ok(wanted) if wanted.saturating_add(LEAST_MARGIN) <= all => wanted,
        _ => all,
    }
}

/// A page of text over the middle of the screen.
fn page(
    context: &DrawContext<'_>,
    title: &str,
    lines: &[Line<'_>],
    first: usize,
    middle: Rect,
    buffer: &mut Buffer,
) -> Page {
    let longest = lines.iter().map(Line::width).max().unwrap_or(0);
    let area = layout::centred(middle, room(longest + 4, middle.width), room(lines.len() + 2, middle.height));
    Clear.render(area, buffer);
    frame::draw(context.theme, area, title, "", buffer);
    let text = layout::inside(area);
    let visible = usize::from(text.height);
    let first = first.min(lines.len().saturating_sub(visible));
    for (y, line) in (text.y..).zip(lines.iter().skip(first).take(visible)) {
        buffer.set_line(text.x + 1, y, line, text.width.saturating_sub(1));
    }
    frame::hint(context.theme, area, first, visible, lines.len(), buffer);
    Page { text, rows: lines.len() }
}
