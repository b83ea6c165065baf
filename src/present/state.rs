//! The states of a task: glyph, tone and words. They stand apart without colour.

use crate::supervisor::engine::{TaskSnapshot, TaskState};

/// What a text is to a reader. Each surface has one style for each tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// Needs no attention.
    Quiet,
    Good,
    /// On its way.
    Busy,
    Warning,
    Bad,
}

/// How a state is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateLook {
    pub(crate) glyph: &'static str,
    pub(crate) tone: Tone,
    /// The words behind a number of tasks: `2 backing off`.
    pub(crate) counted: &'static str,
    /// The rank among the states, the worst first.
    pub(crate) rank: u8,
}

/// How a task is shown in the state that it is in.
pub(crate) fn look(task: &TaskSnapshot) -> StateLook {
    let (rank, glyph, tone, counted) = match task.state() {
        TaskState::Failed => (0, "✖", Tone::Bad, "failed"),
        TaskState::Backoff => (1, "◐", Tone::Warning, "backing off"),
        TaskState::Stopping => (2, "◒", Tone::Warning, "stopping"),
        TaskState::Running if !task.counts_as_ready() => (3, "◑", Tone::Busy, "not ready"),
        TaskState::Starting => (4, "◔", Tone::Busy, "starting"),
        TaskState::Waiting => (5, "◌", Tone::Busy, "waiting"),
        TaskState::Stopped => (6, "○", Tone::Quiet, "stopped"),
        TaskState::Scheduled => (7, "◷", Tone::Quiet, "scheduled"),
        TaskState::Running => (8, "●", Tone::Good, "running"),
        TaskState::Ready => (9, "●", Tone::Good, "ready"),
        TaskState::Done => (10, "✔", Tone::Quiet, "done"),
    };
    StateLook { glyph, tone, counted, rank }
}
