//! What tasks wrote.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::logs::{LogLine, OutputStream};

/// A line of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogEntry {
    /// Names the line: for `after` and `before`.
    pub(crate) cursor: String,
    /// The task that wrote it.
    pub(crate) task: String,
    /// The number of the run that wrote it; 0 if that is not known.
    pub(crate) run: u32,
    /// When its first byte was read.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// Where it was written to.
    pub(crate) stream: OutputStream,
    /// The line with its escape sequences; bytes that are not UTF-8 are replaced.
    pub(crate) text: String,
    /// Whether the line was longer than what was read of it.
    pub(crate) cut: bool,
}

/// Some lines in the order of time.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct LogPage {
    /// Oldest first.
    pub(crate) lines: Vec<LogEntry>,
    /// Whether there are more lines before the first.
    pub(crate) more_before: bool,
    /// Whether there are more lines after the last.
    pub(crate) more_after: bool,
    /// If the time was up before the page was full: the cursor to go on from, in the direction that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Output that no log file has, as it could not be written: bytes by task, since the supervisor was started. Tasks of which
/// all is kept are not among them.
pub(crate) type LostOutput = BTreeMap<String, u64>;

/// Lines that a follower did not get.
#[derive(Debug, Serialize)]
pub(crate) struct LogGap {
    /// How many.
    pub(crate) skipped: u64,
}

impl From<LogLine> for LogEntry {
    fn from(line: LogLine) -> Self {
        let cursor = line.cursor();
        let LogLine { task, at, run, stream, bytes, cut, .. } = line;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Self { cursor, task: task.to_string(), run: run.number, at, stream, text, cut }
    }
}
