//! The states of a task: glyph, tone and words. They stand apart without colour.

use crate::supervisor::engine::TaskState;

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

/// How a task in this state is shown.
pub(crate) fn look(state: TaskState) -> StateLook {
    let (rank, glyph, tone, counted) = match state {
        TaskState::Failed => (0, "✖", Tone::Bad, "failed"),
        TaskState::Backoff => (1, "◐", Tone::Warning, "backing off"),
        TaskState::Stopping => (2, "◒", Tone::Warning, "stopping"),
        TaskState::Running => (3, "◑", Tone::Busy, "not ready"),
        TaskState::Starting => (4, "◔", Tone::Busy, "starting"),
        TaskState::Waiting => (5, "◌", Tone::Busy, "waiting"),
        TaskState::Stopped => (6, "○", Tone::Quiet, "stopped"),
        TaskState::Ready => (7, "●", Tone::Good, "ready"),
        TaskState::Done => (8, "✔", Tone::Quiet, "done"),
    };
    StateLook { glyph, tone, counted, rank }
}
