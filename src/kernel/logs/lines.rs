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

/// Names one line of what is kept of some tasks, and where it stands among the others: the lines before it have smaller
/// names, those after it larger ones.
///
/// A name is good for the same tasks in the same order, for any reader, and as long as the line is kept: files that
/// grow old do not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LineId {
    /// When it was written, in microseconds; 0 in the log of one task, which has an order without it.
    pub(super) at: i64,
    /// The number of its task among those that are read.
    pub(super) task: usize,
    /// See [`View::key`].
    pub(super) segment: i64,
    pub(super) offset: u64,
}

impl LineId {
    /// Before all lines.
    pub const START: Self = Self { at: 0, task: 0, segment: 0, offset: 0 };
    /// After all lines, now and later.
    pub const END: Self = Self { at: i64::MAX, task: usize::MAX, segment: i64::MAX, offset: u64::MAX };

    /// The name of so-manieth line of something that is no log on disk.
    #[must_use]
    pub fn nth(offset: u64) -> Self {
        Self { offset, ..Self::START }
    }
}

/// What one step of reading has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The next line.
    Line(StoredLine),
    /// Nothing yet: a window of the log has been read, and there is more.
    Reading,
    /// There are no more lines for now.
    End,
}

/// A line as it is kept on disk, as raw bytes without its line end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredLine {
    /// Which line it is.
    #[serde(skip)]
    pub id: LineId,
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

/// Where the reading of one log begins, if not at an end of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin<'a> {
    /// At this line, or where it would be; with the number of the log among those that are read.
    At(usize, LineId),
    /// Beyond this line of the log.
    Beyond(&'a LineMark),
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

    /// Goes one step: reads at most one window of a log.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn step(&mut self) -> io::Result<Step> {
        for task in &mut self.tasks {
            if task.ready.is_empty() && task.read_window()? && task.ready.is_empty() {
                return Ok(Step::Reading);
            }
        }
        let is_merged = self.tasks.len() > 1;
        let next = self.next_task();
        let line = next.and_then(|number| self.tasks[number].take(number, is_merged));
        Ok(line.map_or(Step::End, Step::Line))
    }

    /// The lines that have begun but not ended, as they look now, if they are waited for.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn unfinished(&mut self) -> io::Result<Vec<StoredLine>> {
        let is_merged = self.tasks.len() > 1;
        let mut lines = Vec::new();
        for (number, task) in self.tasks.iter_mut().enumerate() {
            for place in task.unfinished.clone() {
                for found in task.line_at(place)?.into_iter().filter(|line| !line.bytes.is_empty()) {
                    lines.push(task.stored(found, number, is_merged));
                }
            }
        }
        lines.sort_by_key(|line| line.id);
        Ok(lines)
    }

    /// How many bytes of the logs lie before it, in the direction of reading.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.tasks.iter().map(|task| task.view.bytes_beyond(task.place, task.direction)).sum()
    }

    /// Which task has the next line of those that have one ready.
    fn next_task(&self) -> Option<usize> {
        let mut next: Option<(Timestamp, usize)> = None;
        for (number, task) in self.tasks.iter().enumerate() {
            let Some(at) = task.ready.front().map(|line| line.piece.at) else { continue };
            let is_next = next.is_none_or(|(best, _)| match self.direction {
                Direction::Forwards => at < best,
                Direction::Backwards => at >= best,
            });
            if is_next {
                next = Some((at, number));
            }
        }
        next.map(|(_, number)| number)
    }
}

impl Iterator for Lines {
    type Item = io::Result<StoredLine>;

    /// The next line. None at the end for now, and after the query has been cancelled.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Step::Line(line)) => return Some(Ok(line)),
                Ok(Step::Reading) => {}
                Ok(Step::End) => return None,
                Err(error) => return Some(Err(error)),
            }
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
        begin: Option<Begin<'_>>,
    ) -> io::Result<Self> {
        let end = view.end()?;
        let place = match (direction, begin) {
            (_, Some(Begin::At(number, id))) => view.place_of(id, number)?,
            (Direction::Forwards, None) => view.start(),
            (Direction::Backwards, None) => end,
            // Within the line: the next one is the first that begins behind it.
            (Direction::Forwards, Some(Begin::Beyond(mark))) => view.find(mark)?.map_or(view.start(), Place::behind),
            (Direction::Backwards, Some(Begin::Beyond(mark))) => view.find(mark)?.unwrap_or(view.start()),
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
        let needed = self.places().map(|place| place.segment).min().unwrap_or(0);
        let gone = self.view.refresh(needed)?;
        self.places().for_each(|place| place.segment -= gone);
        let end = self.view.end()?;
        if self.place > end {
            // Somebody has cut it short: what is in it now is new.
            self.place = Place { offset: 0, ..end };
            self.unfinished.clear();
        }
        for place in std::mem::take(&mut self.unfinished) {
            let lines = self.line_at(place)?;
            self.keep(lines);
        }
        Ok(())
    }

    /// Every place that it still needs.
    fn places(&mut self) -> impl Iterator<Item = &mut Place> {
        let ready = self.ready.iter_mut().map(|found| &mut found.place);
        ready.chain(&mut self.unfinished).chain([&mut self.place])
    }

    /// The line that begins here, if it passes.
    fn line_at(&mut self, place: Place) -> io::Result<Vec<Found>> {
        self.view.lines_in(place.segment, place.offset..place.offset + 1, &self.filter)
    }

    /// Reads the next window. False if there is none.
    fn read_window(&mut self) -> io::Result<bool> {
        if self.filter.is_cancelled() {
            return Ok(false);
        }
        let window = match self.direction {
            Direction::Forwards => self.view.window_from(self.place, &self.filter)?,
            Direction::Backwards => self.view.window_before(self.place, &self.filter)?,
        };
        let Some((segment, range)) = window else { return Ok(false) };
        let offset = match self.direction {
            Direction::Forwards => range.end,
            Direction::Backwards => range.start,
        };
        self.place = Place { segment, offset };
        let lines = self.view.lines_in(segment, range, &self.filter)?;
        self.keep(lines);
        Ok(true)
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

    fn take(&mut self, number: usize, is_merged: bool) -> Option<StoredLine> {
        self.ready.pop_front().map(|found| self.stored(found, number, is_merged))
    }

    fn stored(&self, found: Found, number: usize, is_merged: bool) -> StoredLine {
        let Found { place, piece, bytes, cut, is_finished } = found;
        let at = if is_merged { piece.at.as_microsecond() } else { 0 };
        let id = LineId { at, task: number, segment: self.view.key(place.segment), offset: place.offset };
        let (task, offset) = (Arc::clone(&self.task), place.offset);
        let (at, run, stream) = (piece.at, piece.run, piece.stream);
        StoredLine { id, task, at, run, stream, bytes, cut, is_finished, offset }
    }
}
