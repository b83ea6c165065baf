//! Who wrote some bytes: which run of a task, to which of its outputs.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Which of its two outputs a task wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One run of a task, whichever supervisor started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct RunKey {
    /// When the supervisor began to supervise the task, in seconds since 1970; 0 if that is not known.
    pub supervised_since: u32,
    /// The number of the run under that supervisor; 0 if it is not known.
    pub number: u32,
}

/// Selects one run of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunChoice {
    /// So many runs before the last one; 0 is the last one.
    Back(usize),
    /// The latest run of this number.
    Number(u32),
    /// Exactly this one.
    Key(RunKey),
}

/// What is kept of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRun {
    /// Which run.
    pub key: RunKey,
    /// When it wrote its first byte that is kept.
    pub first: Timestamp,
    /// When it began the last chunk of what it wrote.
    pub last: Timestamp,
    /// How much is kept, in bytes.
    pub bytes: u64,
}

impl RunChoice {
    /// The run that is meant, if it is among these. They come oldest first.
    pub(super) fn among(self, runs: &[StoredRun]) -> Option<RunKey> {
        let mut newest_first = runs.iter().rev().map(|run| run.key);
        match self {
            Self::Back(count) => newest_first.nth(count),
            Self::Number(number) => newest_first.find(|key| key.number == number),
            Self::Key(wanted) => newest_first.find(|key| *key == wanted),
        }
    }
}
