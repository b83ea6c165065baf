//! Positions in the log of one task.

/// A byte of a log. Segments are counted from the oldest that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogPosition {
    pub(super) segment: usize,
    pub(super) offset: u64,
}

/// The direction in which lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From older lines to newer ones.
    Forwards,
    /// From newer lines to older ones.
    Backwards,
}
