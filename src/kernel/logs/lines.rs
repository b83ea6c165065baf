//! Lines of one or more logs, one after the other, in the order of time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::index::Piece;
use super::mark::LineMark;
use super::reader::Filter;
use super::view::View;
use super::{RunKey, Stream, lossy};

/// A line as it is kept on disk, as raw bytes without its line end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredLine {
    /// The task that wrote it.
    pub task: Arc<str>,
    /// When its first byte was read, to 10 ms.
    pub at: Timestamp,
    /// The run that wrote it.
    pub run: RunKey,
    /// Where it was written to.
    pub stream: Stream,
    /// What was written, escape sequences and all; at most 128 KiB.
    #[serde(rename = "text", serialize_with = "lossy")]
    pub bytes: Vec<u8>,
    /// Whether the line was longer than what was read of it.
    pub cut: bool,
    /// Whether it has ended; the last line of a run that is under way may not have.
    pub is_finished: bool,
    /// Where it begins in its segment.
    #[serde(skip)]
    pub offset: u64,
}

impl StoredLine {
    /// What names it.
    #[must_use]
    pub fn mark(&self) -> LineMark {
        LineMark { task: self.task.to_string(), at: self.at, offset: self.offset }
    }
}

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: usize,
    pub(super) offset: u64,
}

impl Place {
    fn behind(self) -> Self {
        Self { offset: self.offset + 1, ..self }
    }
}

/// A line of one log.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    /// What is known about its first byte.
    pub(super) piece: Piece,
    pub(super) bytes: Vec<u8>,
    pub(super) cut: bool,
    pub(super) is_finished: bool,
}

/// The direction in which lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forwards,
    Backwards,
}

/// The lines that were asked for, merged over the tasks in the order of time. Files are read as lines are taken, a
/// window at a time; nothing is held but that window, the files, and the next line of each task.
#[derive(Debug)]
pub struct Lines {
    direction: Direction,
    tasks: Vec<TaskLines>,
}

/// The lines of one task.
#[derive(Debug)]
pub(super) struct TaskLines {
    task: Arc<str>,
    filter: Filter,
    view: View,
    direction: Direction,
    place: Place,
    /// Where the log ended when it was opened.
    end: Place,
    ready: VecDeque<Found>,
    /// Where lines begin that have not ended, if they are waited for.
    unfinished: Vec<Place>,
    waits: bool,
}

impl Lines {
    pub(super) fn new(direction: Direction, tasks: Vec<TaskLines>) -> Self {
        Self { direction, tasks }
    }

    /// Goes on forwards from where the logs ended when they were opened, whatever has been taken.
    pub fn turn_to_the_end(&mut self) {
        self.direction = Direction::Forwards;
        self.tasks.iter_mut().for_each(TaskLines::turn_to_the_end);
    }

    /// Sees what has been written since. For lines that are followed, forwards.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.tasks.iter_mut().try_for_each(TaskLines::refresh)
    }

    /// How many bytes there are between here and the end, as far as that has been seen. Forwards.
    ///
    /// # Errors
    ///
    /// An index can't be read.
    pub fn bytes_ahead(&mut self) -> io::Result<u64> {
        self.tasks.iter_mut().map(|task| task.view.bytes_from(task.place)).sum()
    }

    /// Which task has the next line.
    fn next_task(&mut self) -> io::Result<Option<usize>> {
        let mut next: Option<(Timestamp, usize)> = None;
        for (number, task) in self.tasks.iter_mut().enumerate() {
            let Some(at) = task.peek()? else { continue };
            let is_next = next.is_none_or(|(best, _)| match self.direction {
                Direction::Forwards => at < best,
                Direction::Backwards => at >= best,
            });
            if is_next {
                next = Some((at, number));
            }
        }
        Ok(next.map(|(_, number)| number))
    }
}

impl Iterator for Lines {
    type Item = io::Result<StoredLine>;

    /// The next line. None at the end for now, and after the query has been cancelled.
    fn next(&mut self) -> Option<Self::Item> {
        match self.next_task() {
            Ok(task) => self.tasks[task?].take().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

impl TaskLines {
    /// # Errors
    ///
    /// The log can't be read.
    pub(super) fn new(
        task: &str,
        mut view: View,
        filter: Filter,
        direction: Direction,
        beyond: Option<&LineMark>,
    ) -> io::Result<Self> {
        let end = view.end()?;
        let place = match (direction, beyond) {
            (Direction::Forwards, None) => view.start(),
            (Direction::Backwards, None) => end,
            // Within the line: the next one is the first that begins behind it.
            (Direction::Forwards, Some(mark)) => view.find(mark)?.map_or(view.start(), Place::behind),
            (Direction::Backwards, Some(mark)) => view.find(mark)?.unwrap_or(view.start()),
        };
        let waits = filter.waits;
        let (ready, unfinished) = (VecDeque::new(), Vec::new());
        Ok(Self { task: task.into(), filter, view, direction, place, end, ready, unfinished, waits })
    }

    fn turn_to_the_end(&mut self) {
        self.direction = Direction::Forwards;
        self.place = self.end;
        self.ready.clear();
    }

    fn refresh(&mut self) -> io::Result<()> {
        let needed = self.unfinished.iter().map(|place| place.segment).chain([self.place.segment]).min().unwrap_or(0);
        let gone = self.view.refresh(needed)?;
        self.place.segment -= gone;
        self.unfinished.iter_mut().for_each(|place| place.segment -= gone);
        let end = self.view.end()?;
        if self.place > end {
            // Somebody has cut it short: what is in it now is new.
            self.place = Place { offset: 0, ..end };
            self.unfinished.clear();
        }
        for place in std::mem::take(&mut self.unfinished) {
            let lines = self.view.lines_in(place.segment, place.offset..place.offset + 1, &self.filter)?;
            self.keep(lines);
        }
        Ok(())
    }

    /// When the next line was written, if there is one.
    fn peek(&mut self) -> io::Result<Option<Timestamp>> {
        while self.ready.is_empty() && !self.filter.is_cancelled() {
            let (window, next) = match self.direction {
                Direction::Forwards => {
                    let window = self.view.window_from(self.place, &self.filter)?;
                    let next = window.as_ref().map(|(_, range)| range.end);
                    (window, next)
                }
                Direction::Backwards => {
                    let window = self.view.window_before(self.place, &self.filter)?;
                    let next = window.as_ref().map(|(_, range)| range.start);
                    (window, next)
                }
            };
            let (Some((segment, range)), Some(offset)) = (window, next) else { return Ok(None) };
            self.place = Place { segment, offset };
            let lines = self.view.lines_in(segment, range, &self.filter)?;
            self.keep(lines);
        }
        Ok(self.ready.front().map(|line| line.piece.at))
    }

    fn keep(&mut self, mut lines: Vec<Found>) {
        if self.waits {
            let unfinished = lines.iter().filter(|line| !line.is_finished).map(|line| line.place);
            self.unfinished.extend(unfinished);
            lines.retain(|line| line.is_finished);
        }
        if self.direction == Direction::Backwards {
            lines.reverse();
        }
        self.ready.extend(lines);
    }

    fn take(&mut self) -> Option<StoredLine> {
        let Found { place, piece, bytes, cut, is_finished } = self.ready.pop_front()?;
        let task = Arc::clone(&self.task);
        let (at, run, stream, offset) = (piece.at, piece.run, piece.stream, place.offset);
        Some(StoredLine { task, at, run, stream, bytes, cut, is_finished, offset })
    }
}
