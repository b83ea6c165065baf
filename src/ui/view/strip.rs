//! The strip below the header while something is in trouble: which task, since when, how often, what it said last, and
//! what it keeps from running.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::super::failures::failures;
use super::super::layout::{ClickTarget, Layout};
use super::context::DrawContext;
use crate::present::ansi::plain;
use crate::present::state::look;
use crate::present::task::short_name;
use crate::present::text::fit;
use crate::present::trouble::{Trouble, what};
use crate::supervisor::engine::PhaseSnapshot;

/// The most columns of a name, and of what is wrong.
const MOST_COLUMNS: (usize, usize) = (24, 38);
/// From this width on it is said how often it failed, and since when.
const SERIES_FROM: u16 = 100;
/// Fewer columns of last words than this say nothing.
const LEAST_WORDS: usize = 12;

/// Draws as many of the troubles as there are rows; the last row says how many more there are.
pub(super) fn draw(
    context: &DrawContext<'_>,
    troubles: &[Trouble<'_>],
    area: Rect,
    layout: &mut Layout,
    buffer: &mut Buffer,
) {
    let shown = &troubles[..troubles.len().min(usize::from(area.height))];
    let said: Vec<String> = shown.iter().map(|trouble| happened(context, trouble, area.width)).collect();
    let widest = |texts: &mut dyn Iterator<Item = usize>, most: usize| texts.max().unwrap_or(0).min(most);
    let name_width = widest(&mut shown.iter().map(|trouble| short_name(trouble.task).width()), MOST_COLUMNS.0);
    let said_width = widest(&mut said.iter().map(|said| said.width()), MOST_COLUMNS.1);
    let more = troubles.len() - shown.len();
    for (y, (trouble, said)) in (area.y..).zip(shown.iter().zip(&said)) {
        let row = Rect { y, height: 1, ..area };
        let is_last = y + 1 == area.bottom();
        let hint = match (is_last, more) {
            (false, _) => String::new(),
            (true, 0) => "} next".to_owned(),
            (true, more) => format!("+{more} · }} next"),
        };
        draw_line(context, trouble, said, (name_width, said_width), &hint, row, buffer);
        layout.add_target(row, ClickTarget::Task(trouble.task.name.clone()));
    }
}

fn draw_line(
    context: &DrawContext<'_>,
    trouble: &Trouble<'_>,
    said: &str,
    (name_width, said_width): (usize, usize),
    hint: &str,
    row: Rect,
    buffer: &mut Buffer,
) {
    let theme = context.theme;
    let width = usize::from(row.width);
    let (glyph, style) = theme.state(look(trouble.task));
    let blocked = trouble.blocks.iter().map(|name| format!("⊘ {}", plain(name))).collect::<Vec<_>>().join(" ");
    let right: Vec<Span<'_>> = match (blocked.is_empty(), hint.is_empty()) {
        (true, true) => Vec::new(),
        _ => vec![
            Span::styled(fit(&blocked, width / 4), theme.warning()),
            Span::raw(if blocked.is_empty() || hint.is_empty() { "" } else { "  " }),
            Span::styled(hint.to_owned(), theme.dim()),
            Span::raw(" "),
        ],
    };
    let name = fit(short_name(trouble.task), name_width);
    let mut line = Line::from(vec![
        Span::styled(format!(" {glyph} "), style),
        Span::styled(format!("{name}{:gap$}", "", gap = name_width - name.width()), theme.strong()),
    ]);
    let right = Line::from(right);
    // On a narrow screen the words of the task are worth more than what it blocks.
    let has_right = line.width() + said_width + LEAST_WORDS + right.width() + 6 <= width;
    let right_width = if has_right { right.width() + 2 } else { 0 };
    let said_room = width.saturating_sub(line.width() + 2).min(said_width);
    let said = fit(said, said_room);
    line.push_span(Span::styled(
        format!("  {said}{:gap$}", "", gap = said_room.saturating_sub(said.width())),
        theme.dim(),
    ));
    let words_room = width.saturating_sub(line.width() + 3 + right_width);
    if words_room >= LEAST_WORDS {
        let words = fit(&words(trouble), words_room);
        line.push_span(Span::styled(format!("   {words}"), if words.is_empty() { Style::new() } else { theme.bad() }));
    }
    buffer.set_line(row.x, row.y, &line, row.width);
    if has_right && let Ok(columns) = u16::try_from(right.width()) {
        buffer.set_line(row.right().saturating_sub(columns).max(row.x), row.y, &right, columns.min(row.width));
    }
}

/// `gave up 09:02 · 8 fails since 08:49`
fn happened(context: &DrawContext<'_>, trouble: &Trouble<'_>, width: u16) -> String {
    let task = trouble.task;
    let mut said = plain(&what(task, context.clock));
    let series = failures(context.shown.events, &task.name);
    let minute = |at| context.shown.zone.to_datetime(at).strftime("%H:%M").to_string();
    let Some(series) = series else { return said };
    if matches!(task.phase, PhaseSnapshot::Failed { dependency: None, retry_at: None, .. }) {
        said += &format!(" {}", minute(series.last));
    }
    if width >= SERIES_FROM && !task.is_flapping() && series.count > 1 {
        said += &format!(" · {} fails since {}", series.count, minute(series.first));
    }
    said
}

/// What the task said last of what went wrong; how it ended, if it said nothing.
fn words(trouble: &Trouble<'_>) -> String {
    let task = trouble.task;
    let reason = || match &task.phase {
        PhaseSnapshot::Failed { reason, .. } if task.last_exit.is_none() => Some(reason.clone()),
        _ => task.last_exit.as_ref().filter(|last| !last.expected).map(|last| last.reason.to_string()),
    };
    plain(&task.last_words.clone().or_else(reason).unwrap_or_default())
}
