//! Reads the logs in both directions from one line on, and goes on with what is written.

use std::io;

use crate::logs::{LineId, LineQuery, LogLine, LogLines, LogReader, ReadStep};

/// Two readings that begin at one line and go away from it.
#[derive(Debug)]
pub(super) struct Scan {
    /// None once it was followed to the oldest line, or given up.
    older: Option<LogLines>,
    newer: Newer,
    is_start_reached: bool,
}

/// The reading towards what is written.
#[derive(Debug)]
enum Newer {
    /// It begins at the end, where the other one began, once that is over: a line that has begun there but not ended
    /// is not lost between them.
    AfterOlder,
    Reading(LogLines),
    /// There was nothing more when it was looked at last.
    AtEnd(LogLines),
    GivenUp,
}

impl Scan {
    /// Begins between a line and the one before it; without a line, at the end.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub(super) fn open(
        reader: &LogReader,
        tasks: &[String],
        query: &LineQuery,
        from: Option<LineId>,
    ) -> io::Result<Self> {
        let query = LineQuery { from, ..query.clone() };
        let following = LineQuery { waits_for_ends: true, ..query.clone() };
        let (older, newer) = match from {
            None => (reader.backwards(tasks, &following)?, Newer::AfterOlder),
            Some(_) => (reader.backwards(tasks, &query)?, Newer::Reading(reader.forwards(tasks, &following)?)),
        };
        Ok(Self { older: Some(older), newer, is_start_reached: false })
    }

    /// Whether there may be older lines that it can read.
    pub(super) fn can_go_back(&self) -> bool {
        self.older.is_some()
    }

    /// Whether there may be newer lines that it can read now.
    pub(super) fn can_go_on(&self) -> bool {
        matches!(self.newer, Newer::Reading(_))
    }

    /// Whether the oldest line there is has been read.
    pub(super) fn is_start_reached(&self) -> bool {
        self.is_start_reached
    }

    /// Whether nothing newer is there, as far as is known.
    pub(super) fn is_end_reached(&self) -> bool {
        matches!(self.newer, Newer::AfterOlder | Newer::AtEnd(_))
    }

    /// Whether the reading towards what is written can go on once something is.
    pub(super) fn follows(&self) -> bool {
        !matches!(self.newer, Newer::GivenUp)
    }

    /// Reads on among the older lines.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub(super) fn step_back(&mut self) -> io::Result<ReadStep> {
        let Some(older) = &mut self.older else { return Ok(ReadStep::End) };
        let step = older.step()?;
        if step == ReadStep::End {
            self.is_start_reached = true;
            self.end_older()?;
        }
        Ok(step)
    }

    /// Reads on among the newer lines.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub(super) fn step_on(&mut self) -> io::Result<ReadStep> {
        let Newer::Reading(newer) = &mut self.newer else { return Ok(ReadStep::End) };
        let step = newer.step()?;
        if step == ReadStep::End
            && let Newer::Reading(newer) = std::mem::replace(&mut self.newer, Newer::GivenUp)
        {
            self.newer = Newer::AtEnd(newer);
        }
        Ok(step)
    }

    /// Reads nothing older any more.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub(super) fn end_older(&mut self) -> io::Result<()> {
        if let (Some(mut lines), Newer::AfterOlder) = (self.older.take(), &self.newer) {
            lines.turn_to_the_end();
            lines.refresh()?;
            self.newer = Newer::Reading(lines);
        }
        Ok(())
    }

    /// Reads nothing older any more: the oldest that was read are forgotten.
    pub(super) fn forget_start(&mut self) {
        (self.older, self.is_start_reached) = (None, false);
    }

    /// Reads nothing newer any more.
    pub(super) fn end_newer(&mut self) {
        self.newer = Newer::GivenUp;
    }

    /// Sees what was written since.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        self.newer = match std::mem::replace(&mut self.newer, Newer::GivenUp) {
            Newer::Reading(mut lines) | Newer::AtEnd(mut lines) => {
                lines.refresh()?;
                Newer::Reading(lines)
            }
            newer @ (Newer::AfterOlder | Newer::GivenUp) => newer,
        };
        Ok(())
    }

    /// At the end: the lines that have begun but not ended.
    pub(super) fn unfinished(&self) -> Vec<LogLine> {
        match &self.newer {
            Newer::AtEnd(lines) => lines.unfinished(),
            Newer::AfterOlder | Newer::Reading(_) | Newer::GivenUp => Vec::new(),
        }
    }

    /// Bytes that are still to be read towards what is written.
    pub(super) fn bytes_ahead(&self) -> u64 {
        match &self.newer {
            Newer::Reading(lines) | Newer::AtEnd(lines) => lines.bytes_left(),
            Newer::AfterOlder | Newer::GivenUp => 0,
        }
    }

    /// Bytes that are still to be read in both directions.
    pub(super) fn left(&self) -> u64 {
        self.older.as_ref().map_or(0, LogLines::bytes_left) + self.bytes_ahead()
    }
}
