//! A question before something that can't be taken back.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::super::layout;
use super::super::model::Question;
use super::super::requests::listed;
use super::context::DrawContext;
use super::frame;
use crate::present::text::wrap;
use crate::supervisor::engine::TaskKind;

/// Columns of the question's text.
const QUESTION_COLUMNS: u16 = 56;

pub(super) fn draw(context: &DrawContext<'_>, question: &Question, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(QUESTION_COLUMNS);
    let (title, text) = words(context, question);
    let mut lines: Vec<Line<'_>> = wrap(&text, usize::from(width)).into_iter().map(Line::raw).collect();
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled("y", context.theme.accent()),
        Span::raw(" yes     "),
        Span::styled("n", context.theme.accent()),
        Span::raw(" no"),
    ]));
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = layout::centred(area, width + 4, height);
    Clear.render(area, buffer);
    frame::draw(context.theme, area, title, "", buffer);
    let inside = layout::inside(area);
    for (y, line) in (inside.y..inside.bottom()).zip(&lines) {
        buffer.set_line(inside.x + 1, y, line, inside.width.saturating_sub(1));
    }
}

fn words(context: &DrawContext<'_>, question: &Question) -> (&'static str, String) {
    match question {
        Question::Quit => {
            let tasks = &context.shown.snapshot.tasks;
            let live = tasks.iter().filter(|task| task.kind != TaskKind::Builtin && task.is_live()).count();
            let tasks = if live == 1 { "1 task is".to_owned() } else { format!("{live} tasks are") };
            match context.shown.is_guest {
                true => ("shut down", format!("{tasks} running. Stop everything in good order, for everybody?")),
                false => ("quit", format!("{tasks} running. Stop everything in good order and quit?")),
            }
        }
        Question::Stop(names) => ("stop", format!("Stop {}?", listed(names))),
        Question::StopParts(names) => {
            ("stop", format!("Stop {}? This is a part of stead: what it shows or serves goes away.", names.join(", ")))
        }
        Question::Kill(names) => {
            ("kill", format!("Kill {} now, with everything that belongs to it and no time to clean up?", listed(names)))
        }
        Question::Restart { all, .. } => {
            ("restart", format!("This restarts {}: some depend on others with `on_restart`.", listed(all)))
        }
        Question::RestartAll => {
            ("restart all", "Stop every task that is not stopped or done, and start it again?".to_owned())
        }
    }
}
