//! Reads the logs of a directory, with or without a supervisor that writes them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::filter::Filter;
use super::lines::{LogLines, TaskLines};
use super::origin::{RunChoice, StoredRun};
use super::position::Direction;
use super::query::LineQuery;
use super::task_log::TaskLog;

/// Reads what is kept of the logs in one directory: all segments, compressed or not.
///
/// Lines of one task come in the order in which they begin in its log, those of several tasks in the order of time.
#[derive(Debug, Clone)]
pub struct LogReader {
    dir: PathBuf,
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
        runs(&mut TaskLog::open(&self.dir, task, None, false)?)
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
            let number = (tasks.len() > 1).then_some(number);
            let mut log = TaskLog::open(&self.dir, task.as_ref(), number, query.waits_for_ends)?;
            let run = match query.run {
                None => None,
                Some(RunChoice::Key(run)) => Some(run),
                Some(choice) => match choice.among(&runs(&mut log)?) {
                    Some(run) => Some(run),
                    None => continue,
                },
            };
            let filter = Filter { query: query.clone(), run };
            lines.push(TaskLines::new(log, filter, direction)?);
        }
        Ok(LogLines::new(direction, lines))
    }
}

fn runs(log: &mut TaskLog) -> io::Result<Vec<StoredRun>> {
    let mut runs: Vec<StoredRun> = Vec::new();
    log.each_record(|record| match runs.last_mut() {
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
