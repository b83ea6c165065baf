//! `stead events`: the events of the supervisor that runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::client::{Client, StreamMessage, block_on};
use super::{FileArgs, print};
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
    /// Print only events after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// Print each event as a JSON object: {"number", "at", "uptime", "task", "event", "text", …}
    #[arg(long)]
    json: bool,
    /// The configuration file [default: the nearest stead.toml, from here upwards]
    // Here `-f` is `--follow`; the same id keeps the general argument away.
    #[arg(id = "file", long = "file", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Prints the events that are kept, and with `--follow` those that come.
///
/// # Errors
///
/// No supervisor runs, or it can't be reached.
pub(super) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(&FileArgs { file: args.file.clone() })?;
    let zone = TimeZone::system();
    block_on(async {
        let query = format!("?after={}", args.after);
        if !args.follow {
            let records: Vec<Value> = client.read(&format!("/api/v1/event-log{query}")).await?;
            let width = widest(records.iter().filter_map(|record| record["task"].as_str()));
            return records.iter().try_for_each(|record| show(&record.to_string(), args.json, width, &zone));
        }
        let mut width = WIDTH_LEAST;
        let mut events = client.events(&query).await?;
        while let Some(message) = events.next().await? {
            match message {
                StreamMessage::Event(event) => show(&event, args.json, width, &zone)?,
                StreamMessage::Snapshot => {
                    let tasks = events.snapshot().into_iter().flat_map(|snapshot| &snapshot.tasks);
                    width = widest(tasks.map(Lenient::name));
                }
                StreamMessage::Lost(_) => {}
                StreamMessage::Dropped(count) if args.json => print(&json!({ "dropped": count }).to_string())?,
                StreamMessage::Dropped(count) => print(&format!("{count} events are not kept any more"))?,
            }
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn widest<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(UnicodeWidthStr::width).fold(WIDTH_LEAST, usize::max)
}

/// Prints one event; names are `width` columns wide.
fn show(json: &str, as_json: bool, width: usize, zone: &TimeZone) -> anyhow::Result<()> {
    if as_json {
        return Ok(print(json)?);
    }
    let EventLine { at, task, text } = serde_json::from_str(json)?;
    let time = at.to_zoned(zone.clone()).strftime("%F %T");
    let text = ansi::plain_text(text.as_bytes());
    Ok(print(&format!("{time} {:width$}  {text}", task.as_deref().unwrap_or(STEAD)))?)
}
