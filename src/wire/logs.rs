//! What tasks wrote.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::logs::{LogLine, LogUsage, OutputStream, disk_usage};

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

/// What the logs take on the disk.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LogsUsage {
    /// All of them together, in bytes.
    pub(crate) total: u64,
    /// What they may take; 0: as much as there is.
    pub(crate) max_total: u64,
    /// Each log; the largest first.
    pub(crate) logs: Vec<LogUsage>,
}

impl LogsUsage {
    /// As it is in the directory of the logs now.
    ///
    /// # Errors
    ///
    /// That can't be read.
    pub(crate) fn now(dir: &Path, max_total: u64) -> io::Result<Self> {
        let mut logs = disk_usage(dir)?;
        logs.sort_by_key(|log| Reverse(log.bytes));
        Ok(Self { total: logs.iter().map(|log| log.bytes).sum(), max_total, logs })
    }
}

/// A log that was emptied.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ClearedLog {
    /// What it took on the disk, in bytes.
    pub(crate) cleared: u64,
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
