//! What every pane is drawn from, and what several of them draw alike.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::super::model::Model;
use super::super::shown::Shown;
use super::super::theme::Theme;
use crate::present::clock::Clock;

/// What every pane is drawn from.
pub(super) struct DrawContext<'a> {
    pub(super) model: &'a Model,
    pub(super) shown: &'a Shown<'a>,
    pub(super) clock: &'a Clock,
    pub(super) theme: Theme,
}

impl DrawContext<'_> {
    /// `12:01:33`
    pub(super) fn time_of_day(&self, at: Timestamp) -> String {
        self.shown.zone.to_datetime(at).strftime("%H:%M:%S").to_string()
    }
}

/// Puts one character into the buffer; it takes exactly `width` columns, whatever its marks are.
pub(super) fn set_symbol(buffer: &mut Buffer, x: u16, y: u16, symbol: &str, width: u16, style: Style) {
    let base = || symbol.chars().next().map_or(1, char::len_utf8);
    let symbol = if symbol.width() == usize::from(width) { symbol } else { &symbol[..base().min(symbol.len())] };
    buffer[(x, y)].set_symbol(symbol).set_style(style);
    for tail in 1..width {
        buffer[(x + tail, y)].reset();
    }
}
