//! `/api/v1/logs`: what the tasks wrote, a page at a time, in either direction, over all that is kept.

use std::io;
use std::time::Instant;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::extract::{TaskName, uncached};
use super::follow;
use super::limits::{PAGE_BYTES, PAGE_LINES_DEFAULT, PAGE_LINES_MOST, SEARCH_TIME};
use super::log_query::{LogsQuery, no_log};
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::reading::{read, unreadable};
use super::state::Api;
use crate::logs::{Direction, LogLines, LogReader, ReadStep, clear_log};
use crate::supervisor::engine::{Event, EventKind, Snapshot, TaskKind};
use crate::wire::{ClearedLog, LogPage, LogsUsage, LostOutput};

pub(super) fn routes() -> Routes {
    let page = Operation::get(
        "read_logs",
        "/api/v1/logs",
        "What tasks wrote: the last lines, or those after or before a line.",
    );
    let page = filtered(page)
        .query("run", "^[0-9]{1,10}(-[0-9]{1,9})?$", "Only this run: its number, or its id. Of one task only.")
        .query_as("since", json!({ "type": "string" }), "Only what was written since: a time, or a span like `10m`.")
        .query_as("until", json!({ "type": "string" }), "Only what was written until: a time, or a span like `10m`.")
        .query(
            "after",
            r"^(start|[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,20}\..+)$",
            "The lines after the one of this cursor; after `start`, the first that are kept.",
        )
        .query("before", r"^[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,20}\..+$", "The lines before the one of this cursor.")
        .query_as("limit", limit(1, PAGE_LINES_DEFAULT), "How many lines at most.");
    let follow = Operation::get("follow_logs", "/api/v1/logs/follow", "What tasks write: messages `line` and `gap`.");
    let follow = filtered(follow).query_as("limit", limit(0, 0), "How many of the last lines come first.");
    let lost = "Output that no log file has: bytes by task.";
    let usage = Operation::get("get_log_usage", "/api/v1/logs/usage", "What each log takes on the disk.");
    let clear =
        Operation::delete("clear_log", "/api/v1/tasks/{name}/log", "Remove all that a task has written so far.");
    Routes::default()
        .route(usage.answers::<LogsUsage>(StatusCode::OK), self::usage)
        .route(clear.answers::<ClearedLog>(StatusCode::OK), self::clear)
        .route(
            Operation::get("get_lost_output", "/api/v1/logs/lost", lost).answers::<LostOutput>(StatusCode::OK),
            self::lost,
        )
        .route(page.answers::<LogPage>(StatusCode::OK), self::page)
        .route(follow.answers_text("text/event-stream"), follow::follow)
}

fn filtered(operation: Operation) -> Operation {
    let names = json!({ "type": "array", "items": { "type": "string" } });
    operation
        .query_as("task", names, "Only these tasks; all without it.")
        .query_as("stream", json!({ "type": "string", "enum": ["stdout", "stderr"] }), "Only what was written there.")
        .query_as("grep", json!({ "type": "string", "format": "regex" }), "Only lines in which this matches.")
}

fn limit(least: usize, default: usize) -> serde_json::Value {
    json!({ "type": "integer", "minimum": least, "maximum": PAGE_LINES_MOST, "default": default })
}

async fn page(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = LogsQuery::page(query.as_deref())?;
    let (snapshot, reader) = (api.kernel.snapshot(), api.logs());
    let until = Instant::now() + SEARCH_TIME;
    let page = read(&api, move |cancelled| query.page_of(&reader, &snapshot, until, cancelled)).await?;
    Ok(uncached(page))
}

async fn usage(State(api): State<Api>) -> Result<Response, Problem> {
    let config = api.config.current();
    let usage = read(&api, move |_| {
        LogsUsage::now(&config.logs.dir, config.logs.max_total).map_err(|error| unreadable(&error))
    })
    .await?;
    Ok(uncached(usage))
}

async fn clear(State(api): State<Api>, caller: Caller, TaskName(task): TaskName) -> Result<Response, Problem> {
    let (config, reader, snapshot) = (api.config.current(), api.logs(), api.kernel.snapshot());
    let name = task.clone();
    let clear = move |_| {
        let known = known(&reader, &snapshot)?;
        if !known.contains(&name) {
            return Err(no_log(&name, &known, &snapshot));
        }
        clear_log(&config.logs.dir, &name).map_err(|error| unreadable(&error))
    };
    let cleared = read(&api, clear).await?;
    let asked = EventKind::Requested { asked: format!("clear the log of {task}"), origin: caller.connection().name() };
    api.kernel.note(Event { task: Some(task), kind: asked });
    Ok(uncached(ClearedLog { cleared }))
}

async fn lost(State(api): State<Api>) -> Response {
    uncached(api.kernel.logs().losses())
}

impl LogsQuery {
    /// Reads the page, or what there is of it when the time is up.
    fn page_of(
        mut self,
        reader: &LogReader,
        snapshot: &Snapshot,
        until: Instant,
        cancelled: CancellationToken,
    ) -> Result<LogPage, Problem> {
        let tasks = self.compile(known(reader, snapshot)?, snapshot)?;
        self.filter.cancelled = cancelled;
        let lines = match self.direction {
            Direction::Forwards => reader.forwards(&tasks, &self.filter),
            Direction::Backwards => reader.backwards(&tasks, &self.filter),
        };
        let page = lines.and_then(|lines| self.fill(lines, until));
        page.map_err(|error| unreadable(&error))
    }

    fn fill(&self, mut lines: LogLines, until: Instant) -> io::Result<LogPage> {
        let (mut page, mut bytes, mut more) = (LogPage::default(), 0, false);
        loop {
            match lines.step()? {
                ReadStep::Line(_) if page.lines.len() == self.limit || bytes > PAGE_BYTES => {
                    more = true;
                    break;
                }
                ReadStep::Line(line) => {
                    bytes += line.bytes.len();
                    page.lines.push(line.into());
                }
                ReadStep::Reading => {}
                ReadStep::End => break,
            }
            if Instant::now() >= until {
                page.next = lines.cursor()?;
                more = page.next.is_some();
                break;
            }
        }
        let beyond = self.cursor.is_some();
        (page.more_before, page.more_after) = match self.direction {
            Direction::Forwards => (beyond, more),
            Direction::Backwards => (more, beyond),
        };
        if self.direction == Direction::Backwards {
            page.lines.reverse();
        }
        Ok(page)
    }
}

/// Every task that may have written: those that there are, then those that have left a log.
///
/// # Errors
///
/// The directory can't be read.
pub(super) fn known(reader: &LogReader, snapshot: &Snapshot) -> Result<Vec<String>, Problem> {
    let processes = snapshot.tasks.iter().filter(|task| task.kind == TaskKind::Process);
    let mut known: Vec<_> = processes.map(|task| task.name.clone()).collect();
    let stored = reader.tasks().map_err(|error| unreadable(&error))?;
    // A file that a person has put there may be called anything.
    let is_name = |name: &String| !name.contains(char::is_control);
    known.extend(stored.into_iter().filter(|name| is_name(name) && snapshot.task(name).is_none()));
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogsConfig;
    use crate::kernel::sample::snapshot;
    use crate::logs::{LogWriter, OutputStream, Store};

    /// A page of a search that has no time.
    fn hasty(reader: &LogReader, query: &str) -> LogPage {
        let query = LogsQuery::page(Some(query)).unwrap();
        query.page_of(reader, &snapshot(1, Vec::new()), Instant::now(), CancellationToken::new()).unwrap()
    }

    #[test]
    fn a_search_whose_time_is_up_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let config = LogsConfig { max_size: 300_000, keep: 9, ..LogsConfig::new(dir.path().to_owned()) };
        for task in ["api", "db"] {
            let mut writer = LogWriter::new(Store::new(&config, task), 1);
            for number in 0..9 {
                let text = "nothing of note\n".repeat(5_000) + &format!("{task} {number}\n");
                writer.write(OutputStream::Stdout, text.as_bytes()).unwrap();
            }
        }
        let reader = LogReader::new(dir.path());
        for (direction, first, tasks) in [("after", "&after=start", 2), ("before", "", 2), ("before", "&task=db", 1)] {
            let (mut found, mut pages, mut from) = (Vec::new(), 0, first.to_owned());
            loop {
                let page = hasty(&reader, &format!("grep=%5B0-9%5D{from}"));
                found.extend(page.lines.into_iter().map(|line| line.text));
                pages += 1;
                let Some(next) = page.next else { break };
                assert!(if direction == "after" { page.more_after } else { page.more_before });
                let of = if tasks == 1 { first } else { "" };
                from = format!("&{direction}={next}{of}");
            }
            assert!(pages > tasks * 3, "{pages}");
            found.sort();
            let all = ["api", "db"].map(|task| (0..9).map(move |number| format!("{task} {number}")));
            let all: Vec<_> = all.into_iter().skip(2 - tasks).flatten().collect();
            assert_eq!(found, all, "{direction}");
        }
    }
}
