//! `stead logs --disk` and `--clear`: the files of the logs, not what is in them.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use bytesize::ByteSize;
use jiff::tz::TimeZone;
use serde_json::json;

use super::client::{Client, ClientError, block_on, parse, segment};
use super::logs::KnownLogs;
use super::table::table;
use super::{FileArgs, print};
use crate::logs::{LogUsage, clear_log};
use crate::wire::{ClearedLog, LogsUsage};

const HEADINGS: [&str; 4] = ["TASK", "SIZE", "SEGMENTS", "OLDEST"];

/// Prints what the logs of these tasks take, the largest first.
pub(super) fn show_usage(known: &KnownLogs, tasks: &[String], as_json: bool) -> anyhow::Result<ExitCode> {
    let KnownLogs { dir, max_total, .. } = known;
    let mut usage = LogsUsage::now(dir, *max_total).with_context(|| format!("cannot read {}", dir.display()))?;
    usage.logs.retain(|log| tasks.contains(&log.task));
    if as_json {
        print(&json!(usage).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = TimeZone::system();
    let row = |LogUsage { task, bytes, segments, oldest }: &LogUsage| {
        let oldest = oldest.to_zoned(zone.clone()).strftime("%F %T").to_string();
        [task.clone(), size(*bytes), segments.to_string(), oldest]
    };
    let rows: Vec<_> = usage.logs.iter().map(row).collect();
    let most = match usage.max_total {
        0 => "[logs] max_total sets no limit".to_owned(),
        most => format!("{} at most ([logs] max_total)", size(most)),
    };
    print(&format!("{}\n\nall logs: {}, {most}", table(HEADINGS, &rows), size(usage.total)))?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what these tasks have written so far: by the supervisor if one runs, so that its events say so.
pub(super) fn clear(file: &FileArgs, known: &KnownLogs, tasks: &[String], as_json: bool) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    let mut cleared = BTreeMap::new();
    for task in tasks {
        let path = format!("/api/v1/tasks/{}/log", segment(task));
        let bytes = match block_on(async { Ok(client.delete(&path).await) })? {
            Ok(answer) => parse::<ClearedLog>(&answer)?.cleared,
            Err(ClientError::NoServer(_)) => {
                clear_log(&known.dir, task).with_context(|| format!("cannot clear the log of {task}"))?
            }
            Err(error) => return Err(error.into()),
        };
        if !as_json {
            print(&format!("{task}: {} removed", size(bytes)))?;
        }
        cleared.insert(task, bytes);
    }
    if as_json {
        print(&json!(cleared).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}
