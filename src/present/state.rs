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
    /// The word in a task's own row.
    pub(crate) word: &'static str,
    /// The words behind a number of tasks: `2 backing off`.
    pub(crate) counted: &'static str,
    /// The rank among the states, the worst first.
    pub(crate) rank: u8,
}

/// How a task is shown: in the state that it is in, or as flapping or blocked.
pub(crate) fn look(task: &TaskSnapshot) -> StateLook {
    if task.is_flapping() {
        return StateLook { glyph: "◍", tone: Tone::Warning, word: "flapping", counted: "flapping", rank: 1 };
    }
    let (rank, glyph, tone, counted) = match task.state() {
        TaskState::Failed if task.is_blocked() => {
            return StateLook { glyph: "⊘", tone: Tone::Warning, word: "blocked", counted: "blocked", rank: 3 };
        }
        TaskState::Failed => (0, "✖", Tone::Bad, "failed"),
        TaskState::Backoff => (2, "◐", Tone::Warning, "backing off"),
        TaskState::Stopping => (4, "◒", Tone::Warning, "stopping"),
        TaskState::Running if !task.counts_as_ready() => (5, "◑", Tone::Busy, "not ready"),
        TaskState::Starting => (6, "◔", Tone::Busy, "starting"),
        TaskState::Waiting => (7, "◌", Tone::Busy, "waiting"),
        TaskState::Stopped => (8, "○", Tone::Quiet, "stopped"),
        TaskState::Scheduled => (9, "◷", Tone::Quiet, "scheduled"),
        TaskState::Running => (10, "●", Tone::Good, "running"),
        TaskState::Ready => (11, "●", Tone::Good, "ready"),
        TaskState::Done => (12, "✔", Tone::Quiet, "done"),
    };
    StateLook { glyph, tone, word: task.state().word(), counted, rank }
}
