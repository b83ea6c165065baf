//! The tool `logs`: reads the log store itself, with or without a supervisor.

use std::io;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::FileArgs;
use super::super::logs::{KnownLogs, moment, pattern, run_choice};
use super::TOOL_ANSWER_BYTES;
use crate::duration::Pretty;
use crate::logs::{LineId, LinePattern, LineQuery, LogLine, LogReader, OutputStream};
use crate::present::line::excerpt;

/// The most lines of one answer.
const TOOL_LINES_MOST: usize = 1_000;
/// Characters of one line; of a longer one, the part with the match is shown, and marks say what is left out.
const TOOL_LINE_CHARS: usize = 2_000;
/// Bytes of an answer that are not lines.
const TOOL_FRAME_BYTES: usize = 1_024;
/// How long reading may take.
const TOOL_READ_TIME: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsOf {
    /// The names of the tasks; all that have written if left out.
    #[serde(default)]
    tasks: Vec<String>,
    /// Only lines in which this regular expression (Rust syntax) matches.
    grep: Option<String>,
    /// Only one run of each task: its number, `last`, or `-1` for the one before the last.
    run: Option<String>,
    /// Only what was written to standard error.
    #[serde(default)]
    stderr: bool,
    /// Only what was written since: `10m` (ago), `14:30`, or a date and time.
    since: Option<String>,
    /// Only what was written after an earlier answer: its `cursor`. So every line comes once.
    after: Option<String>,
    /// So many lines at most: the last ones, or with `after` the first ones; 100 if left out.
    #[serde(default = "a_hundred")]
    #[schemars(range(min = 1, max = TOOL_LINES_MOST))]
    limit: usize,
}

fn a_hundred() -> usize {
    100
}

pub(super) async fn read(file: FileArgs, asked: LogsOf) -> anyhow::Result<Value> {
    let wrong = |what: &'static str| move |why: String| anyhow!("{what}: {why}");
    let mut query = LineQuery {
        run: asked.run.as_deref().map(run_choice).transpose().map_err(wrong("run"))?,
        stream: asked.stderr.then_some(OutputStream::Stderr),
        since: asked.since.as_deref().map(moment).transpose().map_err(wrong("since"))?,
        pattern: asked.grep.as_deref().map(pattern).transpose().map_err(wrong("grep"))?,
        ..LineQuery::default()
    };
    ensure!((1..=TOOL_LINES_MOST).contains(&asked.limit), "limit is 1 to {TOOL_LINES_MOST}");
    let _cancel = query.cancelled.clone().drop_guard();
    let reading = spawn_blocking(move || {
        let known = KnownLogs::of(&file)?;
        let reader = LogReader::new(&known.dir);
        let tasks = known.choose(&reader, &asked.tasks)?;
        let lines = match &asked.after {
            Some(cursor) => {
                let line = LineId::of_cursor(cursor, &tasks);
                let line = line.with_context(|| format!("after: `{cursor}` is no cursor of a line of these tasks"))?;
                query.from = Some(line.behind());
                next_lines(&reader, &tasks, &query, asked.limit, cursor)
            }
            None => last_lines(&reader, &tasks, &query, asked.limit),
        };
        lines.context("a log can't be read")
    });
    let read = timeout(TOOL_READ_TIME, reading).await;
    read.map_err(|_| anyhow!("reading took longer than {}: ask for less", Pretty(TOOL_READ_TIME)))??
}

/// Lines of an answer, as many as it has room for.
#[derive(Debug)]
struct AnsweredLines {
    lines: Vec<Value>,
    /// The cursor of the newest one.
    cursor: Option<String>,
    room: usize,
    limit: usize,
}

impl AnsweredLines {
    fn new(limit: usize) -> Self {
        Self { lines: Vec::new(), cursor: None, room: TOOL_ANSWER_BYTES - TOOL_FRAME_BYTES, limit }
    }

    /// Adds a line if there is room for it.
    fn add(&mut self, line: &LogLine, pattern: Option<&LinePattern>) -> bool {
        let shown = shown(line, pattern);
        let bytes = shown.to_string().len() + 1;
        if self.lines.len() == self.limit || bytes > self.room {
            return false;
        }
        self.room -= bytes;
        self.lines.push(shown);
        true
    }
}

/// The last lines.
fn last_lines(reader: &LogReader, tasks: &[String], query: &LineQuery, limit: usize) -> io::Result<Value> {
    let (mut answered, mut more) = (AnsweredLines::new(limit), false);
    for line in reader.backwards(tasks, query)? {
        let line = line?;
        more = !answered.add(&line, query.pattern.as_ref());
        if more {
            break;
        }
        answered.cursor.get_or_insert_with(|| line.cursor());
    }
    answered.lines.reverse();
    Ok(json!({ "lines": answered.lines, "more_before": more, "cursor": answered.cursor }))
}

/// The lines from where the query begins, after the line of `cursor`.
fn next_lines(
    reader: &LogReader,
    tasks: &[String],
    query: &LineQuery,
    limit: usize,
    cursor: &str,
) -> io::Result<Value> {
    let (mut answered, mut more) = (AnsweredLines::new(limit), false);
    for line in reader.forwards(tasks, query)? {
        let line = line?;
        more = !answered.add(&line, query.pattern.as_ref());
        if more {
            break;
        }
        answered.cursor = Some(line.cursor());
    }
    let cursor = answered.cursor.unwrap_or_else(|| cursor.to_owned());
    Ok(json!({ "lines": answered.lines, "more_after": more, "cursor": cursor }))
}

/// A line without escape sequences; of a long one, the part with the match, and marks for what is left out.
fn shown(line: &LogLine, pattern: Option<&LinePattern>) -> Value {
    let found = pattern.and_then(|pattern| pattern.find(&line.bytes));
    let kept = excerpt(line.text(), found, TOOL_LINE_CHARS);
    let cut = line.cut || kept.len() != excerpt(line.text(), None, usize::MAX).len();
    json!({
        "task": &*line.task, "run": line.run.number, "at": line.at, "stream": line.stream, "text": kept, "cut": cut,
    })
}
