//! What the tasks wrote: the bounded tail on the screen, and the store on disk.
//!
//! ```text
//! process ──▶ LogWriter ──▶ NAME.log     the bytes just as they were written
//!                    └─▶ NAME.idx     when, which run, which stream: one record per chunk
//!                        NAME.log.1.gz, NAME.idx.1 …   older segments
//! process ──▶ LogTail                 the last lines in memory, cut when somebody looks
//! LogReader  ◀── segments and their indexes, with or without a supervisor
//! ```
//!
//! Bytes are written before the record that describes them, so the index never tells of bytes that are not there.
//! Nothing here knows of processes, of tasks' states, or of how a line is shown.

mod cancel;
mod id;
mod index;
mod line;
mod line_splitter;
mod lines;
mod reader;
mod segment;
mod store;
mod tail;
mod task_log;
#[cfg(test)]
mod tests;
mod text;
mod writer;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use cancel::CancelOnDrop;
pub use id::LineId;
pub use index::RunKey;
pub(crate) use line_splitter::LineSplitter;
pub use lines::{LogLine, LogLines, ReadStep};
pub(crate) use reader::ignores_case;
pub use reader::{LinePattern, LineQuery, LogReader, RunChoice, StoredRun};
pub use store::Store;
pub use tail::{LogCounts, LogHub, LogTail, TAIL_BYTES, TAIL_LINES};
pub(crate) use text::without_escapes;
pub(crate) use writer::{LogWriter, Loss, Written};

/// Bytes of one line that a tail keeps; the rest of a longer line is only in the file.
pub const TAIL_LINE_BYTES: usize = 4 * 1024;

/// Which of its two outputs a task wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a task wrote, as raw bytes without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailLine {
    /// Counts every line of the task from 1; a gap in what is kept are lines that a flood carried past.
    pub number: u64,
    /// When its first byte was read.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: u64,
    /// Where it was written to.
    pub stream: OutputStream,
    /// What was written, escape sequences and all; at most [`TAIL_LINE_BYTES`].
    pub bytes: Vec<u8>,
    /// Whether the line was longer than what is kept of it.
    pub cut: bool,
}
