//! `/api/v1/logs/follow`: lines as they are written, as server-sent events.
//!
//! The logs on disk are the queue: a stream is pulled by its client's socket and reads on from where it was. A client
//! that falls far behind gets the number of lines that were left out, and goes on near the end.

use std::collections::VecDeque;
use std::io;
use std::time::Instant as StdInstant;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tokio_stream::StreamMap;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::DropGuard;

use super::caller::Caller;
use super::limits::{
    FOLLOW_BATCH_BYTES, FOLLOW_BATCH_LINES, FOLLOW_BEHIND_BYTES, FOLLOW_INTERVAL, FOLLOW_SKIP_TIME, PAGE_BYTES,
    RECONNECT_TIME, SEARCH_TIME,
};
use super::log_query::LogsQuery;
use super::logs::known;
use super::problem::Problem;
use super::reading::{in_turn, read, unreadable};
use super::sse::{self, last_event_id, message};
use super::state::Api;
use crate::logs::{LogLine, LogLines, LogReader, ReadStep};
use crate::supervisor::engine::{Snapshot, TaskKind};
use crate::wire::{LogEntry, LogGap};

/// What was read in one go.
#[derive(Debug, Default)]
struct LogBatch {
    skipped: u64,
    lines: Vec<LogLine>,
}

pub(super) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut query = LogsQuery::follow(query.as_deref())?;
    if let Some(id) = last_event_id(&headers) {
        query.go_on_after("last-event-id", &id);
    }
    let permit = api.stream_permit()?;
    Ok(sse::stream(LogFeed::open(api, query, permit).await?, caller))
}

/// One client's way through the logs.
struct LogFeed {
    api: Api,
    /// Not there while it is being read.
    lines: Option<LogLines>,
    ready: VecDeque<LogLine>,
    /// Tells by task when something was written.
    written: StreamMap<usize, WatchStream<u64>>,
    /// Those that are followed because they are all there are.
    all: Option<Vec<String>>,
    /// Whether the client was told how to come back.
    greeted: bool,
    read_at: Instant,
    _cancel: DropGuard,
    _permit: OwnedSemaphorePermit,
}

impl LogFeed {
    async fn open(api: Api, mut query: LogsQuery, permit: OwnedSemaphorePermit) -> Result<Self, Problem> {
        let cancel = query.filter.cancelled.clone().drop_guard();
        query.filter.waits_for_ends = true;
        let (snapshot, reader) = (api.kernel.snapshot(), api.logs());
        let all = (!query.names_tasks()).then(|| processes(&snapshot));
        let tasks = read(&api, move |_| {
            let tasks = query.compile(known(&reader, &snapshot)?, &snapshot)?;
            Ok((query, reader, tasks))
        });
        let (query, reader, tasks) = tasks.await?;
        // Before anything is read, so that nothing is missed in between.
        let tails = tasks.iter().map(|task| WatchStream::from_changes(api.kernel.logs().tail(task).watch()));
        let written = tails.enumerate().collect();
        let until = StdInstant::now() + SEARCH_TIME;
        let opened =
            read(&api, move |_| first_lines(&reader, &tasks, &query, until).map_err(|error| unreadable(&error)));
        let (lines, ready) = opened.await?;
        Ok(Self {
            api,
            lines: Some(lines),
            ready,
            written,
            all,
            greeted: false,
            read_at: Instant::now(),
            _cancel: cancel,
            _permit: permit,
        })
    }

    /// Reads on. None when it can't be read any more: the client may come again.
    async fn read(&mut self) -> Option<LogBatch> {
        let mut lines = self.lines.take()?;
        self.read_at = Instant::now();
        let done = in_turn(&self.api, move || {
            let batch = read_on(&mut lines);
            (lines, batch)
        });
        let (lines, batch) = done.await.ok()?;
        self.lines = Some(lines);
        batch.inspect_err(|error| tracing::warn!(%error, "a log can't be followed")).ok()
    }

    /// Waits until something is written. None when other tasks are there than were.
    async fn more(&mut self) -> Option<()> {
        let mut snapshots = self.api.kernel.watch();
        sleep_until(self.read_at + FOLLOW_INTERVAL).await;
        loop {
            let others = self.all.as_ref().is_some_and(|all| *all != processes(&snapshots.borrow_and_update()));
            if others {
                return None;
            }
            tokio::select! {
                Some(_) = self.written.next() => return Some(()),
                Ok(()) = snapshots.changed() => {}
                else => return None,
            }
        }
    }
}

impl sse::Feed for LogFeed {
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(Event::default().retry(RECONNECT_TIME).comment("following"));
        }
        loop {
            if let Some(line) = self.ready.pop_front() {
                let line = LogEntry::from(line);
                return Some(message("line", &line).id(line.cursor.clone()));
            }
            let LogBatch { skipped, lines } = self.read().await?;
            let nothing = skipped == 0 && lines.is_empty();
            self.ready.extend(lines);
            if skipped > 0 {
                return Some(message("gap", &LogGap { skipped }));
            }
            if nothing {
                self.more().await?;
            }
        }
    }
}

fn processes(snapshot: &Snapshot) -> Vec<String> {
    let processes = snapshot.tasks.iter().filter(|task| task.kind == TaskKind::Process);
    processes.map(|task| task.name.clone()).collect()
}

/// The lines that come first, as far as they are found in time, and the way on from there.
fn first_lines(
    reader: &LogReader,
    tasks: &[String],
    query: &LogsQuery,
    until: StdInstant,
) -> io::Result<(LogLines, VecDeque<LogLine>)> {
    if query.cursor.is_some() {
        return Ok((reader.forwards(tasks, &query.filter)?, VecDeque::new()));
    }
    let mut lines = reader.backwards(tasks, &query.filter)?;
    // One at least is looked for: a line that has only begun is noticed by that.
    let (wanted, mut last, mut bytes) = (query.limit.max(1), VecDeque::new(), 0);
    loop {
        match lines.step()? {
            ReadStep::Line(line) => {
                bytes += line.bytes.len();
                last.push_front(line);
            }
            ReadStep::Reading => {}
            ReadStep::End => break,
        }
        if last.len() == wanted || bytes > PAGE_BYTES || StdInstant::now() >= until {
            break;
        }
    }
    if query.limit == 0 {
        last.clear();
    }
    lines.turn_to_the_end();
    Ok((lines, last))
}

/// What has been written since, as far as it goes into one batch.
fn read_on(lines: &mut LogLines) -> io::Result<LogBatch> {
    lines.refresh()?;
    let mut batch = LogBatch::default();
    if lines.bytes_left() > FOLLOW_BEHIND_BYTES {
        let begin = StdInstant::now();
        while begin.elapsed() < FOLLOW_SKIP_TIME && lines.bytes_left() > FOLLOW_BEHIND_BYTES / 2 {
            let some = lines.by_ref().take(FOLLOW_BATCH_LINES);
            let skipped = some.map(|line| line.map(drop)).collect::<io::Result<Vec<()>>>()?.len();
            batch.skipped += skipped as u64;
            if skipped == 0 {
                break;
            }
        }
        if batch.skipped > 0 {
            return Ok(batch);
        }
    }
    let mut bytes = 0;
    for line in lines.take(FOLLOW_BATCH_LINES) {
        let line = line?;
        bytes += line.bytes.len();
        batch.lines.push(line);
        if bytes > FOLLOW_BATCH_BYTES {
            break;
        }
    }
    Ok(batch)
}
