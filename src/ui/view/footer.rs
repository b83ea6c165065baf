//! The last line: the keys that work here, a message, or the line that is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::LogWindow;
use super::super::keymap::{Context, KEYS, offer};
use super::super::model::{Overlay, Prompt, Purpose};
use super::DrawContext;
use crate::present::ansi::plain;
use crate::present::text::fit;

/// Draws the line; the cursor's place if there is something to type.
pub(super) fn draw(scene: &DrawContext<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    if let Some(Overlay::Prompt(prompt)) = &scene.model.overlay {
        return Some(draw_prompt(scene, prompt, area, buffer));
    }
    let width = usize::from(area.width);
    let line = match &scene.model.message {
        Some(message) => {
            Line::styled(format!(" {}", fit(&plain(message), width.saturating_sub(2))), scene.theme.warning())
        }
        None => keys(scene, width),
    };
    buffer.set_line(area.x, area.y, &line, area.width);
    None
}

/// As many keys as there is room for; those of the highest rank leave first.
fn keys(scene: &DrawContext<'_>, width: usize) -> Line<'static> {
    let context = Context::of(scene.model);
    let mut offered: Vec<(u8, String, String)> = Vec::new();
    for binding in KEYS.iter().filter(|binding| binding.contexts.contains(&context)) {
        let (Some(rank), Some(key)) = (binding.rank, binding.keys.first()) else { continue };
        if let Some(label) = offer(binding.action, scene.model, scene.shown) {
            offered.push((rank, key.name(), label));
        }
    }
    let needed = |offered: &[(u8, String, String)]| {
        offered.iter().map(|(_, key, label)| Span::raw(key).width() + label.len() + 3).sum::<usize>()
    };
    while needed(&offered) > width {
        // Among equals the one furthest right leaves.
        let Some(worst) = (0..offered.len()).max_by_key(|&index| (offered[index].0, index)) else { break };
        offered.remove(worst);
    }
    let mut line = Line::default();
    for (_, key, label) in offered {
        line.push_span(Span::styled(format!(" {key}"), scene.theme.accent()));
        line.push_span(Span::styled(format!(" {label} "), scene.theme.dim()));
    }
    line
}

fn draw_prompt(scene: &DrawContext<'_>, prompt: &Prompt, area: Rect, buffer: &mut Buffer) -> Position {
    let (sign, has_pattern) = match prompt.purpose {
        Purpose::Search => ("/", scene.model.search.is_some()),
        Purpose::Filter => ("filter ", scene.model.filter.is_some()),
    };
    let sign = Span::styled(format!(" {sign}"), scene.theme.accent());
    let sign_width = u16::try_from(sign.width()).unwrap_or(u16::MAX).min(area.width);
    let room = usize::from(area.width - sign_width).saturating_sub(1);
    let scroll = prompt.line.visual_scroll(room);
    let text: String = plain_from(prompt.line.value(), scroll);
    let typed_width = prompt.line.visual_cursor().saturating_sub(scroll);
    let (note, style) = match (&prompt.mistake, has_pattern) {
        (Some(mistake), _) => (plain(mistake), scene.theme.bad()),
        (None, true) => (found(scene, prompt.purpose), scene.theme.dim()),
        (None, false) => ("a regular expression; enter keeps it, esc cancels".to_owned(), scene.theme.dim()),
    };
    let line = Line::from(vec![sign, Span::raw(text), Span::styled(format!("   {note}"), style)]);
    buffer.set_line(area.x, area.y, &line, area.width);
    let column = area.x + sign_width + u16::try_from(typed_width).unwrap_or(u16::MAX).min(area.width - sign_width);
    Position::new(column.min(area.right().saturating_sub(1)), area.y)
}

/// How much of the log matches.
pub(super) fn found(scene: &DrawContext<'_>, purpose: Purpose) -> String {
    let (model, shown) = (scene.model, scene.shown);
    let told = match purpose {
        Purpose::Search => model.hits(shown).map(|hits| hits.told(model.hit.line())),
        Purpose::Filter => model.window(shown).map(LogWindow::matches),
    };
    told.unwrap_or_else(|| "searching".to_owned())
}

/// The typed text without its first `columns` columns.
pub(super) fn plain_from(text: &str, columns: usize) -> String {
    let mut skipped = 0;
    let mut rest = text.chars();
    while skipped < columns {
        let Some(c) = rest.next() else { break };
        skipped += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
    }
    rest.collect()
}
