//! The dense list: a task in one short row beside the log, with what is wrong and for how long.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::super::layout::WIDE_FROM;
use super::context::DrawContext;
use super::table::mark_row;
use crate::present::ansi::plain;
use crate::present::state::look;
use crate::present::task::short_name;
use crate::present::text::{fit, memory};
use crate::present::trouble::{brief, is_in_trouble, since};
use crate::supervisor::engine::{Policy, Stage, TaskSnapshot, TaskState};

/// Columns before the glyph: the marks of selection and marking.
const MARKERS: u16 = 3;
/// The least and the most columns of names.
const NAME_COLUMNS: (usize, usize) = (8, 24);
/// Columns of the age on the right, with the gap before it.
const AGE_COLUMNS: usize = 5;
/// Fewer columns of last words than this say nothing.
const LEAST_WORDS: usize = 15;
/// Columns of cpu and memory where there is room for them.
const USAGE_COLUMNS: usize = 12;

pub(super) fn task_row(
    context: &DrawContext<'_>,
    task: &TaskSnapshot,
    is_selected: bool,
    row: Rect,
    buffer: &mut Buffer,
) {
    let theme = context.theme;
    // A column of air stays free on the right.
    let width = usize::from(row.width.saturating_sub(MARKERS + 1));
    let is_wide = buffer.area.width >= WIDE_FROM;
    let tail = tail(context, task, is_wide);
    let names = context.shown.snapshot.tasks.iter().map(|task| short_name(task).width()).max().unwrap_or(0);
    let is_critical = matches!(task.policy, Policy::Critical | Policy::CriticalOnFailure);
    let room = width.saturating_sub(2 + tail.width());
    let name_columns = names.clamp(NAME_COLUMNS.0, NAME_COLUMNS.1).min(room);
    let (glyph, style) = theme.state(look(task));
    let name = fit(short_name(task), name_columns);
    let name_style = if is_selected || is_critical { theme.strong() } else { Style::new() };
    let mut line = Line::from(vec![
        Span::styled(format!("{glyph} "), style),
        Span::styled(format!("{name}{:gap$}", "", gap = name_columns - name.width()), name_style),
    ]);
    let fact_room = room.saturating_sub(name_columns + 2);
    let fact = fit(&plain(&fact(context, task)), fact_room);
    let mut rest = fact_room.saturating_sub(fact.width());
    line.push_span(Span::styled(format!("  {fact}"), style));
    if let Some(words) =
        task.last_words.as_ref().filter(|_| is_wide && rest > LEAST_WORDS && is_in_trouble(task, context.clock))
    {
        let words = fit(&plain(words), rest - 3);
        rest -= words.width() + 2;
        line.push_span(Span::styled(format!("  {words}"), theme.bad()));
    }
    line.push_span(Span::raw(" ".repeat(rest)));
    line.extend(tail.spans);
    buffer.set_line(row.x + MARKERS.min(row.width), row.y, &line, row.width.saturating_sub(MARKERS));
    mark_row(context, task, is_selected, row, buffer);
    if !is_selected && task.is_builtin() && task.state() == TaskState::Ready {
        buffer.set_style(row, theme.dim());
    }
}

/// What is wrong; of a critical task that is well, that it is one.
fn fact(context: &DrawContext<'_>, task: &TaskSnapshot) -> String {
    let is_draining = matches!(context.shown.snapshot.stage, Stage::Draining { .. });
    let fact = brief(task, is_draining, context.clock);
    let is_critical = matches!(task.policy, Policy::Critical | Policy::CriticalOnFailure);
    if fact.is_empty() && is_critical { "crit".to_owned() } else { fact }
}

/// Cpu and memory where there is room, and how long the state has lasted.
fn tail(context: &DrawContext<'_>, task: &TaskSnapshot, is_wide: bool) -> Line<'static> {
    let used = task.usage.as_ref().map(|usage| format!("{:.0}% {:>5}", usage.cpu_percent, memory(usage.memory_bytes)));
    let used = if is_wide { format!("{:>USAGE_COLUMNS$}", used.unwrap_or_default()) } else { String::new() };
    let age = since(task, context.clock).map(|age| format!("{age:>AGE_COLUMNS$}"));
    let age = age.unwrap_or_else(|| " ".repeat(if is_wide { AGE_COLUMNS } else { 0 }));
    Line::styled(used + &age, context.theme.dim())
}
