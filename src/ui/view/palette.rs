//! The command palette: a line to type, and what it finds.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::super::layout;
use super::super::palette::{Palette, PaletteEntry};
use super::context::DrawContext;
use super::frame;
use crate::present::text::fit;

/// Columns and rows of the palette, with its frame.
const SIZE: (u16, u16) = (64, 16);

/// Draws it; returns where the cursor is wanted.
pub(super) fn draw(
    context: &DrawContext<'_>,
    palette: &Palette,
    middle: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let area = layout::centred(middle, SIZE.0, SIZE.1);
    let entries = palette.entries(context.shown);
    Clear.render(area, buffer);
    frame::draw(context.theme, area, "commands", "", buffer);
    let inside = layout::inside(area);
    if inside.width < 4 || inside.height == 0 {
        return None;
    }
    let cursor = draw_line(context, palette, Rect { height: 1, ..inside }, buffer);
    let list = Rect { y: inside.y + 1, height: inside.height - 1, ..inside };
    let visible = usize::from(list.height);
    let chosen = palette.chosen.min(entries.len().saturating_sub(1));
    let first = layout::first_visible(0, chosen, entries.len(), visible);
    for (y, (index, entry)) in (list.y..list.bottom()).zip(entries.iter().enumerate().skip(first)) {
        draw_entry(context, entry, index == chosen, Rect { y, height: 1, ..list }, buffer);
    }
    if entries.is_empty() && visible > 0 {
        buffer.set_stringn(
            list.x + 2,
            list.y,
            "nothing is called that",
            usize::from(list.width - 2),
            context.theme.dim(),
        );
    }
    frame::hint(context.theme, area, first, visible, entries.len(), buffer);
    Some(cursor)
}

fn draw_line(context: &DrawContext<'_>, palette: &Palette, area: Rect, buffer: &mut Buffer) -> Position {
    let room = usize::from(area.width - 3);
    let scroll = palette.line.visual_scroll(room);
    let typed = super::footer::plain_from(palette.line.value(), scroll);
    let line = Line::from(vec![Span::styled(" :", context.theme.accent()), Span::raw(fit(&typed, room))]);
    buffer.set_line(area.x, area.y, &line, area.width);
    let column = u16::try_from(palette.line.visual_cursor().saturating_sub(scroll)).unwrap_or(u16::MAX);
    Position::new(area.x.saturating_add(2).saturating_add(column).min(area.right() - 1), area.y)
}

fn draw_entry(context: &DrawContext<'_>, entry: &PaletteEntry, is_chosen: bool, area: Rect, buffer: &mut Buffer) {
    let (mark, style) = if is_chosen { ("▸", context.theme.strong()) } else { (" ", Style::new()) };
    buffer.set_stringn(area.x, area.y, mark, 1, context.theme.accent());
    let room = usize::from(area.width - 3);
    let keys_width = Span::raw(&entry.keys).width();
    let title = fit(&entry.title, room.saturating_sub(keys_width + 1));
    buffer.set_stringn(area.x + 2, area.y, title, room, style);
    if keys_width < room {
        let x = area.right() - 1 - u16::try_from(keys_width).unwrap_or(0);
        buffer.set_stringn(x, area.y, &entry.keys, keys_width, context.theme.dim());
    }
}
