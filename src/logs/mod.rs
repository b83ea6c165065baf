//! What the tasks wrote: the bounded tail on the screen, and the store on disk.
//!
//! ```text
//! process ──▶ LogWriter ──▶ NAME.log     the bytes just as they were written
//!                    └─▶ NAME.idx     when, which run, which stream: one record per chunk
//!                        NAME.log.1.gz, NAME.idx.1 …   older segments
//! process ──▶ LogTail                 the last lines in memory, split into lines when it is read
//! LogReader  ◀── segments and their indexes, with or without a supervisor
//! ```
//!
//! Bytes are written before the record that describes them, so the index never tells of bytes that are not there.
//! Nothing here knows of processes, of tasks' states, or of how a line is shown.

mod block;
mod changes;
mod disk_usage;
mod filter;
mod grown;
mod id;
mod index;
mod last_words;
mod level;
mod line;
mod line_filter;
mod line_splitter;
mod lines;
mod moment;
mod origin;
mod pattern;
mod position;
mod query;
mod reader;
mod record;
mod retention;
mod rotation;
mod segment;
mod tail;
mod task_log;
#[cfg(test)]
mod tests;
mod text;
mod writer;

pub(crate) use block::{block, newest_grave};
pub(crate) use changes::LogChanges;
pub(crate) use disk_usage::{LogUsage, clear_log, disk_usage};
pub(crate) use grown::GrownLogs;
pub use id::LineId;
pub(crate) use last_words::last_words;
pub use level::Level;
pub use line::{LineLimits, LogLine};
pub use line_filter::LineFilter;
pub(crate) use line_splitter::LineSplitter;
pub use lines::{LogLines, ReadStep};
pub(crate) use moment::moment;
pub use origin::{OutputStream, RunChoice, RunKey, StoredRun};
pub use pattern::LinePattern;
pub(crate) use pattern::ignores_case;
pub(crate) use position::Direction;
pub use query::LineQuery;
pub use reader::LogReader;
pub use record::{LineFormat, Record};
pub(crate) use retention::Retention;
pub use rotation::Store;
pub use tail::{LogCounts, LogHub, LogTail, TAIL_BYTES, TAIL_LINES};
pub(crate) use text::without_escapes;
pub(crate) use writer::{LogLoss, LogWriter, Written};
