//! Draws the dashboard: one pane a file. Reads everything, changes nothing.

mod confirm;
mod detail;
mod events;
mod footer;
mod frame;
mod header;
mod help;
mod log;
mod next;
mod palette;
mod screen;
mod table;
mod why;

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::layout::{self, Layout};
use super::model::{Model, Overlay};
use super::{Shown, Theme};
use crate::present::clock::Clock;

/// Draws everything, and says after how long something of it will read differently by itself: a countdown, an
/// age. None if nothing will.
pub fn view(model: &Model, shown: &Shown<'_>, frame: &mut Frame<'_>) -> Option<Duration> {
    let clock = Clock::new(shown.now);
    let cursor = draw(model, shown, &clock, frame.buffer_mut());
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    clock.next_tick()
}

/// The screen as it would be drawn.
pub(super) fn drawn(model: &Model, shown: &Shown<'_>) -> Buffer {
    let mut buffer = Buffer::empty(model.area);
    draw(model, shown, &Clock::new(shown.now), &mut buffer);
    buffer
}

/// Draws into all of `buffer`; returns where the cursor is wanted.
fn draw(model: &Model, shown: &Shown<'_>, clock: &Clock, buffer: &mut Buffer) -> Option<Position> {
    let layout = model.layout(buffer.area, shown.snapshot);
    let scene = DrawContext { model, shown, clock, theme: model.theme, layout };
    header::draw(&scene, layout.header, buffer);
    table::draw(&scene, layout.table, buffer);
    let mut cursor = log::draw(&scene, layout.log, buffer);
    detail::draw(&scene, layout.detail, buffer);
    events::draw_pane(&scene, layout.events, buffer);
    let middle = layout.middle;
    match &model.overlay {
        Some(Overlay::Help(first)) => page(&scene, "keys", &help::lines(&scene, middle), *first, buffer),
        Some(Overlay::Why(first)) => {
            let name = model.selected(shown.snapshot).unwrap_or_default();
            page(&scene, &format!("why · {name}"), &why::lines(&scene, middle), *first, buffer);
        }
        Some(Overlay::Events(place)) => events::draw_page(&scene, *place, middle, buffer),
        Some(Overlay::Confirm(question)) => confirm::draw(&scene, question, middle, buffer),
        Some(Overlay::Palette(palette)) => cursor = palette::draw(&scene, palette, buffer),
        Some(Overlay::Attached | Overlay::Prompt(_)) | None => {}
    }
    if let Some(selection) = &model.selection {
        selection.highlight(buffer);
    }
    footer::draw(&scene, layout.footer, buffer).or(cursor)
}

/// How many rows the page that lies over the screen has, without its frame.
pub(super) fn page_rows(model: &Model, shown: &Shown<'_>) -> usize {
    page_lines(model, shown, |lines| lines.len())
}

/// Where the page that lies over the screen has its text.
pub(super) fn page_text(model: &Model, shown: &Shown<'_>) -> Rect {
    let middle = model.layout(model.area, shown.snapshot).middle;
    let page = match &model.overlay {
        Some(Overlay::Help(_) | Overlay::Why(_)) => page_lines(model, shown, |lines| page_area(middle, lines)),
        _ => middle,
    };
    layout::inside(page)
}

fn page_lines<T>(model: &Model, shown: &Shown<'_>, f: impl FnOnce(&[Line<'_>]) -> T) -> T {
    let clock = Clock::new(shown.now);
    let layout = model.layout(model.area, shown.snapshot);
    let scene = DrawContext { model, shown, clock: &clock, theme: model.theme, layout };
    match &model.overlay {
        Some(Overlay::Help(_)) => f(&help::lines(&scene, layout.middle)),
        Some(Overlay::Why(_)) => f(&why::lines(&scene, layout.middle)),
        Some(
            Overlay::Events(_) | Overlay::Attached | Overlay::Confirm(_) | Overlay::Palette(_) | Overlay::Prompt(_),
        )
        | None => f(&[]),
    }
}

/// A page that would leave fewer columns or rows of the screen free takes them, too.
const LEAST_MARGIN: u16 = 6;

/// What every pane is drawn from.
struct DrawContext<'a> {
    model: &'a Model,
    shown: &'a Shown<'a>,
    clock: &'a Clock,
    theme: Theme,
    layout: Layout,
}

/// `wanted` of `all`, or all of it if next to nothing would be left.
fn room(wanted: usize, all: u16) -> u16 {
    match u16::try_from(wanted) {
        Ok(wanted) if wanted.saturating_add(LEAST_MARGIN) <= all => wanted,
        _ => all,
    }
}

fn page_area(middle: Rect, lines: &[Line<'_>]) -> Rect {
    let longest = lines.iter().map(Line::width).max().unwrap_or(0);
    layout::centred(middle, room(longest + 4, middle.width), room(lines.len() + 2, middle.height))
}

/// A page of text over the middle of the screen.
fn page(scene: &DrawContext<'_>, title: &str, lines: &[Line<'_>], first: usize, buffer: &mut Buffer) {
    let area = page_area(scene.layout.middle, lines);
    Clear.render(area, buffer);
    frame::draw(scene.theme, area, title, "", buffer);
    let inside = layout::inside(area);
    let visible = usize::from(inside.height);
    let first = first.min(lines.len().saturating_sub(visible));
    for (y, line) in (inside.y..).zip(lines.iter().skip(first).take(visible)) {
        buffer.set_line(inside.x + 1, y, line, inside.width.saturating_sub(1));
    }
    frame::hint(scene.theme, area, first, visible, lines.len(), buffer);
}
