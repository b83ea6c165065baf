//! The chain of causes as a page.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::ansi::plain;
use super::super::format::wrap;
use super::Scene;
use crate::kernel::why::why;

/// Columns of text; more would be hard to read.
const MOST_COLUMNS: u16 = 90;

pub(super) fn lines(scene: &Scene<'_>, area: Rect) -> Vec<Line<'static>> {
    let Some(task) = scene.model.selected_task(scene.shown.snapshot) else {
        return vec![Line::raw("there are no tasks")];
    };
    let width = usize::from(area.width.saturating_sub(4).min(MOST_COLUMNS));
    let mut lines = Vec::new();
    let shown = scene.shown;
    for cause in why(task, shown.snapshot, shown.last_line, scene.clock) {
        let indent = (cause.depth * 3).min(width / 2);
        let head = if cause.depth > 0 { "└─ " } else { "" };
        let text = plain(&format!("{} {}.", cause.task, cause.sentences.join("; ")));
        for (nth, piece) in wrap(&text, width - indent).into_iter().enumerate() {
            let margin = match (nth, cause.depth) {
                (0, 1..) => format!("{:>indent$}", head),
                _ => " ".repeat(indent),
            };
            let mut line = Line::from(Span::styled(margin, scene.theme.dim()));
            match piece.strip_prefix(&cause.task).filter(|_| nth == 0) {
                Some(rest) => {
                    line.push_span(Span::styled(cause.task.clone(), scene.theme.strong()));
                    line.push_span(Span::raw(rest.to_owned()));
                }
                None => line.push_span(Span::raw(piece)),
            }
            lines.push(line);
        }
    }
    lines
}
