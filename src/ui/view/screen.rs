//! The screen of a task that has a terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::super::model::Overlay;
use super::context::DrawContext;
use super::context::set_symbol;
use crate::present::ansi;
use crate::screen::{CellStyle, Colour, ScreenContents};

/// Draws it into the inside of a pane. While the keyboard is the task's, the cursor is where the terminal's own is
/// wanted; otherwise it is drawn.
pub(super) fn draw(
    context: &DrawContext<'_>,
    contents: &ScreenContents,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    for (y, row) in (area.y..area.bottom()).zip(&contents.rows) {
        for (x, cell) in (area.x..area.right()).zip(&row.cells) {
            let text = ansi::visible(&cell.text);
            if cell.width == 0 || x + cell.width > area.right() {
                continue;
            }
            let symbol = if text.is_empty() { " " } else { &text };
            set_symbol(buffer, x, y, symbol, cell.width, context.theme.of_task(style(cell.style)));
        }
    }
    let (column, row) = contents.cursor.filter(|_| contents.is_live)?;
    let cursor = Position::new(area.x.saturating_add(column), area.y.saturating_add(row));
    if !area.contains(cursor) {
        return None;
    }
    if matches!(context.model.overlay, Some(Overlay::Attached)) {
        return Some(cursor);
    }
    let cell = &mut buffer[cursor];
    cell.set_style(Style::new().add_modifier(Modifier::REVERSED));
    None
}

fn style(cell: CellStyle) -> Style {
    let attributes = [
        (cell.bold, Modifier::BOLD),
        (cell.dim, Modifier::DIM),
        (cell.italic, Modifier::ITALIC),
        (cell.underlined, Modifier::UNDERLINED),
        (cell.reversed, Modifier::REVERSED),
    ];
    let on = attributes.into_iter().filter(|(is_on, _)| *is_on).map(|(_, modifier)| modifier);
    let style = Style::new().add_modifier(on.collect());
    Style { fg: colour(cell.foreground), bg: colour(cell.background), ..style }
}

fn colour(colour: Colour) -> Option<Color> {
    match colour {
        Colour::Default => None,
        Colour::Indexed(index) => Some(Color::Indexed(index)),
        Colour::Rgb(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    }
}
