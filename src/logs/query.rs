//! Selects lines of the logs.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::id::LineId;
use super::line::LineLimits;
use super::line_filter::LineFilter;
use super::origin::{OutputStream, RunChoice};
use super::pattern::LinePattern;

/// Selects lines. The default selects all of them.
#[derive(Debug, Clone)]
pub struct LineQuery {
    /// Only those of one run.
    pub run: Option<RunChoice>,
    /// Only those of one stream.
    pub stream: Option<OutputStream>,
    /// Only those written at this time or later.
    pub since: Option<Timestamp>,
    /// Only those written at this time or earlier.
    pub until: Option<Timestamp>,
    /// Only those in which this matches.
    pub pattern: Option<LinePattern>,
    /// Only those that pass this, too.
    pub filter: Option<Arc<LineFilter>>,
    /// Where to begin: forwards with this line, backwards with the one before it. By default at the oldest line, or at
    /// the newest.
    pub from: Option<LineId>,
    /// Whether unfinished lines are held back until they end: for those who follow a log.
    pub waits_for_ends: bool,
    /// How much of each line is read.
    pub limits: LineLimits,
    /// Once it is cancelled there are no more lines. It is checked between windows of the log.
    pub cancelled: CancellationToken,
}

impl Default for LineQuery {
    fn default() -> Self {
        Self {
            run: None,
            stream: None,
            since: None,
            until: None,
            pattern: None,
            filter: None,
            from: None,
            waits_for_ends: false,
            limits: LineLimits::DATA,
            cancelled: CancellationToken::new(),
        }
    }
}

impl LineQuery {
    /// How much of each line is read to answer it.
    pub(super) fn line_limits(&self) -> LineLimits {
        if self.pattern.is_some() { self.limits } else { self.limits.without_search() }
    }
}
