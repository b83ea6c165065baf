//! The table of tasks: what state each is in, what it has used of its budget, what happens next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::super::action::Action;
use super::super::layout::{Arrangement, ClickTarget, Layout, first_visible};
use super::super::rows::{TableRow, TableRows};
use super::context::DrawContext;
use super::{dense, footer, frame, next};
use crate::present::ansi::plain;
use crate::present::state::look;
use crate::present::task as present;
use crate::present::text::{fit, memory};
use crate::supervisor::engine::{ExitReason, TaskSnapshot};

/// Columns before the name: the marks of selection and marking.
const MARKERS: u16 = 3;
/// Columns between two cells.
const GAP: u16 = 2;
const NAME_WIDTHS: (u16, u16) = (4, 20);
const NEXT_WIDTHS: (u16, u16) = (21, 29);
const LAST_EXIT_WIDTH: u16 = 13;
const STATE_WIDTH: u16 = 10;
/// The heading needs it.
const RETRIES_WIDTH: u16 = 7;
const STATE_WIDTH_WITH_CRITICAL: u16 = 15;
/// Fewer columns of last words than this say nothing.
const LEAST_WORDS: usize = 12;
/// A narrower table has the short rows of the dense list.
const TABLE_FROM: u16 = 36;

/// One column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableColumn {
    Name,
    State,
    Pips,
    Retries,
    Next,
    Uptime,
    Cpu,
    Memory,
    LastExit,
}

/// What is given up, one after the other, until the rest fits.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// The column leaves.
    Leave(TableColumn),
    /// The column gives way to another, smaller one.
    Replace(TableColumn, TableColumn),
    /// The column gets this narrow.
    Narrow(TableColumn, u16),
}

const CUTS: [Cut; 9] = [
    Cut::Leave(TableColumn::Memory),
    Cut::Leave(TableColumn::Cpu),
    Cut::Leave(TableColumn::Uptime),
    Cut::Leave(TableColumn::LastExit),
    Cut::Replace(TableColumn::Pips, TableColumn::Retries),
    Cut::Leave(TableColumn::Retries),
    Cut::Narrow(TableColumn::State, STATE_WIDTH),
    Cut::Narrow(TableColumn::Next, 10),
    Cut::Leave(TableColumn::Next),
];

pub(super) fn draw(context: &DrawContext<'_>, layout: &mut Layout, buffer: &mut Buffer) {
    let (snapshot, panes) = (context.shown.snapshot, layout.panes);
    let TableRows { rows, folded } = &context.model.rows(snapshot);
    let inside = panes.rows_of_table();
    let visible = usize::from(inside.height);
    let selected_task = context.model.selected(snapshot);
    let is_selected = |row: &TableRow<'_>| row.task().is_some_and(|task| Some(task.name.as_str()) == selected_task);
    let selected = rows.iter().position(is_selected);
    let first = match context.model.wheeled {
        Some(first) => first.min(rows.len().saturating_sub(visible)),
        None => first_visible(context.model.layout.first_row, selected.unwrap_or(0), rows.len(), visible),
    };
    layout.first_row = first;
    draw_frame(context, rows.len(), folded.as_deref(), layout, buffer);
    // A column of air stays free on the right.
    let columns = columns(&snapshot.tasks, inside.width.saturating_sub(1));
    let is_dense = panes.arrangement == Arrangement::Dense || panes.table.width < TABLE_FROM;
    if !is_dense && inside.y > panes.table.y + 1 {
        headings(context, &columns, Rect { y: inside.y - 1, height: 1, ..inside }, buffer);
    }
    for (y, (index, row)) in (inside.y..inside.bottom()).zip(rows.iter().enumerate().skip(first)) {
        match row {
            TableRow::Rule => frame::rule(context.theme, panes.table, y, "stead", buffer),
            TableRow::Task(task) => {
                let line = Rect { y, height: 1, ..inside };
                layout.add_target(line, ClickTarget::Task(task.name.clone()));
                let is_selected = Some(index) == selected;
                match is_dense {
                    true => dense::task_row(context, task, is_selected, line, buffer),
                    false => task_row(context, task, is_selected, &columns, line, buffer),
                }
            }
        }
    }
}

fn draw_frame(context: &DrawContext<'_>, rows: usize, folded: Option<&str>, layout: &mut Layout, buffer: &mut Buffer) {
    let (theme, panes) = (context.theme, layout.panes);
    if !panes.has_table_frame() {
        return;
    }
    let note = match context.model.marked.len() {
        0 => Span::raw(""),
        count => Span::styled(format!("{count} marked"), theme.marked()),
    };
    let narrowing = context.model.narrowing.as_ref().map(|narrowing| format!(" · {}", plain(&narrowing.text)));
    let title = footer::narrowed(context) + &narrowing.unwrap_or_default();
    frame::draw_focusable(theme, panes.table, &title, note, !context.model.has_log_focus(), buffer);
    frame::hint(theme, panes.table, layout.first_row, usize::from(panes.rows_of_table().height), rows, buffer);
    if let Some(folded) = folded {
        let place = frame::lower_title(theme, panes.table, folded, buffer);
        layout.add_target(place, ClickTarget::Action(Action::Parts));
    }
}

/// The columns that fit, with their widths. They depend on the config and the screen alone, so nothing jumps.
fn columns(tasks: &[TaskSnapshot], room: u16) -> Vec<(TableColumn, u16)> {
    let widest = |text: fn(&TaskSnapshot) -> String| {
        let columns = tasks.iter().map(|task| text(task).width()).max().unwrap_or(0);
        u16::try_from(columns).unwrap_or(u16::MAX)
    };
    let is_critical = |task: &TaskSnapshot| task.policy.is_critical();
    let retries = widest(|task| present::retries(task.max_retries, task.max_retries)).max(RETRIES_WIDTH);
    let pips = widest(|task| present::pips(task.max_retries, task.max_retries)).max(RETRIES_WIDTH);
    let mut columns = vec![
        (TableColumn::Name, widest(|task| present::short_name(task).to_owned()).clamp(NAME_WIDTHS.0, NAME_WIDTHS.1)),
        (TableColumn::State, if tasks.iter().any(is_critical) { STATE_WIDTH_WITH_CRITICAL } else { STATE_WIDTH }),
        (TableColumn::Pips, pips),
        (TableColumn::Next, NEXT_WIDTHS.0),
        (TableColumn::Uptime, 7),
        (TableColumn::Cpu, 5),
        (TableColumn::Memory, 4),
        (TableColumn::LastExit, LAST_EXIT_WIDTH),
    ];
    for cut in CUTS {
        if needed(&columns) <= room {
            break;
        }
        match cut {
            Cut::Leave(column) => columns.retain(|(own, _)| *own != column),
            Cut::Replace(column, other) => {
                columns.iter_mut().filter(|(own, _)| *own == column).for_each(|own| *own = (other, retries));
            }
            Cut::Narrow(column, width) => {
                columns.iter_mut().filter(|(own, _)| *own == column).for_each(|own| own.1 = own.1.min(width));
            }
        }
    }
    spread(&mut columns, room);
    columns
}

fn needed(columns: &[(TableColumn, u16)]) -> u16 {
    MARKERS + columns.iter().map(|(_, width)| width + GAP).sum::<u16>() - GAP
}

/// Gives what room is left to NEXT up to its best width, and the rest to the last column.
fn spread(columns: &mut [(TableColumn, u16)], room: u16) {
    let mut spare = room.saturating_sub(needed(columns));
    if let Some((_, width)) = columns.iter_mut().find(|(column, _)| *column == TableColumn::Next) {
        let more = spare.min(NEXT_WIDTHS.1.saturating_sub(*width));
        *width += more;
        spare -= more;
    }
    if let Some((TableColumn::Next | TableColumn::LastExit, width)) = columns.last_mut() {
        *width += spare;
    }
}

fn headings(context: &DrawContext<'_>, columns: &[(TableColumn, u16)], inside: Rect, buffer: &mut Buffer) {
    let titled = |column: TableColumn| match column {
        TableColumn::Name => "NAME",
        TableColumn::State => "STATE",
        TableColumn::Pips | TableColumn::Retries => "RETRIES",
        TableColumn::Next => "NEXT",
        TableColumn::Uptime => "UPTIME",
        TableColumn::Cpu => "CPU",
        TableColumn::Memory => "MEM",
        TableColumn::LastExit => "LAST EXIT",
    };
    let cells =
        columns.iter().map(|&(column, width)| (column, width, Line::styled(titled(column), context.theme.dim())));
    set_cells(cells, Rect { height: inside.height.min(1), ..inside }, buffer);
}

fn task_row(
    context: &DrawContext<'_>,
    task: &TaskSnapshot,
    is_selected: bool,
    columns: &[(TableColumn, u16)],
    row: Rect,
    buffer: &mut Buffer,
) {
    let theme = context.theme;
    let cells = columns.iter().map(|&(column, width)| (column, width, cell(context, task, is_selected, column, width)));
    set_cells(cells, row, buffer);
    mark_row(context, task, is_selected, row, buffer);
    if !is_selected && task.is_builtin() && task.counts_as_ready() {
        buffer.set_style(row, theme.dim());
    }
}

/// Shows that a row is marked, and that it is selected.
pub(super) fn mark_row(
    context: &DrawContext<'_>,
    task: &TaskSnapshot,
    is_selected: bool,
    row: Rect,
    buffer: &mut Buffer,
) {
    if context.model.marked.contains(&task.name) {
        buffer.set_stringn(row.x, row.y, "◆", usize::from(row.width), context.theme.marked());
    }
    if is_selected {
        buffer.set_stringn(row.x + 1, row.y, "▸", usize::from(row.width.saturating_sub(1)), context.theme.accent());
        buffer.set_style(row, context.theme.selected());
    }
}

fn set_cells(cells: impl Iterator<Item = (TableColumn, u16, Line<'static>)>, row: Rect, buffer: &mut Buffer) {
    let mut x = row.x + MARKERS;
    for (column, width, line) in cells {
        let room = width.min(row.right().saturating_sub(x + 1));
        if row.height == 0 || room == 0 {
            return;
        }
        let is_number = matches!(column, TableColumn::Uptime | TableColumn::Cpu | TableColumn::Memory);
        let own = u16::try_from(line.width()).unwrap_or(u16::MAX);
        let indent = if is_number { room.saturating_sub(own) } else { 0 };
        buffer.set_line(x + indent, row.y, &line, room - indent);
        x = x.saturating_add(width + GAP);
    }
}

fn cell(
    context: &DrawContext<'_>,
    task: &TaskSnapshot,
    is_selected: bool,
    column: TableColumn,
    width: u16,
) -> Line<'static> {
    let width = usize::from(width);
    match column {
        TableColumn::Name => {
            let style = if is_selected { context.theme.strong() } else { Style::new() };
            Line::styled(fit(present::short_name(task), width), style)
        }
        TableColumn::State => state(context, task, width),
        TableColumn::Pips => budget(context, task, present::pips),
        TableColumn::Retries => budget(context, task, present::retries),
        TableColumn::Next => fit_line(next::line(context, task, width), width),
        TableColumn::Uptime => optional(context, present::uptime(task, context.clock)),
        TableColumn::Cpu => optional(context, task.usage.as_ref().map(|usage| format!("{:.0}%", usage.cpu_percent))),
        TableColumn::Memory => optional(context, task.usage.as_ref().map(|usage| memory(usage.memory_bytes))),
        TableColumn::LastExit => last_exit(context, task, width),
    }
}

fn state(context: &DrawContext<'_>, task: &TaskSnapshot, width: usize) -> Line<'static> {
    let (glyph, style) = context.theme.state(look(task));
    let mut line = Line::styled(format!("{glyph} {:<8}", look(task).word), style);
    if task.policy.is_critical() && width >= usize::from(STATE_WIDTH_WITH_CRITICAL) {
        line.push_span(Span::styled(" crit", context.theme.strong()));
    }
    line
}

fn budget(context: &DrawContext<'_>, task: &TaskSnapshot, used_of: fn(u32, u32) -> String) -> Line<'static> {
    let text = if task.retries == 0 { "·".to_owned() } else { used_of(task.retries, task.max_retries) };
    Line::styled(text, context.theme.tone(present::budget_tone(task)))
}

fn optional(context: &DrawContext<'_>, text: Option<String>) -> Line<'static> {
    text.map_or_else(|| Line::styled("–", context.theme.dim()), Line::raw)
}

/// How the last run ended, with its age. Where there is little room `ago` goes first, then the reason is cut.
fn last_exit(context: &DrawContext<'_>, task: &TaskSnapshot, width: usize) -> Line<'static> {
    let (Some(last), Some((reason, age))) = (&task.last_exit, present::last_exit(task, context.clock)) else {
        return optional(context, None);
    };
    let mut reason = plain(&reason);
    let mut age = format!(" · {age}");
    if reason.width() + age.width() > width {
        if let ExitReason::Signal { signal, .. } = last.reason {
            reason = signal.to_string();
        }
        if reason.width() + age.width() > width {
            age.truncate(age.len() - " ago".len());
        }
    }
    let style = if last.expected { Style::new() } else { context.theme.bad() };
    let reason = fit(&reason, width.saturating_sub(age.width()));
    let room = width.saturating_sub(reason.width() + age.width() + 3);
    let words = task.last_words.as_deref().filter(|_| !last.expected && room >= LEAST_WORDS).map(plain);
    let words = words.map(|words| Span::styled(format!(" · {}", fit(&words, room)), context.theme.dim()));
    let mut line = Line::from(vec![Span::styled(reason, style), Span::styled(age, context.theme.dim())]);
    line.extend(words);
    line
}

/// A line that ends in an ellipsis if it is too long.
fn fit_line(line: Line<'static>, width: usize) -> Line<'static> {
    if line.width() <= width {
        return line;
    }
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    let style = line.spans.first().map_or(line.style, |span| line.style.patch(span.style));
    Line::styled(fit(&text, width), style)
}
