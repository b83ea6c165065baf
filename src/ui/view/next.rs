//! The NEXT cell: what happens to a task next, and when; or the key that helps.

use ratatui::text::{Line, Span};

use super::super::ansi::plain;
use super::DrawContext;
use crate::duration::Pretty;
use crate::supervisor::engine::{AfterStop, PhaseSnapshot, Stage, Straggler, TaskSnapshot};

/// Steps of the countdown's bar.
const BAR_STEPS: u32 = 10;
/// In fewer columns a countdown has no bar.
const BAR_FROM: usize = 21;

pub(super) fn line(scene: &DrawContext<'_>, task: &TaskSnapshot, width: usize) -> Line<'static> {
    let theme = scene.theme;
    let clock = scene.clock;
    let is_draining = matches!(scene.shown.snapshot.stage, Stage::Draining { .. });
    match &task.phase {
        PhaseSnapshot::Waiting { blockers } => match blockers.split_first() {
            None => Line::default(),
            Some((first, more)) => {
                let others = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
                Line::raw(format!("for {} {}{others}", first.task, first.condition))
            }
        },
        PhaseSnapshot::Starting { deadline, .. } => Line::raw(format!("start fails in {}", clock.left(*deadline))),
        PhaseSnapshot::Running { .. } => match &task.probe {
            Some(probe) if !probe.passed => {
                Line::styled(format!("not ready: {}", plain(&probe.detail)), theme.warning())
            }
            _ if is_draining => Line::styled("stops in its turn", theme.dim()),
            _ => Line::raw("not ready yet"),
        },
        PhaseSnapshot::Ready { .. } if is_draining => Line::styled("stops in its turn", theme.dim()),
        PhaseSnapshot::Ready { .. } if task.is_unstable() => {
            Line::styled(format!("unstable: {} restarts/h", task.restarts_last_hour), theme.warning())
        }
        PhaseSnapshot::Ready { .. } => match task.budget_back_at {
            Some(back) => Line::raw(format!("budget back in {}", clock.left(back))),
            None => Line::default(),
        },
        PhaseSnapshot::Stopping { killed: true, left, .. } => {
            Line::styled(format!("killed, not gone yet{}", named(left)), theme.bad())
        }
        PhaseSnapshot::Stopping { kill_at, then, left, .. } => {
            let then = match then {
                AfterStop::Stay => "",
                AfterStop::Restart => ", restarts",
                AfterStop::Retry => ", retries",
                AfterStop::Leave => ", leaves",
            };
            Line::raw(format!("killed in {}{then}{}", clock.left(*kill_at), named(left)))
        }
        PhaseSnapshot::Backoff { since, retry_at, .. } => {
            let wait = Pretty(retry_at.since(*since));
            let text = format!("{} of {wait}", clock.left(*retry_at));
            if width < BAR_FROM {
                return Line::styled(text, theme.warning());
            }
            let filled = clock.progress(*since, *retry_at, BAR_STEPS) as usize;
            let empty = BAR_STEPS as usize - filled;
            Line::from(vec![
                Span::styled("▰".repeat(filled), theme.warning()),
                Span::styled("▱".repeat(empty), theme.dim()),
                Span::raw(format!(" {text}")),
            ])
        }
        PhaseSnapshot::Stopped if is_draining => Line::default(),
        PhaseSnapshot::Stopped => Line::styled("s to start", theme.dim()),
        PhaseSnapshot::Done => Line::default(),
        PhaseSnapshot::Failed { reason, .. } if task.last_exit.is_none() => Line::styled(plain(reason), theme.bad()),
        PhaseSnapshot::Failed { .. } if is_draining => Line::default(),
        PhaseSnapshot::Failed { .. } => Line::raw("r to try again"),
    }
}

/// What holds up a stop, as it ends a sentence.
fn named(left: &[Straggler]) -> String {
    if left.is_empty() { String::new() } else { format!(": {}", Straggler::list(left)) }
}
