//! What the dashboard is given to show.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::query::{History, Hits, LogWindow};
use crate::logs::LogLine;
use crate::screen::ScreenContents;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::{Snapshot, Uptime};

/// What the dashboard shows at one instant. It belongs to the caller; the dashboard keeps none of it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The project's name, for the header.
    pub project: &'a str,
    /// Whether the supervisor is another process': who leaves then leaves it running.
    pub is_guest: bool,
    /// The tasks.
    pub snapshot: &'a Snapshot,
    /// The events, oldest first.
    pub events: &'a [Arc<EventRecord>],
    /// The part of a log that [`Model::query`](super::Model::query) asked for, or the last that was read.
    pub log: &'a LogWindow,
    /// What was found of what [`Model::query`](super::Model::query) searches for.
    pub hits: &'a Hits,
    /// The past of the task that [`Model::query`](super::Model::query) named.
    pub history: &'a History,
    /// Bytes that the shown tasks wrote but that could not be kept.
    pub lost_bytes: u64,
    /// The screen of the task that [`Model::selected`](super::Model::selected) names, if it has a terminal.
    pub screen: Option<&'a ScreenContents>,
    /// The last line that a task wrote; asked only for what is on screen.
    pub last_line: &'a dyn Fn(&str) -> Option<Arc<LogLine>>,
    /// The zone that times of day are shown in.
    pub zone: &'a TimeZone,
    /// The time on the wall.
    pub wall: Timestamp,
    /// The supervisor's clock.
    pub now: Uptime,
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("project", &self.project).field("now", &self.now).finish_non_exhaustive()
    }
}
