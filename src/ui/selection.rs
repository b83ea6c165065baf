//! A stretch of text on the screen, within one pane.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

/// A stretch of text on the screen, row by row as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection {
    /// The text of the pane in which it began; it never leaves it.
    pub(super) area: Rect,
    pub(super) from: Position,
    pub(super) to: Position,
    /// Whether the button is still down.
    pub(super) is_dragged: bool,
    /// Whether the log was followed before, and is again once this is over.
    pub(super) resumes: bool,
}

impl Selection {
    /// All of an area.
    pub(super) fn all(area: Rect) -> Self {
        let from = area.as_position();
        let to = Position::new(area.right().saturating_sub(1), area.bottom().saturating_sub(1));
        Self { area, from, to, is_dragged: false, resumes: false }
    }

    /// The selected columns of each row, from top to bottom.
    pub(super) fn rows(&self) -> impl Iterator<Item = Rect> {
        let Self { area, from, to, .. } = *self;
        let (first, last) = if (from.y, from.x) <= (to.y, to.x) { (from, to) } else { (to, from) };
        (first.y..=last.y).map(move |y| {
            let left = if y == first.y { first.x } else { area.x };
            let right = if y == last.y { last.x + 1 } else { area.right() };
            Rect { x: left, y, width: right.saturating_sub(left), height: 1 }
        })
    }

    /// Marks it on the screen. A press that has not moved yet selects nothing.
    pub(super) fn highlight(&self, buffer: &mut Buffer) {
        if self.from == self.to {
            return;
        }
        for row in self.rows() {
            let row = row.intersection(buffer.area);
            for x in row.x..row.right() {
                buffer[(x, row.y)].modifier.toggle(Modifier::REVERSED);
            }
        }
    }
}
