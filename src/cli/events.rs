//! `stead events`: the timeline of the supervisor that runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::board::Board;
use super::client::{Client, block_on};
use super::{FileArgs, print};
use crate::present::ansi;

/// What stands for the whole where no task is meant.
const STEAD: &str = "stead";
/// Columns of names, at the least.
const WIDTH_LEAST: usize = STEAD.len();

/// What `stead events` is told.
#[derive(Debug, Clone, Args)]
pub(super) struct EventsArgs {
    /// Go on with what happens, until the supervisor ends
    #[arg(short = 'f', long)]
    follow: bool,
    /// Only what came after the event of this number
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

#[derive(Deserialize)]
struct Record {
    at: Timestamp,
    task: Option<String>,
    text: String,
}

#[derive(Deserialize)]
struct Dropped {
    count: u64,
}

/// Prints what is kept of the timeline, and with `--follow` what comes.
///
/// # Errors
///
/// There is no supervisor, or it can't be asked.
pub(super) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(&FileArgs { file: args.file.clone() })?;
    let zone = TimeZone::system();
    block_on(async {
        let query = format!("?after={}", args.after);
        if !args.follow {
            let answer = client.get(&format!("/api/v1/event-log{query}")).await?;
            let records: Vec<Value> = serde_json::from_slice(&answer)?;
            let width = widest(records.iter().filter_map(|record| record["task"].as_str()));
            return records.iter().try_for_each(|record| show(&record.to_string(), args.json, width, &zone));
        }
        let mut width = WIDTH_LEAST;
        let mut events = client.events(&query).await?;
        while let Some(message) = events.next().await? {
            match message.event.as_str() {
                "event" => show(&message.data, args.json, width, &zone)?,
                "snapshot" => {
                    let board: Board = serde_json::from_str(&message.data).context("the snapshot can't be read")?;
                    width = widest(board.tasks.iter().map(|task| task.name.as_str()));
                }
                "dropped" if !args.json => {
                    let Dropped { count } = serde_json::from_str(&message.data)?;
                    print(&format!("{count} events left out"))?;
                }
                _ => {}
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
    let Record { at, task, text } = serde_json::from_str(json)?;
    let time = at.to_zoned(zone.clone()).strftime("%F %T");
    let text = ansi::plain_text(text.as_bytes());
    Ok(print(&format!("{time} {:width$}  {text}", task.as_deref().unwrap_or(STEAD)))?)
}
