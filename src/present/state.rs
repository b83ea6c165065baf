//! The states of a task: glyph, tone and words. They stand apart without colour.

use crate::supervisor::engine::PhaseSnapshot;

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
pub(crate) fn look(phase: &PhaseSnapshot) -> StateLook {
    let (rank, glyph, tone, counted) = match phase {
        PhaseSnapshot::Failed { .. } => (0, "✖", Tone::Bad, "failed"),
        PhaseSnapshot::Backoff { .. } => (1, "◐", Tone::Warning, "backing off"),
        PhaseSnapshot::Stopping { .. } => (2, "◒", Tone::Warning, "stopping"),
        PhaseSnapshot::Running { .. } => (3, "◑", Tone::Busy, "not ready"),
        PhaseSnapshot::Starting { .. } => (4, "◔", Tone::Busy, "starting"),
        PhaseSnapshot::Waiting { .. } => (5, "◌", Tone::Busy, "waiting"),
        PhaseSnapshot::Stopped => (6, "○", Tone::Quiet, "stopped"),
        PhaseSnapshot::Ready { .. } => (7, "●", Tone::Good, "ready"),
        PhaseSnapshot::Done => (8, "✔", Tone::Quiet, "done"),
    };
    StateLook { glyph, tone, counted, rank }
}
