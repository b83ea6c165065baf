//! The lines around one place, or at the end, of all that is kept: a window that moves along with the reader.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::scan::Scan;
use super::worker::{Job, JobProgress};
use jiff::Timestamp;

use crate::logs::{LineFilter, LineId, LineLimits, LinePattern, LineQuery, LogLine, LogReader, ReadStep, RunChoice};
use crate::ui::{LogChoice, LogWindow};

/// Lines that are read on each side of the place. More than any screen has rows, so that a page up or down stays in
/// the window. Each takes at most [`LineLimits::SCREEN`].
pub(super) const LINES_BESIDE: usize = 1_000;
/// Steps that are done at once, if each is only a line.
const WINDOW_STEPS: usize = 256;
/// Who is so far behind what is written begins anew at the end.
const WINDOW_BEHIND_BYTES: u64 = 512 * 1024;

/// Which lines, and where among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) choice: LogChoice,
    pub(super) around: Option<LineId>,
    pub(super) at: Option<Timestamp>,
}

/// Reads windows.
#[derive(Debug)]
pub(super) struct WindowJob {
    reader: LogReader,
    wanted: Opened,
    window: io::Result<OpenWindow>,
}

#[derive(Debug)]
struct OpenWindow {
    scan: Scan,
    lines: VecDeque<Arc<LogLine>>,
    /// Which side has its turn if both want to grow.
    turns_back: bool,
    filter: Option<Arc<LineFilter>>,
    /// The time that was looked for, and what was found.
    found: Option<(Timestamp, Option<LineId>)>,
}

impl WindowJob {
    pub(super) fn new(reader: LogReader) -> Self {
        let wanted = Opened::default();
        let window = OpenWindow::open(&reader, &wanted);
        Self { reader, wanted, window }
    }

    fn open(&mut self) {
        self.window = OpenWindow::open(&self.reader, &self.wanted);
    }

    /// The line that the window is around.
    fn around(&self) -> Option<LineId> {
        self.window.as_ref().map_or(self.wanted.around, |window| found_or(window, self.wanted.around))
    }

    /// Does something with the window, which is lost when that fails.
    fn with_window<T: Default>(&mut self, f: impl FnOnce(&mut OpenWindow, Option<LineId>) -> io::Result<T>) -> T {
        let Ok(window) = &mut self.window else { return T::default() };
        let around = found_or(window, self.wanted.around);
        f(window, around).unwrap_or_else(|error| {
            self.window = Err(error);
            T::default()
        })
    }
}

impl Job for WindowJob {
    type Query = Opened;
    type Answer = LogWindow;

    fn turn_to(&mut self, wanted: Opened) {
        let is_same_log = wanted.choice == self.wanted.choice && (wanted.at.is_none() || wanted.at == self.wanted.at);
        self.wanted = wanted;
        let around = self.around();
        if !(is_same_log && self.window.as_ref().is_ok_and(|window| window.reaches(around))) {
            self.open();
        }
    }

    fn refresh(&mut self) {
        let Ok(window) = &mut self.window else { return self.open() };
        let is_refreshed = window.scan.refresh();
        let is_far_behind = self.wanted.around.is_none()
            && self.wanted.choice.filter.is_none()
            && self.wanted.choice.floor.is_none()
            && window.scan.bytes_ahead() > WINDOW_BEHIND_BYTES;
        match is_refreshed {
            Ok(()) if is_far_behind => self.open(),
            Ok(()) => {}
            Err(error) => self.window = Err(error),
        }
    }

    fn step(&mut self) -> JobProgress {
        let grows = self.with_window(|window, around| {
            for _ in 0..WINDOW_STEPS {
                match window.step(around)? {
                    Some(false) => {}
                    Some(true) => return Ok(true),
                    None => return Ok(false),
                }
            }
            Ok(true)
        });
        if grows { JobProgress::More } else { JobProgress::Done }
    }

    fn answer(&mut self) -> LogWindow {
        let (choice, around) = (self.wanted.choice.clone(), self.around());
        let answer = self.window.as_ref().map(|window| window.answer(around)).unwrap_or_default();
        let error = self.window.as_ref().err().map(|error| format!("can't be read: {error}"));
        LogWindow { choice, error, ..answer }
    }
}

impl OpenWindow {
    fn open(reader: &LogReader, wanted: &Opened) -> io::Result<Self> {
        let query = query(&wanted.choice, None)?;
        let tasks = wanted.choice.of.tasks();
        let found = match wanted.at {
            Some(at) => {
                let first =
                    reader.forwards(tasks, &LineQuery { since: Some(at), ..query.clone() })?.next().transpose()?;
                Some((at, first.map(|line| line.id)))
            }
            None => None,
        };
        let around = found.map_or(wanted.around, |(_, line)| line);
        let scan = Scan::open(reader, tasks, &query, around)?;
        Ok(Self { scan, lines: VecDeque::new(), turns_back: false, filter: query.filter, found })
    }

    /// Whether it can grow to what is around this place, without leaving anything out.
    fn reaches(&self, around: Option<LineId>) -> bool {
        let Some(around) = around else { return self.scan.follows() && self.scan.is_end_reached() };
        let is_within = |first: &LogLine, last: &LogLine| {
            (first.id <= around || self.scan.is_start_reached()) && (around <= last.id || self.scan.is_end_reached())
        };
        let (Some(first), Some(last)) = (self.lines.front(), self.lines.back()) else { return false };
        let beside = self.beside(Some(around));
        is_within(first, last)
            && (beside.0 >= LINES_BESIDE || self.scan.can_go_back() || self.scan.is_start_reached())
            && (beside.1 >= LINES_BESIDE || self.scan.follows())
    }

    /// How many lines there are before the place, and after it.
    fn beside(&self, around: Option<LineId>) -> (usize, usize) {
        let before = around.map_or(self.lines.len(), |id| self.lines.partition_point(|line| line.id < id));
        (before, self.lines.len() - before)
    }

    /// Grows by a step where lines are missing. `None` if none are; whether it was more than a line otherwise.
    fn step(&mut self, around: Option<LineId>) -> io::Result<Option<bool>> {
        let (before, after) = self.beside(around);
        let wants_back = self.scan.can_go_back() && before < LINES_BESIDE;
        let wants_on = self.scan.can_go_on() && (around.is_none() || after < LINES_BESIDE);
        self.turns_back = wants_back && (!self.turns_back || !wants_on);
        if self.turns_back {
            let ReadStep::Line(line) = self.scan.step_back()? else { return Ok(Some(true)) };
            self.lines.push_front(Arc::new(line));
            self.forget_newest();
            return Ok(Some(false));
        }
        if wants_on {
            let ReadStep::Line(line) = self.scan.step_on()? else { return Ok(Some(true)) };
            // It may have begun before lines that were there first.
            let at = self.lines.partition_point(|other| other.id < line.id);
            self.lines.insert(at, Arc::new(line));
            self.forget_oldest();
            return Ok(Some(false));
        }
        if around.is_none() && self.scan.can_go_back() {
            // At the end nothing older is wanted for good.
            self.scan.end_older()?;
            return Ok(Some(true));
        }
        Ok(None)
    }

    fn forget_newest(&mut self) {
        if self.lines.len() > 2 * LINES_BESIDE {
            self.lines.pop_back();
            self.scan.end_newer();
        }
    }

    fn forget_oldest(&mut self) {
        if self.lines.len() > 2 * LINES_BESIDE {
            self.lines.pop_front();
            self.scan.forget_start();
        }
    }

    fn answer(&self, around: Option<LineId>) -> LogWindow {
        let (before, _) = self.beside(around);
        let mut lines: Vec<_> = self.lines.iter().cloned().collect();
        for line in self.scan.unfinished() {
            let at = lines.partition_point(|other| other.id < line.id);
            lines.insert(at, Arc::new(line));
        }
        let is_reading = (self.scan.can_go_back() && before < LINES_BESIDE) || self.scan.can_go_on();
        LogWindow {
            lines,
            is_start: self.scan.is_start_reached(),
            is_end: self.scan.is_end_reached(),
            is_reading,
            hidden: self.filter.as_ref().map_or(0, |filter| filter.hidden()),
            found: self.found,
            ..LogWindow::default()
        }
    }
}

/// The line that was found for a time, or the one that is asked for.
fn found_or(window: &OpenWindow, around: Option<LineId>) -> Option<LineId> {
    window.found.and_then(|(_, line)| line).or(around)
}

/// The query for these lines, and among them those that match.
pub(super) fn query(choice: &LogChoice, pattern: Option<&str>) -> io::Result<LineQuery> {
    let pattern = pattern.map(LinePattern::smart_case).transpose().map_err(io::Error::other)?;
    let filter = choice.line_filter().map(Arc::new);
    let run = choice.run.map(RunChoice::Key);
    Ok(LineQuery { run, pattern, filter, limits: LineLimits::SCREEN, ..LineQuery::default() })
}
