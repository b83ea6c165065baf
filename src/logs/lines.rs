//! Lines of one or more logs, one after the other, in the order of time.

use std::collections::VecDeque;
use std::io;

use jiff::Timestamp;

use super::filter::Filter;
use super::line::LogLine;
use super::position::{Direction, LogPosition};
use super::task_log::{Completed, FoundLine, OpenLine, ScanWindow, TaskLog, WindowLines};

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
    filter: Filter,
    log: TaskLog,
    direction: Direction,
    position: LogPosition,
    /// Where the log ended when it was opened.
    end: LogPosition,
    /// What is to be read next, once that has been looked for.
    ahead: Option<Ahead>,
    ready: VecDeque<FoundLine>,
    /// Lines that have begun but not ended, if they are waited for.
    unfinished: Vec<OpenLine>,
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
                Some(found) => return Ok(ReadStep::Line(found.line)),
                None if may_read => task.read_window()?,
                None => {}
            }
        }
        Ok(ReadStep::Reading)
    }

    /// The selected lines that have begun but not ended, as they are so far, if they are waited for.
    #[must_use]
    pub fn unfinished(&self) -> Vec<LogLine> {
        let so_far = |task: &TaskLines| task.unfinished.iter().filter_map(|line| line.so_far(&task.filter)).collect();
        let mut lines: Vec<_> = self.tasks.iter().flat_map::<Vec<_>, _>(so_far).collect();
        lines.sort_by_key(|line| line.id);
        lines
    }

    /// How many bytes of the logs lie before it, in the direction of reading, as far as they have been seen.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.tasks.iter().map(|task| task.log.bytes_beyond(task.position, task.direction)).sum()
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
        let id = task.log.line_id(task.reached(), at);
        let id = if self.direction == Direction::Forwards { id.before() } else { id };
        Ok(Some(id.cursor(at, task.log.task())))
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
    pub(super) fn new(mut log: TaskLog, filter: Filter, direction: Direction) -> io::Result<Self> {
        let end = log.end()?;
        let position = match (direction, filter.query.from) {
            (_, Some(id)) => log.position_of(id)?,
            (Direction::Forwards, None) => log.start(),
            (Direction::Backwards, None) => end,
        };
        let (ready, unfinished) = (VecDeque::new(), Vec::new());
        Ok(Self { filter, log, direction, position, end, ahead: None, ready, unfinished })
    }

    fn turn_to_the_end(&mut self) {
        self.direction = Direction::Forwards;
        self.position = self.end;
        self.ahead = None;
        self.ready.clear();
    }

    fn refresh(&mut self) -> io::Result<()> {
        let needed = self.positions().map(|position| position.segment).min().unwrap_or(0);
        let gone = self.log.refresh(needed)?;
        self.positions().for_each(|position| position.segment -= gone);
        self.ahead = None;
        let end = self.log.end()?;
        if self.position > end {
            // The file was cut short: what is in it now is new.
            self.position = LogPosition { offset: 0, ..end };
            self.unfinished.clear();
        }
        for line in std::mem::take(&mut self.unfinished) {
            match self.log.complete(line, &self.filter)? {
                Completed::Line(found) => {
                    self.keep(WindowLines { found: found.into_iter().collect(), ..WindowLines::default() })
                }
                Completed::Open(line) => self.unfinished.push(line),
            }
        }
        Ok(())
    }

    /// Every position that it still needs.
    fn positions(&mut self) -> impl Iterator<Item = &mut LogPosition> {
        let ready = self.ready.iter_mut().map(|found| &mut found.position);
        let unfinished = self.unfinished.iter_mut().flat_map(|line| [&mut line.position, &mut line.next]);
        ready.chain(unfinished).chain([&mut self.position])
    }

    /// When the next line was written, or the first that may be found further on.
    fn next_at(&mut self) -> io::Result<Option<Timestamp>> {
        if let Some(found) = self.ready.front() {
            return Ok(Some(found.line.at));
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
                    Direction::Forwards => self.log.window_from(self.position, &self.filter)?,
                    Direction::Backwards => self.log.window_before(self.position, &self.filter)?,
                };
                Ok(unknown.insert(window.map_or(Ahead::Nothing, Ahead::Window)))
            }
        }
    }

    /// Where the rest begins, or, backwards, ends.
    fn reached(&self) -> LogPosition {
        match (self.ready.front(), &self.ahead, self.direction) {
            (Some(found), _, Direction::Forwards) => found.position,
            (Some(found), _, Direction::Backwards) => {
                LogPosition { offset: found.position.offset + 1, ..found.position }
            }
            (None, Some(Ahead::Window(window)), Direction::Forwards) => window.start(),
            (None, Some(Ahead::Window(window)), Direction::Backwards) => window.end(),
            (None, Some(Ahead::Nothing) | None, _) => self.position,
        }
    }

    /// Reads the next window, if there is one.
    fn read_window(&mut self) -> io::Result<()> {
        let Ahead::Window(window) = self.look_ahead()?.clone() else { return Ok(()) };
        self.ahead = None;
        self.position = match self.direction {
            Direction::Forwards => window.end(),
            Direction::Backwards => window.start(),
        };
        let lines = self.log.lines_in(window.segment, window.range, &self.filter)?;
        self.keep(lines);
        Ok(())
    }

    fn keep(&mut self, lines: WindowLines) {
        let WindowLines { mut found, open } = lines;
        self.unfinished.extend(open);
        if self.direction == Direction::Backwards {
            found.reverse();
        }
        self.ready.extend(found);
    }
}
