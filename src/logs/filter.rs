//! Decides which lines of one task's log a query selects.

use std::ops::Range;

use jiff::Timestamp;
use memchr::{memchr_iter, memchr2};

use super::line::LogLine;
use super::origin::{OutputStream, RunKey};
use super::query::LineQuery;

/// A query as it applies to one task.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) query: LineQuery,
    /// The run that the query selects in this log.
    pub(super) run: Option<RunKey>,
}

impl Filter {
    /// Whether lines that begin in bytes of this origin are selected.
    pub(super) fn passes(&self, at: Timestamp, run: RunKey, stream: OutputStream) -> bool {
        self.run.is_none_or(|wanted| wanted == run)
            && self.query.stream.is_none_or(|wanted| wanted == stream)
            && self.query.since.is_none_or(|since| since <= at)
            && self.query.until.is_none_or(|until| at <= until)
    }

    /// Whether the pattern of the query, if it has one, matches this line, and its filter lets it pass.
    pub(super) fn matches(&self, line: &LogLine) -> bool {
        self.query.pattern.as_ref().is_none_or(|pattern| pattern.matches(&line.bytes))
            && self.query.filter.as_ref().is_none_or(|filter| filter.passes(line))
    }

    /// Calls `f` with every line of `text` that may match; each is followed by a line feed.
    pub(super) fn each_line(&self, text: &[u8], mut f: impl FnMut(Range<usize>)) {
        match &self.query.pattern {
            // Without escape sequences and carriage returns, the bytes are the text of the line.
            Some(pattern) if pattern.is_line_free() && memchr2(b'\x1b', b'\r', text).is_none() => {
                pattern.each_line(text, f);
            }
            Some(_) | None => {
                let mut start = 0;
                for end in memchr_iter(b'\n', text) {
                    f(start..end);
                    start = end + 1;
                }
            }
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.query.cancelled.is_cancelled()
    }
}
