//! The screen of a task that has a terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::super::ansi;
use super::super::model::Overlay;
use super::DrawContext;
use super::log::set_symbol;
use crate::screen::{Colour, Ink, Picture};

/// Draws it into the inside of a pane. While the keyboard is the task's, the cursor is where the terminal's own is
/// wanted; otherwise it is drawn.
pub(super) fn draw(scene: &DrawContext<'_>, picture: &Picture, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    for (y, row) in (area.y..area.bottom()).zip(&picture.rows) {
        for (x, glyph) in (area.x..area.right()).zip(&row.glyphs) {
            let text = ansi::visible(&glyph.text);
            if glyph.width == 0 || x + glyph.width > area.right() {
                continue;
            }
            let symbol = if text.is_empty() { " " } else { &text };
            set_symbol(buffer, x, y, symbol, glyph.width, scene.theme.of_task(style(glyph.ink)));
        }
    }
    let (column, row) = picture.cursor.filter(|_| picture.is_live)?;
    let cursor = Position::new(area.x.saturating_add(column), area.y.saturating_add(row));
    if !area.contains(cursor) {
        return None;
    }
    if matches!(scene.model.overlay, Some(Overlay::Attached)) {
        return Some(cursor);
    }
    let cell = &mut buffer[cursor];
    cell.set_style(Style::new().add_modifier(Modifier::REVERSED));
    None
}

fn style(ink: Ink) -> Style {
    let attributes = [
        (ink.bold, Modifier::BOLD),
        (ink.dim, Modifier::DIM),
        (ink.italic, Modifier::ITALIC),
        (ink.underlined, Modifier::UNDERLINED),
        (ink.reversed, Modifier::REVERSED),
    ];
    let on = attributes.into_iter().filter(|(is_on, _)| *is_on).map(|(_, modifier)| modifier);
    let style = Style::new().add_modifier(on.collect());
    Style { fg: colour(ink.foreground), bg: colour(ink.background), ..style }
}

fn colour(colour: Colour) -> Option<Color> {
    match colour {
        Colour::Default => None,
        Colour::Indexed(index) => Some(Color::Indexed(index)),
        Colour::Rgb(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    }
}
