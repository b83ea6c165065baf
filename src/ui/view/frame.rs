//! The frames of the panes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Widget};

use super::super::theme::Theme;
use crate::present::text::fit;

/// A note that has fewer columns left than this, and needs more, says nothing.
const NOTE_COLUMNS: usize = 16;

/// Draws a frame with a title on the left and a note on the right, both in its upper edge.
pub(super) fn draw(theme: Theme, area: Rect, title: &str, note: &str, buffer: &mut Buffer) {
    draw_noted(theme, area, title, Span::styled(note.to_owned(), theme.dim()), buffer);
}

/// The same with a note that has a style of its own. Of one that is too long the beginning is shown.
pub(super) fn draw_noted(theme: Theme, area: Rect, title: &str, note: Span<'_>, buffer: &mut Buffer) {
    draw_styled(theme, area, title, note, theme.dim(), buffer);
}

/// The same for a pane that the keys may be for: its frame is bright then.
pub(super) fn draw_focusable(
    theme: Theme,
    area: Rect,
    title: &str,
    note: Span<'_>,
    has_focus: bool,
    buffer: &mut Buffer,
) {
    draw_styled(theme, area, title, note, if has_focus { theme.focused() } else { theme.dim() }, buffer);
}

fn draw_styled(theme: Theme, area: Rect, title: &str, note: Span<'_>, border: Style, buffer: &mut Buffer) {
    let room = usize::from(area.width).saturating_sub(6);
    let title = fit(title, room);
    let note_room = room.saturating_sub(Span::raw(&title).width() + 3);
    let mut block = Block::bordered().border_type(BorderType::Rounded).border_style(border);
    block = block.title_top(Line::from(Span::styled(format!(" {title} "), theme.strong())));
    if note.width() > 0 && note.width().min(NOTE_COLUMNS) <= note_room {
        let edge = Span::styled("─", border);
        let note = Span::styled(format!(" {} ", fit(&note.content, note_room)), note.style);
        block = block.title_top(Line::from(vec![note, edge]).right_aligned());
    }
    block.render(area, buffer);
}

/// Draws a rule across a framed pane, joined to its sides.
pub(super) fn rule(theme: Theme, pane: Rect, y: u16, title: &str, buffer: &mut Buffer) {
    if pane.width < 2 {
        return;
    }
    let dashes = "─".repeat(usize::from(pane.width));
    buffer.set_stringn(pane.x, y, dashes, usize::from(pane.width), theme.dim());
    buffer.set_stringn(pane.x, y, "├", 1, theme.dim());
    buffer.set_stringn(pane.right() - 1, y, "┤", 1, theme.dim());
    let title = format!(" {title} ");
    buffer.set_stringn(pane.x + 1, y, title, usize::from(pane.width - 2), Style::new());
}

/// Draws the lower part of a pane that begins above `area`: a rule with a title, the sides and the lower edge.
pub(super) fn continue_below(theme: Theme, area: Rect, title: &str, buffer: &mut Buffer) {
    let borders = Borders::LEFT | Borders::RIGHT | Borders::BOTTOM;
    let block = Block::new().borders(borders).border_type(BorderType::Rounded).border_style(theme.dim());
    block.render(area, buffer);
    rule(theme, area, area.y, title, buffer);
}

/// Writes a title on the left of the lower edge; returns where it stands.
pub(super) fn lower_title(theme: Theme, pane: Rect, title: &str, buffer: &mut Buffer) -> Rect {
    if pane.width < 2 || pane.height < 2 {
        return Rect::default();
    }
    let title = format!(" {} ", fit(title, usize::from(pane.width).saturating_sub(6)));
    let width = u16::try_from(Span::raw(&title).width()).unwrap_or(u16::MAX);
    let place = Rect { x: pane.x + 1, y: pane.bottom().saturating_sub(1), width, height: 1 }.intersection(pane);
    buffer.set_stringn(place.x, place.y, title, usize::from(place.width), theme.dim());
    place
}

/// Says in the lower edge which of `len` rows are visible, if not all are.
pub(super) fn hint(theme: Theme, pane: Rect, first: usize, visible: usize, len: usize, buffer: &mut Buffer) {
    if len <= visible || pane.height < 2 || visible == 0 {
        return;
    }
    let text = format!(" {}–{} of {len} ", first + 1, (first + visible).min(len));
    let width = u16::try_from(Span::raw(&text).width()).unwrap_or(u16::MAX);
    if let Some(x) = pane.right().checked_sub(width + 2).filter(|&x| x > pane.x) {
        buffer.set_stringn(x, pane.bottom() - 1, text, usize::from(width), theme.dim());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_note_the_beginning_is_shown_if_there_is_room_for_some_of_it() {
        let upper_edge = |width| {
            let area = Rect::new(0, 0, width, 3);
            let mut buffer = Buffer::empty(area);
            draw(Theme::default(), area, "api · log", "only error · 3 matches · following", &mut buffer);
            (0..width).map(|x| buffer[(x, 0)].symbol()).collect::<String>()
        };
        assert_eq!(upper_edge(60), "╭ api · log ────────── only error · 3 matches · following ─╮");
        assert_eq!(upper_edge(40), "╭ api · log ── only error · 3 matche… ─╮");
        assert_eq!(upper_edge(30), "╭ api · log ─────────────────╮");
    }
}
