//! The tool `logs`: reads the log store itself, with or without a supervisor.

use std::io;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::FileArgs;
use super::super::logs::{moment, pattern, run_choice, tasks};
use super::TOOL_ANSWER_BYTES;
use crate::duration::Pretty;
use crate::logs::{LinePattern, LineQuery, LogLine, LogReader, OutputStream};
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
    /// So many lines, the last ones; 1 to 1000, 100 if left out.
    #[serde(default = "a_hundred")]
    limit: usize,
}

fn a_hundred() -> usize {
    100
}

pub(super) async fn read(file: FileArgs, asked: LogsOf) -> anyhow::Result<Value> {
    let wrong = |what: &'static str| move |why: String| anyhow!("{what}: {why}");
    let query = LineQuery {
        run: asked.run.as_deref().map(run_choice).transpose().map_err(wrong("run"))?,
        stream: asked.stderr.then_some(OutputStream::Stderr),
        since: asked.since.as_deref().map(moment).transpose().map_err(wrong("since"))?,
        pattern: asked.grep.as_deref().map(pattern).transpose().map_err(wrong("grep"))?,
        ..LineQuery::default()
    };
    let limit = asked.limit.clamp(1, TOOL_LINES_MOST);
    let _cancel = query.cancelled.clone().drop_guard();
    let reading = spawn_blocking(move || {
        let config = file.load()?;
        let reader = LogReader::new(&config.logs.dir);
        let tasks = tasks(&config, &reader, &asked.tasks)?;
        last_lines(&reader, &tasks, &query, limit).context("a log can't be read")
    });
    let read = timeout(TOOL_READ_TIME, reading).await;
    read.map_err(|_| anyhow!("reading took longer than {}: ask for less", Pretty(TOOL_READ_TIME)))??
}

/// The last lines, as many as an answer has room for.
fn last_lines(reader: &LogReader, tasks: &[String], query: &LineQuery, limit: usize) -> io::Result<Value> {
    let mut lines = Vec::new();
    let mut room = TOOL_ANSWER_BYTES - TOOL_FRAME_BYTES;
    let mut more = false;
    for line in reader.backwards(tasks, query)? {
        let line = shown(&line?, query.pattern.as_ref());
        let bytes = line.to_string().len() + 1;
        more = lines.len() == limit || bytes > room;
        if more {
            break;
        }
        room -= bytes;
        lines.push(line);
    }
    lines.reverse();
    Ok(json!({ "lines": lines, "more_before": more }))
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
