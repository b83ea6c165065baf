//! Reads what one task writes, for the plain output: from the log files, and what is in no file from memory.
//!
//! The files are the queue: however slow the reader of the output is, nothing waits in memory for it, and nothing is
//! left out unless it falls far behind.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use crate::logs::{LineId, LineLimits, LineQuery, LogLine, LogLines, LogReader, LogTail, ReadStep};

/// A reader that is further behind than this leaves lines out.
const PLAIN_BEHIND_BYTES: u64 = 64 * 1024 * 1024;

/// The output of one task, and how much of it has been taken.
#[derive(Debug)]
pub(super) struct TaskOutput {
    reader: LogReader,
    tail: LogTail,
    task: Arc<str>,
    /// Lines that were written before this are an earlier supervisor's.
    since: Timestamp,
    /// None before the task's first line.
    lines: Option<LogLines>,
    /// A line that was read and can't be shown yet.
    held: Option<LogLine>,
    /// The number of the last line that was taken of those that are in no file.
    unwritten_seen: u64,
    /// How many bytes of lines that have not ended were taken.
    begun: BTreeMap<LineId, usize>,
}

/// Some of a task's output.
#[derive(Debug)]
pub(super) enum Part {
    /// The rest of a line, from this byte on.
    Line(LogLine, usize),
    /// The rest so far of a line that has not ended, from this byte on.
    Begun(LogLine, usize),
    /// So many bytes are left out.
    LeftOut(u64),
}

/// What taking has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// There is more.
    More,
    /// There is nothing more now.
    Nothing,
    /// The next line is of a run that has not been reported yet.
    Held,
}

impl TaskOutput {
    pub(super) fn new(reader: LogReader, tail: LogTail, task: Arc<str>, since: Timestamp) -> Self {
        Self { reader, tail, task, since, lines: None, held: None, unwritten_seen: 0, begun: BTreeMap::new() }
    }

    /// Takes the next lines of runs up to `run`, at most about so many bytes. Blocks.
    ///
    /// # Errors
    ///
    /// The log can't be read.
    pub(super) fn take(&mut self, run: u64, bytes: usize, parts: &mut Vec<Part>) -> io::Result<Left> {
        self.refresh(parts)?;
        let mut taken = 0;
        while taken < bytes {
            let line = match self.held.take() {
                Some(line) => line,
                None => match self.step()? {
                    ReadStep::Line(line) => line,
                    ReadStep::Reading => continue,
                    ReadStep::End => {
                        self.take_unwritten(parts);
                        return Ok(Left::Nothing);
                    }
                },
            };
            if u64::from(line.run.number) > run {
                self.held = Some(line);
                return Ok(Left::Held);
            }
            taken += line.bytes.len();
            let begun = self.begun.remove(&line.id).unwrap_or(0);
            parts.push(Part::Line(line, begun));
        }
        Ok(Left::More)
    }

    /// Takes what there is of lines of runs up to `run` that have not ended, as far as it was not taken before.
    pub(super) fn take_begun(&mut self, run: u64, parts: &mut Vec<Part>) {
        for line in self.begun_lines().into_iter().filter(|line| u64::from(line.run.number) <= run) {
            let begun = self.begun.insert(line.id, line.bytes.len()).unwrap_or(0);
            if begun < line.bytes.len() {
                parts.push(Part::Begun(line, begun));
            }
        }
    }

    /// Whether there is something of a line that has not ended.
    pub(super) fn has_begun(&self) -> bool {
        self.begun_lines().iter().any(|line| self.begun.get(&line.id).is_none_or(|begun| *begun < line.bytes.len()))
    }

    fn begun_lines(&self) -> Vec<LogLine> {
        self.lines.as_ref().map(LogLines::unfinished).unwrap_or_default()
    }

    fn refresh(&mut self, parts: &mut Vec<Part>) -> io::Result<()> {
        match &mut self.lines {
            Some(lines) => lines.refresh()?,
            None => self.open(LineId::after_time(self.since.min(Timestamp::now())))?,
        }
        let behind = self.lines.as_ref().map_or(0, LogLines::bytes_left);
        if behind > PLAIN_BEHIND_BYTES {
            parts.push(Part::LeftOut(behind));
            (self.held, self.begun) = (None, BTreeMap::new());
            self.open(LineId::END)?;
        }
        Ok(())
    }

    fn open(&mut self, from: LineId) -> io::Result<()> {
        let limits = LineLimits::WHOLE;
        let query = LineQuery { from: Some(from), waits_for_ends: true, limits, ..LineQuery::default() };
        self.lines = Some(self.reader.forwards(&[&*self.task], &query)?);
        Ok(())
    }

    fn step(&mut self) -> io::Result<ReadStep> {
        self.lines.as_mut().map_or(Ok(ReadStep::End), LogLines::step)
    }

    fn take_unwritten(&mut self, parts: &mut Vec<Part>) {
        let (last, lines) = self.tail.unwritten_after(self.unwritten_seen);
        self.unwritten_seen = last;
        parts.extend(lines.into_iter().map(|line| Part::Line(Arc::unwrap_or_clone(line), 0)));
    }
}
