//! `stead events`: the events of the supervisor that runs, or of those that ran.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::client::{Client, ClientError, StreamMessage, block_on, while_read};
use super::{FileArgs, complain, print};
use crate::app::{EventSession, KeptEvents, read_events};
use crate::present::ansi;
use crate::wire::{EventLine, Lenient};

/// The name shown where an event is not about a task.
const STEAD: &str = "stead";
/// The least width of the column of names.
const WIDTH_LEAST: usize = STEAD.len();

/// Arguments of `stead events`.
#[derive(Debug, Clone, Args)]
pub(super) struct EventsArgs {
    /// Follow new events until the supervisor ends
    #[arg(short = 'f', long)]
    follow: bool,
    /// Print the events of earlier supervisors, too, as far as they are kept
    #[arg(long, conflicts_with = "follow")]
    all: bool,
    /// Print only events after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// Print each event as a JSON object: {"number", "at", "uptime", "task", "event", "text", …}
    ///
    /// {"dropped": N} stands for N events that are not kept. With --all, {"session": TIME, "pid"} stands before the events
    /// of each supervisor.
    #[arg(long)]
    json: bool,
    /// The configuration file [default: the nearest stead.toml, from here upwards]
    // Here `-f` is `--follow`; the same id keeps the general argument away.
    #[arg(id = "file", long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Prints the events that are kept, and with `--follow` those that come. Without a supervisor, those of the last one.
///
/// # Errors
///
/// No supervisor runs and no events are kept, or it can't be reached.
pub(super) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(&FileArgs { file: args.file.clone() })?;
    let printer = EventPrinter { json: args.json, zone: TimeZone::system() };
    if args.follow {
        block_on(while_read(follow(&client, args.after, &printer)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.all {
        printer.sessions(&kept(&client)?, args.after)?;
        return Ok(ExitCode::SUCCESS);
    }
    let query = format!("/api/v1/event-log?after={}", args.after);
    match block_on(async { Ok(client.read::<Vec<Value>>(&query).await) })? {
        Ok(records) => printer.events(&records)?,
        Err(gone @ ClientError::NoServer(_)) => {
            let Some(KeptEvents { session, events }) = kept(&client)?.pop() else { return Err(gone.into()) };
            if let Some(EventSession { session, pid }) = session {
                let since = printer.date(session);
                complain(&format!("no supervisor runs: these are the events of the last one, pid {pid} since {since}"));
            }
            printer.events(after(&events, args.after))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn follow(client: &Client, after: u64, printer: &EventPrinter) -> anyhow::Result<()> {
    let mut width = WIDTH_LEAST;
    let mut events = client.events(&format!("?after={after}")).await?;
    while let Some(message) = events.next().await? {
        match message {
            StreamMessage::Event(event) => printer.event(&serde_json::from_str(&event)?, width)?,
            StreamMessage::Snapshot => {
                let tasks = events.snapshot().into_iter().flat_map(|snapshot| &snapshot.tasks);
                width = widest(tasks.map(Lenient::name));
            }
            StreamMessage::Lost(_) => {}
            StreamMessage::Dropped(count) => printer.event(&json!({ "dropped": count }), width)?,
        }
    }
    Ok(())
}

/// What is kept of the events of all supervisors.
fn kept(client: &Client) -> anyhow::Result<Vec<KeptEvents>> {
    let file = &client.paths.events;
    read_events(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Those after an event of this number; they are in order.
fn after(events: &[Value], number: u64) -> &[Value] {
    let is_after = |event: &Value| event["number"].as_u64().is_some_and(|own| own > number);
    events.iter().position(is_after).map_or(&[], |first| &events[first..])
}

fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(UnicodeWidthStr::width).fold(WIDTH_LEAST, usize::max)
}

/// Prints events to standard output.
struct EventPrinter {
    json: bool,
    zone: TimeZone,
}

impl EventPrinter {
    fn date(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%F %T").to_string()
    }

    /// The events of several supervisors, each under the time of its start.
    fn sessions(&self, sessions: &[KeptEvents], number: u64) -> anyhow::Result<()> {
        for KeptEvents { session, events } in sessions {
            match session {
                Some(session) if self.json => print(&json!(session).to_string())?,
                Some(EventSession { session, pid }) => print(&format!("-- {}, pid {pid}", self.date(*session)))?,
                None if self.json => {}
                None => print("-- a supervisor of unknown start")?,
            }
            self.events(after(events, number))?;
        }
        Ok(())
    }

    fn events(&self, records: &[Value]) -> anyhow::Result<()> {
        let width = widest(records.iter().filter_map(|record| record["task"].as_str()));
        records.iter().try_for_each(|record| self.event(record, width))
    }

    /// One event; names are `width` columns wide.
    fn event(&self, record: &Value, width: usize) -> anyhow::Result<()> {
        if self.json {
            return Ok(print(&record.to_string())?);
        }
        if let Some(count) = record["dropped"].as_u64() {
            return Ok(print(&format!("{count} events are not kept any more"))?);
        }
        let EventLine { at, task, text } = EventLine::deserialize(record)?;
        let (task, text) =
            (task.as_deref().map_or_else(|| STEAD.to_owned(), ansi::plain), ansi::plain_text(text.as_bytes()));
        Ok(print(&format!("{} {task:width$}  {text}", self.date(at)))?)
    }
}
