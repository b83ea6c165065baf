//! The command palette: a line to type, and what it finds.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::super::layout::{ClickTarget, Layout, centred, first_visible, inside};
use super::super::palette::{Palette, PaletteEntry};
use super::context::DrawContext;
use super::frame;
use crate::present::text::fit;

/// Columns of the names.
const NAME_COLUMNS: usize = 18;
/// Columns and rows of the palette, with its frame.
const SIZE: (u16, u16) = (64, 16);

/// Draws it; returns where the cursor is wanted.
pub(super) fn draw(
    context: &DrawContext<'_>,
    palette: &Palette,
    middle: Rect,
    layout: &mut Layout,
    buffer: &mut Buffer,
) -> Option<Position> {
    let area = centred(middle, SIZE.0, SIZE.1);
    let entries = palette.entries(context.shown);
    Clear.render(area, buffer);
    frame::draw(context.theme, area, "commands", "", buffer);
    let inside = inside(area);
    if inside.width < 4 || inside.height == 0 {
        return None;
    }
    let cursor = draw_line(context, palette, Rect { height: 1, ..inside }, buffer);
    let list = Rect { y: inside.y + 1, height: inside.height - 1, ..inside };
    let visible = usize::from(list.height);
    let chosen = palette.chosen.min(entries.len().saturating_sub(1));
    let first = first_visible(0, chosen, entries.len(), visible);
    for (y, (index, entry)) in (list.y..list.bottom()).zip(entries.iter().enumerate().skip(first)) {
        let row = Rect { y, height: 1, ..list };
        draw_entry(context, entry, index == chosen, row, buffer);
        layout.add_target(row, ClickTarget::PaletteEntry(index));
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
    let keys = Span::styled(entry.keys.as_str(), context.theme.dim());
    let room = usize::from(area.width - 3).saturating_sub(keys.width() + 1);
    let name = fit(&entry.name, room);
    let name = format!("{name}{:gap$}", "", gap = NAME_COLUMNS.saturating_sub(Span::raw(&name).width()));
    let help = fit(entry.help, room.saturating_sub(Span::raw(&name).width()));
    let line = Line::from(vec![Span::raw(name), Span::styled(help, context.theme.dim())]);
    buffer.set_line(area.x + 2, area.y, &line, area.width - 3);
    if let Some(x) =
        area.right().checked_sub(1 + u16::try_from(keys.width()).unwrap_or(u16::MAX)).filter(|x| *x > area.x)
    {
        buffer.set_span(x, area.y, &keys, area.right() - x);
    }
    if is_chosen {
        buffer.set_string(area.x, area.y, "▸", context.theme.accent());
        buffer.set_style(area, context.theme.selected());
    }
}
