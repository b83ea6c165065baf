//! The NEXT cell: what happens to a task next, and how much of the wait has passed.

use ratatui::text::{Line, Span};

use super::context::DrawContext;
use crate::present::ansi::plain;
use crate::present::next::next;
use crate::supervisor::engine::{Stage, TaskSnapshot};

/// The most steps of the countdown's bar; with fewer than the least there is no bar.
const BAR_STEPS: (usize, usize) = (4, 10);
/// Columns that stay free for the countdown beside its bar: `retry in 59m 59s`.
const COUNTDOWN_COLUMNS: usize = 16;

pub(super) fn line(context: &DrawContext<'_>, task: &TaskSnapshot, width: usize) -> Line<'static> {
    let is_draining = matches!(context.shown.snapshot.stage, Stage::Draining { .. });
    let next = next(task, is_draining, context.clock);
    let text = Span::styled(plain(&next.text), context.theme.tone(next.tone));
    let steps = width.saturating_sub(COUNTDOWN_COLUMNS + 1).min(BAR_STEPS.1);
    match next.share {
        Some(share) if steps >= BAR_STEPS.0 => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `steps`")]
            let filled = (share * steps as f64) as usize;
            Line::from(vec![
                Span::styled("▰".repeat(filled), context.theme.tone(next.tone)),
                Span::styled("▱".repeat(steps - filled), context.theme.dim()),
                Span::raw(" "),
                text,
            ])
        }
        _ => Line::from(text),
    }
}
