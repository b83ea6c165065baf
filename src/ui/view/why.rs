//! The chain of causes as a page, and below it what is kept of the runs that failed.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::context::DrawContext;
use crate::kernel::PostMortem;
use crate::present::ansi::{plain, visible};
use crate::present::post_mortem;
use crate::present::text::{fit, wrap};
use crate::present::why::why;

/// Columns of text; more would be hard to read.
const MOST_COLUMNS: u16 = 90;

pub(super) fn lines(context: &DrawContext<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(task) = context.model.selected_task(context.shown.snapshot) else {
        return vec![Line::raw("there are no tasks")];
    };
    let width = usize::from(area.width.saturating_sub(4).min(MOST_COLUMNS));
    let mut lines = Vec::new();
    let shown = context.shown;
    for cause in why(task, shown.snapshot, shown.last_line, context.clock) {
        let indent = (cause.depth * 3).min(width / 2);
        let head = if cause.depth > 0 { "└─ " } else { "" };
        let text = plain(&format!("{} {}.", cause.task, cause.sentences.join("; ")));
        for (nth, piece) in wrap(&text, width - indent).into_iter().enumerate() {
            let margin = match (nth, cause.depth) {
                (0, 1..) => format!("{:>indent$}", head),
                _ => " ".repeat(indent),
            };
            let mut line = Line::from(Span::styled(margin, context.theme.dim()));
            match piece.strip_prefix(&cause.task).filter(|_| nth == 0) {
                Some(rest) => {
                    line.push_span(Span::styled(cause.task.clone(), context.theme.strong()));
                    line.push_span(Span::raw(rest.to_owned()));
                }
                None => line.push_span(Span::raw(piece)),
            }
            lines.push(line);
        }
    }
    let mut session = None;
    for failed in context.model.history(context.shown).iter().flat_map(|history| history.post_mortems.iter().rev()) {
        lines.push(Line::default());
        if failed.run <= task.runs_before && session.replace(failed.session) != Some(failed.session) {
            let heading = post_mortem::earlier_session(failed, shown.zone);
            lines.push(Line::styled(fit(&heading, width), context.theme.dim()));
            lines.push(Line::default());
        }
        lines.extend(examined(context, failed, width));
    }
    lines
}

/// What is kept of one failed run.
fn examined(context: &DrawContext<'_>, failed: &PostMortem, width: usize) -> Vec<Line<'static>> {
    let dim = context.theme.dim();
    let zone = context.shown.zone;
    let mut lines = vec![Line::styled(fit(&post_mortem::headline(failed), width), context.theme.strong())];
    let facts = [("when", post_mortem::when(failed, zone))].into_iter().chain(post_mortem::facts(failed));
    for (what, fact) in facts {
        let what = Span::styled(format!("  {what:<8} "), dim);
        let room = width.saturating_sub(what.width());
        lines.push(Line::from(vec![what, Span::raw(fit(&plain(&fact), room))]));
    }
    let said = post_mortem::last_lines(failed, zone);
    let nothing = if said.is_empty() { "     nothing" } else { "" };
    lines.push(Line::styled(format!("  said{nothing}"), dim));
    for line in said {
        lines.extend(
            wrap(&visible(&line), width.saturating_sub(2)).into_iter().map(|piece| Line::raw(format!("  {piece}"))),
        );
    }
    lines
}
