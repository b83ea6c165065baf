//! Reads the logs of a directory, with or without a supervisor that writes them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use memchr::{memchr, memchr2, memrchr};
use regex::bytes::{Regex, RegexBuilder};

use super::index::Piece;
use super::lines::{Direction, LogLines, TaskLines};
use super::task_log::TaskLog;
use super::text::without_escapes;
use super::{LineId, OutputStream, RunKey};

/// Reads what is kept of the logs in one directory: all segments, compressed or not.
///
/// Lines of one task come in the order in which they begin in its log, those of several tasks in the order of time.
#[derive(Debug, Clone)]
pub struct LogReader {
    dir: PathBuf,
}

/// Which lines are asked for. By default all of them.
#[derive(Debug, Clone, Default)]
pub struct LineQuery {
    /// Only those of one run.
    pub run: Option<RunChoice>,
    /// Only those of one stream.
    pub stream: Option<OutputStream>,
    /// Only those written at this time or later.
    pub since: Option<Timestamp>,
    /// Only those written at this time or earlier.
    pub until: Option<Timestamp>,
    /// Only those in which something matches.
    pub pattern: Option<LinePattern>,
    /// Where to begin: forwards with this line, backwards with the one before it. By default at the oldest line, or at
    /// the newest.
    pub from: Option<LineId>,
    /// Whether lines that have not ended wait until they have: for those who follow a log.
    pub waits_for_ends: bool,
    /// Once this is true there are no more lines. It is looked at between windows of the log.
    pub cancelled: Arc<AtomicBool>,
}

/// One run of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunChoice {
    /// So many runs before the last one; 0 is the last one.
    Back(usize),
    /// The latest run of this number.
    Number(u32),
    /// Exactly this one.
    Key(RunKey),
}

/// What is kept of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRun {
    /// Which run.
    pub key: RunKey,
    /// When it wrote its first byte that is kept.
    pub first: Timestamp,
    /// When it began the last chunk of what it wrote.
    pub last: Timestamp,
    /// How much is kept, in bytes.
    pub bytes: u64,
}

/// A regular expression that is looked for in the text of lines, without their escape sequences.
#[derive(Debug, Clone)]
pub struct LinePattern {
    regex: Regex,
    /// Whether looking for it in many lines at once finds every line that matches.
    is_line_free: bool,
}

impl LogReader {
    /// Reads the logs in `dir`, which need not be there.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The tasks that have a log, by name.
    ///
    /// # Errors
    ///
    /// The directory can't be read.
    pub fn tasks(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = BTreeSet::new();
        for entry in entries {
            let file = entry?.file_name();
            names.extend(file.to_str().and_then(|file| file.strip_suffix(".log")).map(str::to_owned));
        }
        Ok(names.into_iter().collect())
    }

    /// The runs of which something is kept, oldest first.
    ///
    /// # Errors
    ///
    /// The log can't be read.
    pub fn runs(&self, task: &str) -> io::Result<Vec<StoredRun>> {
        runs(&mut TaskLog::open(&self.dir, task, false)?)
    }

    /// The lines of these tasks from the oldest to the newest.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn forwards<T: AsRef<str>>(&self, tasks: &[T], query: &LineQuery) -> io::Result<LogLines> {
        self.lines(tasks, query, Direction::Forwards)
    }

    /// The lines of these tasks from the newest to the oldest.
    ///
    /// # Errors
    ///
    /// A log can't be read.
    pub fn backwards<T: AsRef<str>>(&self, tasks: &[T], query: &LineQuery) -> io::Result<LogLines> {
        self.lines(tasks, query, Direction::Backwards)
    }

    fn lines<T: AsRef<str>>(&self, tasks: &[T], query: &LineQuery, direction: Direction) -> io::Result<LogLines> {
        let mut lines = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let mut view = TaskLog::open(&self.dir, task.as_ref(), query.waits_for_ends)?;
            let run = match query.run {
                None => None,
                Some(RunChoice::Key(run)) => Some(run),
                Some(choice) => match choice.among(&runs(&mut view)?) {
                    Some(run) => Some(run),
                    None => continue,
                },
            };
            let filter = Filter {
                run,
                stream: query.stream,
                since: query.since,
                until: query.until,
                pattern: query.pattern.clone(),
                waits: query.waits_for_ends,
                cancelled: Arc::clone(&query.cancelled),
            };
            let number = (tasks.len() > 1).then_some(number);
            lines.push(TaskLines::new((task.as_ref(), number), view, filter, direction, query.from)?);
        }
        Ok(LogLines::new(direction, lines))
    }
}

fn runs(view: &mut TaskLog) -> io::Result<Vec<StoredRun>> {
    let mut runs: Vec<StoredRun> = Vec::new();
    view.each_record(|record| match runs.last_mut() {
        Some(last) if last.key == record.run => {
            last.last = record.at;
            last.bytes += u64::from(record.len);
        }
        _ => {
            let (key, at) = (record.run, record.at);
            runs.push(StoredRun { key, first: at, last: at, bytes: u64::from(record.len) });
        }
    })?;
    Ok(runs)
}

impl RunChoice {
    fn among(self, runs: &[StoredRun]) -> Option<RunKey> {
        let mut newest_first = runs.iter().rev().map(|run| run.key);
        match self {
            Self::Back(count) => newest_first.nth(count),
            Self::Number(number) => newest_first.find(|key| key.number == number),
            Self::Key(wanted) => newest_first.find(|key| *key == wanted),
        }
    }
}

impl LinePattern {
    /// Reads a regular expression; `^` and `$` mean the ends of a line.
    ///
    /// # Errors
    ///
    /// It is none, or it is too large.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        Self::build(pattern, false)
    }

    /// The same for what somebody types: case matters only if it has an upper-case letter.
    ///
    /// # Errors
    ///
    /// As [`LinePattern::new`].
    pub fn smart_case(pattern: &str) -> Result<Self, regex::Error> {
        Self::build(pattern, ignores_case(pattern))
    }

    fn build(pattern: &str, ignores_case: bool) -> Result<Self, regex::Error> {
        let regex = RegexBuilder::new(pattern).multi_line(true).case_insensitive(ignores_case).build()?;
        // What knows the ends of the text, or may switch off what it was built with, must see each line alone.
        let is_line_free = !["\\A", "\\z", "(?"].iter().any(|odd| pattern.contains(odd));
        Ok(Self { regex, is_line_free })
    }

    /// Whether it is found in this line.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        match memchr(b'\x1b', line) {
            None => self.regex.is_match(line),
            Some(_) => self.regex.is_match(without_escapes(line).as_bytes()),
        }
    }

    /// Calls `f` with every line of `text` in which it may match; each is followed by a line feed.
    fn each_line(&self, text: &[u8], mut f: impl FnMut(Range<usize>)) {
        let mut at = 0;
        while at < text.len() {
            let Some(found) = self.regex.find_at(text, at).filter(|found| found.start() < text.len()) else { return };
            let start = memrchr(b'\n', &text[..found.start()]).map_or(0, |end| end + 1);
            let end = memchr(b'\n', &text[found.start()..]).map_or(text.len(), |end| found.start() + end);
            f(start..end);
            at = end + 1;
        }
    }
}

/// Whether no letter of the pattern is upper-case, those of escapes such as `\S` aside.
pub(crate) fn ignores_case(pattern: &str) -> bool {
    let mut escaped = false;
    !pattern.chars().any(|c| {
        let counts = !escaped && c.is_uppercase();
        escaped = !escaped && c == '\\';
        counts
    })
}

/// A query as it applies to one task.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) run: Option<RunKey>,
    pub(super) stream: Option<OutputStream>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) pattern: Option<LinePattern>,
    pub(super) waits: bool,
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Filter {
    /// Whether lines that begin in this piece are asked for.
    pub(super) fn passes(&self, piece: &Piece) -> bool {
        self.run.is_none_or(|run| run == piece.run)
            && self.stream.is_none_or(|stream| stream == piece.stream)
            && self.since.is_none_or(|since| since <= piece.at)
            && self.until.is_none_or(|until| piece.at <= until)
    }

    /// Whether a line has what is looked for.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(line))
    }

    /// Calls `f` with every line of `text` that may match; each is followed by a line feed.
    pub(super) fn each_line(&self, text: &[u8], mut f: impl FnMut(Range<usize>)) {
        match &self.pattern {
            // Where nothing is hidden or overwritten, what is there is what a line says.
            Some(pattern) if pattern.is_line_free && memchr2(b'\x1b', b'\r', text).is_none() => {
                pattern.each_line(text, f);
            }
            Some(_) | None => {
                let mut start = 0;
                for end in memchr::memchr_iter(b'\n', text) {
                    f(start..end);
                    start = end + 1;
                }
            }
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
