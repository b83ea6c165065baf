//! A line of a log, whole or in the making.

use std::sync::Arc;

use jiff::Timestamp;
use memchr::memrchr;
use serde::{Serialize, Serializer};

use super::id::LineId;
use super::origin::{OutputStream, RunKey};

/// One line that a task wrote, as raw bytes without its line end.
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
    /// What was written, escape sequences included; the length is bounded by whoever reads it.
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

    /// Its id as text; see [`LineId::of_cursor`].
    #[must_use]
    pub fn cursor(&self) -> String {
        self.id.cursor(self.at, &self.task)
    }
}

fn lossy<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// A line to which bytes are added, in bounded memory.
#[derive(Debug)]
pub(super) struct LineBuilder {
    line: LogLine,
    limit: usize,
    /// Whether the last byte was a carriage return: unless a line feed follows, what comes overwrites the line.
    returned: bool,
}

impl LineBuilder {
    /// Continues `line`, of which at most `limit` bytes are kept.
    pub(super) fn new(line: LogLine, limit: usize) -> Self {
        Self { line, limit, returned: false }
    }

    /// Adds bytes without a line feed among them.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let text = &bytes[..bytes.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1)];
        if !text.is_empty() {
            let overwritten = memrchr(b'\r', text);
            if self.returned || overwritten.is_some() {
                self.line.bytes.clear();
                self.line.cut = false;
            }
            let text = &text[overwritten.map_or(0, |at| at + 1)..];
            let room = self.limit - self.line.bytes.len();
            self.line.bytes.extend_from_slice(&text[..text.len().min(room)]);
            self.line.cut |= text.len() > room;
        }
        self.returned = text.len() < bytes.len() || (self.returned && text.is_empty());
    }

    /// The line so far.
    pub(super) fn line(&self) -> &LogLine {
        &self.line
    }

    /// The line, which has ended.
    pub(super) fn finish(self) -> LogLine {
        self.line
    }
}
