//! Lines of one or more logs, one after the other, in the order of time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::index::Piece;
use super::reader::Filter;
use super::task_log::{ScanWindow, TaskLog};
use super::{LineId, OutputStream, RunKey};

/// What one step of reading has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadStep {
    /// The next line.
    Line(LogLine),
    /// Nothing yet: a window of the log has been read, and there is more.
    Reading,
    /// There are no more lines for now.
    End,
}

/// A line as it is kept on disk, as raw bytes without its line end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
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
    pub stream: OutputStream,
    /// What was written, escape sequences and all; at most 128 KiB.
    #[serde(rename = "text", serialize_with = "lossy")]
    pub bytes: Vec<u8>,
    /// Whether the line was longer than what was read of it.
    pub cut: bool,
    /// Whether it has ended; the last line of a run that is under way may not have.
    pub is_finished: bool,
}

impl LogLine {
    /// Its name as text; see [`LineId::of_cursor`].
    #[must_use]
    pub fn cursor(&self) -> String {
        self.id.cursor(self.at, &self.task)
    }
}

fn lossy<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogPosition {
    pub(super) segment: usize,
    pub(super) offset: u64,
}

/// A line of one log.
#[derive(Debug)]
pub(super) struct FoundLine {
    pub(super) place: LogPosition,
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
/// window at a time, always where the next line may be; nothing is held but those windows and the files.
#[derive(Debug)]
pub struct LogLines {
    direction: Direction,
    tasks: Vec<TaskLines>,
}

/// The lines of one task.
#[derive(Debug)]
pub(super) struct TaskLines {
    task: Arc<str>,
    /// Its number among those that are read, if they are several.
    number: Option<usize>,
    filter: Filter,
    view: TaskLog,
    direction: Direction,
    place: LogPosition,
    /// Where the log ended when it was opened.
    end: LogPosition,
    /// What is to be read next, once that has been looked for.
    ahead: Option<Ahead>,
    ready: VecDeque<FoundLine>,
    /// Where lines begin that have not ended, if they are waited for.
    unfinished: Vec<LogPosition>,
}

/// What may be found further on.
#[derive(Debug, Clone)]
enum Ahead {
    /// Nothing before this window.
    Window(ScanWindow),
    /// Nothing, as far as the log has been seen.
    Nothing,
}

impl LogLines {
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

    /// Goes one step: reads at most one window of a log.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn step(&mut self) -> io::Result<ReadStep> {
        for may_read in [true, false] {
            let Some((_, next)) = self.next_task()? else { return Ok(ReadStep::End) };
            let task = &mut self.tasks[next];
            match task.ready.pop_front() {
                Some(found) => return Ok(ReadStep::Line(task.stored(found))),
                None if may_read => task.read_window()?,
                None => {}
            }
        }
        Ok(ReadStep::Reading)
    }

    /// The lines that have begun but not ended and that match as they look now, if they are waited for.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn unfinished(&mut self) -> io::Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        for task in &mut self.tasks {
            for place in task.unfinished.clone() {
                for found in task.line_at(place)?.into_iter().filter(|line| !line.bytes.is_empty()) {
                    if task.filter.matches(&found.bytes) {
                        lines.push(task.stored(found));
                    }
                }
            }
        }
        lines.sort_by_key(|line| line.id);
        Ok(lines)
    }

    /// How many bytes of the logs lie before it, in the direction of reading, as far as they have been seen.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.tasks.iter().map(|task| task.view.bytes_beyond(task.place, task.direction)).sum()
    }

    /// A cursor between the lines that were taken and the rest: reading goes on there as it does behind a line, or
    /// before one. None at the end.
    ///
    /// # Errors
    ///
    /// An index can't be read.
    pub fn cursor(&mut self) -> io::Result<Option<String>> {
        let Some((at, next)) = self.next_task()? else { return Ok(None) };
        let task = &self.tasks[next];
        let id = task.id(task.reached(), at);
        let id = if self.direction == Direction::Forwards { id.before() } else { id };
        Ok(Some(id.cursor(at, &task.task)))
    }

    /// Which task has the next line, or may have, and when that was written.
    fn next_task(&mut self) -> io::Result<Option<(Timestamp, usize)>> {
        let mut next: Option<(Timestamp, usize)> = None;
        for (index, task) in self.tasks.iter_mut().enumerate() {
            let Some(at) = task.next_at()? else { continue };
            let is_next = next.is_none_or(|(best, _)| match self.direction {
                Direction::Forwards => at < best,
                Direction::Backwards => at >= best,
            });
            if is_next {
                next = Some((at, index));
            }
        }
        Ok(next)
    }
}

impl Iterator for LogLines {
    type Item = io::Result<LogLine>;

    /// The next line. None at the end for now, and after the query has been cancelled.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(ReadStep::Line(line)) => return Some(Ok(line)),
                Ok(ReadStep::Reading) => {}
                Ok(ReadStep::End) => return None,
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
        (task, number): (&str, Option<usize>),
        mut view: TaskLog,
        filter: Filter,
        direction: Direction,
        from: Option<LineId>,
    ) -> io::Result<Self> {
        let end = view.end()?;
        let place = match (direction, from) {
            (_, Some(id)) => view.place_of(id, number.unwrap_or(0))?,
            (Direction::Forwards, None) => view.start(),
            (Direction::Backwards, None) => end,
        };
        let (ready, unfinished) = (VecDeque::new(), Vec::new());
        Ok(Self { task: task.into(), number, filter, view, direction, place, end, ahead: None, ready, unfinished })
    }

    fn turn_to_the_end(&mut self) {
        self.direction = Direction::Forwards;
        self.place = self.end;
        self.ahead = None;
        self.ready.clear();
    }

    fn refresh(&mut self) -> io::Result<()> {
        let needed = self.places().map(|place| place.segment).min().unwrap_or(0);
        let gone = self.view.refresh(needed)?;
        self.places().for_each(|place| place.segment -= gone);
        self.ahead = None;
        let end = self.view.end()?;
        if self.place > end {
            // Somebody has cut it short: what is in it now is new.
            self.place = LogPosition { offset: 0, ..end };
            self.unfinished.clear();
        }
        for place in std::mem::take(&mut self.unfinished) {
            let lines = self.line_at(place)?;
            self.keep(lines);
        }
        Ok(())
    }

    /// Every place that it still needs.
    fn places(&mut self) -> impl Iterator<Item = &mut LogPosition> {
        let ready = self.ready.iter_mut().map(|found| &mut found.place);
        ready.chain(&mut self.unfinished).chain([&mut self.place])
    }

    /// The line that begins here, if it passes.
    fn line_at(&mut self, place: LogPosition) -> io::Result<Vec<FoundLine>> {
        self.view.lines_in(place.segment, place.offset..place.offset + 1, &self.filter)
    }

    /// When the next line was written, or the first that may be found further on.
    fn next_at(&mut self) -> io::Result<Option<Timestamp>> {
        if let Some(found) = self.ready.front() {
            return Ok(Some(found.piece.at));
        }
        if self.filter.is_cancelled() {
            return Ok(None);
        }
        match self.look_ahead()? {
            Ahead::Window(window) => Ok(Some(window.at)),
            Ahead::Nothing => Ok(None),
        }
    }

    fn look_ahead(&mut self) -> io::Result<&Ahead> {
        match &mut self.ahead {
            Some(ahead) => Ok(ahead),
            unknown @ None => {
                let window = match self.direction {
                    Direction::Forwards => self.view.window_from(self.place, &self.filter)?,
                    Direction::Backwards => self.view.window_before(self.place, &self.filter)?,
                };
                Ok(unknown.insert(window.map_or(Ahead::Nothing, Ahead::Window)))
            }
        }
    }

    /// Where the rest begins, or, backwards, ends.
    fn reached(&self) -> LogPosition {
        match (self.ready.front(), &self.ahead, self.direction) {
            (Some(found), _, Direction::Forwards) => found.place,
            (Some(found), _, Direction::Backwards) => LogPosition { offset: found.place.offset + 1, ..found.place },
            (None, Some(Ahead::Window(window)), Direction::Forwards) => window.start(),
            (None, Some(Ahead::Window(window)), Direction::Backwards) => window.end(),
            (None, Some(Ahead::Nothing) | None, _) => self.place,
        }
    }

    /// Reads the next window, if there is one.
    fn read_window(&mut self) -> io::Result<()> {
        let Ahead::Window(window) = self.look_ahead()?.clone() else { return Ok(()) };
        self.ahead = None;
        self.place = match self.direction {
            Direction::Forwards => window.end(),
            Direction::Backwards => window.start(),
        };
        let lines = self.view.lines_in(window.segment, window.range, &self.filter)?;
        self.keep(lines);
        Ok(())
    }

    fn keep(&mut self, mut lines: Vec<FoundLine>) {
        if self.filter.waits {
            let unfinished = lines.iter().filter(|line| !line.is_finished).map(|line| line.place);
            self.unfinished.extend(unfinished);
            lines.retain(|line| line.is_finished);
        }
        if self.direction == Direction::Backwards {
            lines.reverse();
        }
        self.ready.extend(lines);
    }

    fn id(&self, place: LogPosition, at: Timestamp) -> LineId {
        let at = self.number.map_or(0, |_| at.as_microsecond());
        LineId { at, task: self.number.unwrap_or(0), segment: self.view.key(place.segment), offset: place.offset }
    }

    fn stored(&self, found: FoundLine) -> LogLine {
        let FoundLine { place, piece: Piece { at, run, stream, .. }, bytes, cut, is_finished } = found;
        LogLine { id: self.id(place, at), task: Arc::clone(&self.task), at, run, stream, bytes, cut, is_finished }
    }
}
