//! What is kept of failed runs: for each task a small file, one run a line, as JSON.
//!
//! Only reads and writes; what a failure is, and when one is written, is the supervisor's matter.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::private;

/// Failed runs that are kept per task.
pub const POST_MORTEMS_KEPT: usize = 10;
/// Lines that are kept of each.
pub const LAST_LINES: usize = 20;
/// Characters that are kept of each line.
pub const LAST_LINE_CHARS: usize = 500;

/// One failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostMortem {
    /// Whose run it was.
    pub task: String,
    /// The number of the run.
    pub run: u64,
    /// When its supervisor was started.
    #[schema(value_type = String, format = DateTime)]
    pub session: Timestamp,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How it ended: `code 7`, `SIGKILL`, `panic: …`.
    pub reason: String,
    /// The class of that; see `ExitReason::class`.
    pub class: String,
    /// The signal that ended it, by name.
    pub signal: Option<String>,
    /// How long it had lasted, in milliseconds.
    pub ran_for_ms: u64,
    /// Retries used, the one that followed included.
    pub retries: u32,
    /// The retry budget.
    pub max_retries: u32,
    /// What became of the task: `backoff`, `failed`, `done` …
    pub then: String,
    /// The most memory it was seen to use, in bytes; none if it was never sampled.
    pub peak_memory_bytes: Option<u64>,
    /// The last lines it wrote, oldest first.
    pub lines: Vec<LastLine>,
}

/// A line that a failed run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastLine {
    /// When its first byte was read.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Whether it was written to standard error.
    pub is_stderr: bool,
    /// Its text, without escape sequences; at most [`LAST_LINE_CHARS`].
    pub text: String,
}

/// The failed runs of all tasks, in one directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PostMortems {
    dir: PathBuf,
}

impl PostMortems {
    /// Those in `dir`, which need not be there.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The failed runs of a task that are kept, oldest first. A damaged entry is left out.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub fn of(&self, task: &str) -> io::Result<Vec<PostMortem>> {
        let bytes = match fs::read(self.path(task)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes?,
        };
        Ok(bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// The last failed run of each of these tasks, newest first.
    ///
    /// # Errors
    ///
    /// A file can't be read.
    pub fn last_of_each(&self, tasks: &[String]) -> io::Result<Vec<PostMortem>> {
        let mut last = Vec::new();
        for task in tasks {
            last.extend(self.of(task)?.pop());
        }
        last.sort_by_key(|failed| std::cmp::Reverse(failed.at));
        Ok(last)
    }

    /// Adds a failed run; the oldest gives way. Blocks.
    ///
    /// # Errors
    ///
    /// The file can't be written; it is as it was, then.
    pub fn keep(&self, post_mortem: &PostMortem) -> io::Result<()> {
        let path = self.path(&post_mortem.task);
        let mut kept = self.of(&post_mortem.task)?;
        kept.drain(..kept.len().saturating_sub(POST_MORTEMS_KEPT - 1));
        private::create_dir(&self.dir)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        for entry in kept.iter().chain([post_mortem]) {
            serde_json::to_writer(&mut file, entry)?;
            file.write_all(b"\n")?;
        }
        file.persist(path)?;
        Ok(())
    }

    fn path(&self, task: &str) -> PathBuf {
        self.dir.join(format!("{task}.jsonl"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(run: u64) -> PostMortem {
        PostMortem {
            task: "it".to_owned(),
            run,
            session: Timestamp::UNIX_EPOCH,
            at: Timestamp::UNIX_EPOCH,
            reason: "SIGSEGV".to_owned(),
            class: "signal".to_owned(),
            signal: Some("SIGSEGV".to_owned()),
            ran_for_ms: 12,
            retries: 1,
            max_retries: 5,
            then: "backoff".to_owned(),
            peak_memory_bytes: None,
            lines: vec![LastLine { at: Timestamp::UNIX_EPOCH, is_stderr: true, text: "line\nfeed".to_owned() }],
        }
    }

    #[test]
    fn the_last_ones_are_kept_and_come_back_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let kept = PostMortems::new(&dir.path().join("not yet"));
        assert_eq!(kept.of("it").unwrap(), []);
        let most = POST_MORTEMS_KEPT as u64;
        (1..=most + 3).for_each(|run| kept.keep(&failed(run)).unwrap());
        assert_eq!(kept.of("it").unwrap(), (4..=most + 3).map(failed).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_file_is_read_as_far_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let kept = PostMortems::new(dir.path());
        kept.keep(&failed(1)).unwrap();
        kept.keep(&failed(2)).unwrap();
        let path = dir.path().join("it.jsonl");
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            let ends = whole[..=len].iter().filter(|&&byte| byte == b'\n').count() as u64;
            assert_eq!(kept.of("it").unwrap(), (1..=ends).map(failed).collect::<Vec<_>>(), "{len}");
        }
    }
}
