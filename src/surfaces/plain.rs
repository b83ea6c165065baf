//! Plain output: one line per event and, unless headless, one per line that a task writes, the task's
//! name in front. For pipes, files and terminals that can't do more; no escape sequence ever leaves here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use tokio::io::{AsyncWriteExt, Stdout, stdout};
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{StreamExt, StreamMap};
use tokio_util::sync::CancellationToken;

use super::{Surface, SurfaceContext, SurfaceHandle};
use crate::config::builtin;
use crate::logs::{LogHub, LogTail};
use crate::present::ansi;
use crate::supervisor::engine::EventKind;
use crate::supervisor::{EventFollower, EventRecord, Followed};

/// The least width of the column of names.
const NAME_WIDTH_LEAST: usize = 7;
/// Text that may wait to be written with what comes after it.
const TEXT_BYTES: usize = 64 * 1024;

/// Writes what happens to standard output.
#[derive(Debug)]
pub struct Plain {
    /// Whether the tasks' own lines are written, too.
    lines: bool,
}

impl Plain {
    /// Events, and every line of output.
    #[must_use]
    pub fn with_output() -> Self {
        Self { lines: true }
    }

    /// Events only.
    #[must_use]
    pub fn events_only() -> Self {
        Self { lines: false }
    }
}

impl Surface for Plain {
    fn name(&self) -> &str {
        builtin::PLAIN
    }

    fn about(&self) -> String {
        if self.lines { "events and output as lines" } else { "events as lines" }.to_owned()
    }

    async fn start(&self, context: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        let SurfaceContext { kernel, config, shutdown, .. } = context;
        let events = kernel.event_log().follow(0);
        let config = config.current();
        let names = config.tasks.iter().map(|task| task.name.as_str());
        let width = names.clone().map(str::len).chain([NAME_WIDTH_LEAST]).max().unwrap_or(0);
        let logs = self.lines.then(|| kernel.logs().clone());
        let (text, tails, changes) = (String::new(), BTreeMap::new(), StreamMap::new());
        let mut writer = PlainWriter { out: stdout(), text, width, logs, tails, changes, zone: TimeZone::system() };
        names.for_each(|name| writer.follow(name));
        let task = tokio::spawn(writer.run(events, shutdown));
        Ok(SurfaceHandle { address: None, tasks: vec![task] })
    }
}

/// One task's output, and how much of it is written already.
#[derive(Debug)]
struct FollowedTail {
    tail: LogTail,
    last: u64,
}

#[derive(Debug)]
struct PlainWriter {
    out: Stdout,
    /// What is to be written next.
    text: String,
    /// The width of the longest name of a process at the start. stead's own parts have longer ones, and rarely a line.
    width: usize,
    /// Where the tasks' own lines are, if they are written.
    logs: Option<LogHub>,
    tails: BTreeMap<String, FollowedTail>,
    changes: StreamMap<String, WatchStream<u64>>,
    zone: TimeZone,
}

impl PlainWriter {
    async fn run(mut self, mut events: EventFollower, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                event = events.next() => self.add_followed(event),
                Some((name, _)) = self.changes.next(), if !self.changes.is_empty() => self.add_lines(&name),
                () = shutdown.cancelled() => break,
            }
            // Events that come at once are written at once.
            while self.text.len() < TEXT_BYTES
                && let Some(event) = events.try_next()
            {
                self.add_followed(event);
            }
            self.write().await?;
        }
        for name in self.tails.keys().cloned().collect::<Vec<_>>() {
            self.add_lines(&name);
            self.write().await?;
        }
        while let Some(event) = events.try_next() {
            self.add_followed(event);
        }
        self.write().await
    }

    fn add_followed(&mut self, event: Followed) {
        match event {
            Followed::Event(record) => self.add_event(&record),
            Followed::Dropped(missed) => self.add("stead", &format!("{missed} events left out")),
        }
    }

    /// Writes what this task writes. One that was followed before goes on where it was.
    fn follow(&mut self, name: &str) {
        let Some(tail) = self.logs.as_ref().map(|logs| logs.tail(name)) else { return };
        self.changes.insert(name.to_owned(), WatchStream::new(tail.watch()));
        // A tail that was begun anew counts from the start.
        let newest = tail.finished_after(u64::MAX).0;
        let last = self.tails.get(name).map_or(0, |seen| seen.last).min(newest);
        self.tails.insert(name.to_owned(), FollowedTail { tail, last });
    }

    fn add_event(&mut self, record: &EventRecord) {
        let task = record.event.task.as_deref().unwrap_or("stead");
        // What a task wrote before it exited stands before the line that says so.
        self.add_lines(task);
        if let EventKind::Reloaded { changes } = &record.event.kind {
            changes.added.iter().for_each(|name| self.follow(name));
        }
        let time = record.at.to_zoned(self.zone.clone()).strftime("%H:%M:%S");
        self.add(task, &format!("{time} {}", record.text));
    }

    fn add(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.text, "{name:width$} * {text}", width = self.width);
    }

    fn add_lines(&mut self, name: &str) {
        let Some(seen) = self.tails.get_mut(name) else { return };
        let (last, lines) = seen.tail.finished_after(seen.last);
        let (text, width) = (&mut self.text, self.width);
        let missed = last - seen.last - lines.len() as u64;
        if missed > 0 {
            let _ = writeln!(text, "{name:width$} * {missed} lines left out here; the log file has them");
        }
        seen.last = last;
        for line in &lines {
            let _ = writeln!(text, "{name:width$} | {}", ansi::plain_text(&line.bytes));
        }
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        self.out.write_all(self.text.as_bytes()).await?;
        self.text.clear();
        self.text.shrink_to(TEXT_BYTES);
        Ok(self.out.flush().await?)
    }
}
