//! What the tasks wrote: for each task a bounded tail of lines in memory, for the screen.
//!
//! The bytes themselves go to the task's log file (see `process::output`); this is only what a face shows live.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio::sync::watch;

/// Lines that are kept per task.
pub const TAIL_LINES: usize = 2_000;
/// Bytes of one line that are kept; the rest of a longer line is only in the file.
pub const LINE_BYTES: usize = 4 * 1024;
/// Bytes that are kept per task, over all its lines.
pub const TAIL_BYTES: usize = 512 * 1024;

/// Which of its two outputs a task wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a task wrote, as raw bytes without its line end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Counts every line of the task from 1; a gap in what is kept are lines that a flood carried past.
    pub number: u64,
    /// When its first byte was read.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: u64,
    /// Where it was written to.
    pub stream: Stream,
    /// What was written, escape sequences and all; at most [`LINE_BYTES`].
    #[serde(serialize_with = "lossy")]
    pub bytes: Vec<u8>,
    /// Whether the line was longer than what is kept of it.
    pub cut: bool,
}

fn lossy<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// The tails of all tasks. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LogHub {
    tails: Arc<Mutex<BTreeMap<String, LogTail>>>,
}

impl LogHub {
    /// The tail of a task; made empty at the first call.
    #[must_use]
    pub fn tail(&self, task: &str) -> LogTail {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        tails.entry(task.to_owned()).or_default().clone()
    }
}

/// The last lines of one task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogTail {
    lines: Arc<Mutex<Lines>>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    last: u64,
    bytes: usize,
    lost_bytes: u64,
    kept: VecDeque<Arc<LogLine>>,
    /// What each stream has written of a line without an end yet.
    partial: [Option<Arc<LogLine>>; 2],
}

impl Default for LogTail {
    fn default() -> Self {
        Self { lines: Arc::default(), changed: watch::channel(0).0 }
    }
}

impl LogTail {
    /// The lines that are kept, oldest first; unfinished lines come last.
    #[must_use]
    pub fn lines(&self) -> Vec<Arc<LogLine>> {
        let lines = self.lock();
        lines.kept.iter().chain(lines.partial.iter().flatten()).cloned().collect()
    }

    /// The newest line, finished or not.
    #[must_use]
    pub fn last(&self) -> Option<Arc<LogLine>> {
        let lines = self.lock();
        lines.partial.iter().flatten().next().or(lines.kept.back()).cloned()
    }

    /// The finished lines that are kept and come after line `number`, oldest first.
    #[must_use]
    pub fn finished_after(&self, number: u64) -> Vec<Arc<LogLine>> {
        let lines = self.lock();
        let seen = lines.kept.partition_point(|line| line.number <= number);
        lines.kept.range(seen..).cloned().collect()
    }

    /// A way to wait for the next change; the value counts them.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Bytes that were written by the task but could not be kept in its log file.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.lock().lost_bytes
    }

    /// Adds finished lines (their numbers are given here), after `skipped` others that are too old to be kept, and
    /// says what is unfinished now on this stream.
    pub(crate) fn extend(&self, skipped: u64, finished: Vec<LogLine>, stream: Stream, partial: Option<LogLine>) {
        let mut lines = self.lock();
        lines.last += skipped;
        for line in finished {
            lines.push(line);
        }
        let next = lines.last + 1;
        lines.partial[stream as usize] = partial.map(|line| Arc::new(LogLine { number: next, ..line }));
        self.tell(lines);
    }

    /// Adds one finished line.
    pub(crate) fn push(&self, line: LogLine) {
        let mut lines = self.lock();
        lines.push(line);
        self.tell(lines);
    }

    /// Counts bytes that are lost to the log file.
    pub(crate) fn lose(&self, bytes: u64) {
        let mut lines = self.lock();
        lines.lost_bytes += bytes;
        self.tell(lines);
    }

    fn tell(&self, changed: MutexGuard<'_, Lines>) {
        drop(changed);
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn push(&mut self, mut line: LogLine) {
        self.last += 1;
        line.number = self.last;
        self.bytes += line.bytes.len();
        self.kept.push_back(Arc::new(line));
        while self.kept.len() > TAIL_LINES || self.bytes > TAIL_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
        }
    }
}
