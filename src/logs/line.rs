//! A line of a log, whole or in the making.

use std::sync::Arc;

use jiff::Timestamp;
use memchr::{memchr, memrchr};
use serde::{Serialize, Serializer};

use super::id::LineId;
use super::origin::{OutputStream, RunKey};

/// One line that a task wrote, as raw bytes without its line feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Which line it is.
    #[serde(skip)]
    pub id: LineId,
    /// The task that wrote it.
    pub task: Arc<str>,
    /// When its first byte was read; on disk to 10 ms.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: RunKey,
    /// Where it was written to.
    pub stream: OutputStream,
    /// What was written before the line feed, escape sequences and carriage returns included; see [`LineLimits`].
    #[serde(rename = "text", serialize_with = "lossy")]
    pub bytes: Vec<u8>,
    /// Whether the line is longer than `bytes`.
    pub cut: bool,
    /// Whether it has ended; the last line of a run that is under way may not have.
    pub is_finished: bool,
}

impl LogLine {
    /// An empty line.
    pub(super) fn new(task: &Arc<str>, at: Timestamp, run: RunKey, stream: OutputStream) -> Self {
        let (id, task) = (LineId::default(), Arc::clone(task));
        Self { id, task, at, run, stream, bytes: Vec::new(), cut: false, is_finished: true }
    }

    /// What was written, without the carriage returns that belong to the line end.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        without_returns(&self.bytes)
    }

    /// Its id as text; see [`LineId::of_cursor`].
    #[must_use]
    pub fn cursor(&self) -> String {
        self.id.cursor(self.at, &self.task)
    }
}

fn lossy<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(without_returns(bytes)))
}

/// How much of a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineLimits {
    /// Bytes of it that are returned.
    pub kept: usize,
    /// Bytes of it in which a pattern is searched for.
    pub searched: usize,
    /// What of a longer line gives way: what a carriage return overwrites, as on a screen, instead of its end.
    pub overwrites: bool,
}

impl LineLimits {
    /// For data that is passed on, many lines at a time.
    pub const DATA: Self = Self { kept: 128 * 1024, searched: 1024 * 1024, overwrites: false };
    /// For lines that are passed on one by one.
    pub const WHOLE: Self = Self { kept: 64 * 1024 * 1024, searched: 64 * 1024 * 1024, overwrites: false };
    /// For lines that are drawn on a screen, and are many.
    pub const SCREEN: Self = Self { kept: 4 * 1024, searched: 1024 * 1024, overwrites: true };

    /// The same where no pattern is searched for.
    pub(super) fn without_search(self) -> Self {
        Self { searched: self.kept, ..self }
    }
}

/// A line to which bytes are added, in bounded memory.
#[derive(Debug, Clone)]
pub(super) struct LineBuilder {
    line: LogLine,
    limits: LineLimits,
}

impl LineBuilder {
    /// Continues `line`.
    pub(super) fn new(line: LogLine, limits: LineLimits) -> Self {
        Self { line, limits }
    }

    /// Adds bytes without a line feed among them.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let limit = self.limits.kept.max(self.limits.searched);
        let room = limit - self.line.bytes.len();
        if self.limits.overwrites && bytes.len() > room {
            self.line.bytes.extend_from_slice(bytes);
            self.shorten(limit);
        } else {
            self.line.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.line.cut |= bytes.len() > room;
        }
    }

    /// The line so far, as far as it is searched.
    pub(super) fn line(&self) -> &LogLine {
        &self.line
    }

    /// Whether bytes that are added change nothing any more.
    pub(super) fn is_full(&self) -> bool {
        self.line.cut && !self.limits.overwrites
    }

    /// The line, as much of it as is kept.
    pub(super) fn finish(mut self) -> LogLine {
        self.shorten(self.limits.kept);
        self.line
    }

    fn shorten(&mut self, limit: usize) {
        let LogLine { bytes, cut, .. } = &mut self.line;
        if bytes.len() <= limit {
            return;
        }
        *cut = true;
        if self.limits.overwrites {
            // From the first carriage return on that leaves little enough: what is drawn later lies over it.
            let text = without_returns(bytes).len();
            let fits = text.saturating_sub(limit);
            let newest = memchr(b'\r', &bytes[fits..text]).map(|at| fits + at).or(memrchr(b'\r', &bytes[..fits]));
            bytes.drain(..newest.map_or(0, |at| at + 1));
        }
        bytes.truncate(limit);
        bytes.shrink_to_fit();
    }
}

/// A line without the carriage returns that belong to its end.
pub(super) fn without_returns(line: &[u8]) -> &[u8] {
    &line[..line.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1)]
}
