//! The last line: the keys that work here, a message, or the line that is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::super::keymap::{Binding, KEYS};
use super::super::layout::{ClickTarget, Layout, split_left};
use super::super::model::{Message, Overlay, Prompt, Purpose};
use super::super::offer::offer;
use super::super::query::LogWindow;
use super::context::DrawContext;
use crate::present::ansi::plain;
use crate::present::text::fit;

/// Draws the line; the cursor's place if there is something to type.
pub(super) fn draw(
    context: &DrawContext<'_>,
    area: Rect,
    layout: &mut Layout,
    buffer: &mut Buffer,
) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    if let Some(Overlay::Prompt(prompt)) = &context.model.overlay {
        return Some(draw_prompt(context, prompt, area, buffer));
    }
    let message = context.model.message.as_ref();
    match message.filter(|message| message.until.is_none_or(|until| context.clock.is_before(until))) {
        Some(Message { text, .. }) => {
            let text = format!(" {}", fit(&plain(text), usize::from(area.width).saturating_sub(2)));
            buffer.set_line(area.x, area.y, &Line::styled(text, context.theme.warning()), area.width);
        }
        None => draw_hints(context, area, layout, buffer),
    }
    None
}

/// As many keys as there is room for; those of the highest rank leave first.
fn draw_hints(context: &DrawContext<'_>, area: Rect, layout: &mut Layout, buffer: &mut Buffer) {
    let here = context.model.context();
    let offered = |binding: &Binding| {
        let hint = Line::from(vec![
            Span::styled(format!(" {}", binding.keys.first()?.name()), context.theme.accent()),
            Span::styled(format!(" {} ", offer(binding, context.model, context.shown)?), context.theme.dim()),
        ]);
        Some((binding.rank?, binding.action, hint))
    };
    let mut hints: Vec<_> =
        KEYS.iter().filter(|binding| binding.contexts.contains(&here)).filter_map(offered).collect();
    while hints.iter().map(|(_, _, hint)| hint.width()).sum::<usize>() > usize::from(area.width) {
        // Among equals the one furthest right leaves.
        let Some(worst) = (0..hints.len()).max_by_key(|&index| (hints[index].0, index)) else { break };
        hints.remove(worst);
    }
    let mut rest = area;
    for (_, action, hint) in hints {
        let (own, behind) = split_left(rest, u16::try_from(hint.width()).unwrap_or(u16::MAX));
        buffer.set_line(own.x, own.y, &hint, own.width);
        layout.add_target(own, ClickTarget::Action(action));
        rest = behind;
    }
}

fn draw_prompt(context: &DrawContext<'_>, prompt: &Prompt, area: Rect, buffer: &mut Buffer) -> Position {
    let (sign, has_pattern) = match prompt.purpose {
        Purpose::Search => ("/", context.model.search.is_some()),
        Purpose::Filter => ("filter ", context.model.filter.is_some()),
        Purpose::Narrow => ("rows ", context.model.narrowing.is_some()),
        Purpose::Time => ("go to ", false),
    };
    let sign = Span::styled(format!(" {sign}"), context.theme.accent());
    let sign_width = u16::try_from(sign.width()).unwrap_or(u16::MAX).min(area.width);
    let room = usize::from(area.width - sign_width).saturating_sub(1);
    let scroll = prompt.line.visual_scroll(room);
    let text: String = plain_from(prompt.line.value(), scroll);
    let typed_width = prompt.line.visual_cursor().saturating_sub(scroll);
    let (note, style) = match (&prompt.mistake, has_pattern) {
        (Some(mistake), _) => (plain(mistake), context.theme.bad()),
        (None, true) => (found(context, prompt.purpose), context.theme.dim()),
        (None, false) => (example(prompt.purpose).to_owned(), context.theme.dim()),
    };
    let line = Line::from(vec![sign, Span::raw(text), Span::styled(format!("   {note}"), style)]);
    buffer.set_line(area.x, area.y, &line, area.width);
    let column = area.x + sign_width + u16::try_from(typed_width).unwrap_or(u16::MAX).min(area.width - sign_width);
    Position::new(column.min(area.right().saturating_sub(1)), area.y)
}

/// What may be typed.
fn example(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Search => "a regular expression; enter keeps it, esc cancels",
        Purpose::Filter => "word \"a phrase\" /regex/ -not level>=warn status>=500",
        Purpose::Narrow => "a part of the name, @group, state:failed",
        Purpose::Time => "14:32, -10m, 2026-01-31 14:30",
    }
}

/// How much of the log matches.
pub(super) fn found(context: &DrawContext<'_>, purpose: Purpose) -> String {
    let (model, shown) = (context.model, context.shown);
    let told = match purpose {
        Purpose::Search => model.hits(shown).map(|hits| hits.told(model.hit.line())),
        Purpose::Filter => model.window(shown).map(LogWindow::matches),
        Purpose::Narrow => Some(narrowed(context)),
        Purpose::Time => None,
    };
    told.unwrap_or_else(|| "searching".to_owned())
}

/// How many tasks have a row: `8 of 40 tasks`.
pub(super) fn narrowed(context: &DrawContext<'_>) -> String {
    let (model, snapshot) = (context.model, context.shown.snapshot);
    let all = snapshot.tasks.iter().filter(|task| !task.is_builtin()).count();
    let rows = model.rows(snapshot).tasks().filter(|task| !task.is_builtin()).count();
    match (model.narrowing.is_some(), all) {
        (true, _) => format!("{rows} of {all} tasks"),
        (false, 1) => "1 task".to_owned(),
        (false, all) => format!("{all} tasks"),
    }
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
