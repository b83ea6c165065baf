//! `stead status`: the state of every task, as a table.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::{Instant, timeout};
use unicode_width::UnicodeWidthStr;

use super::board::{Board, Stage, Task, span};
use super::client::{Client, block_on};
use super::{FileArgs, print, shows_colour};
use crate::present::ansi;
use crate::surfaces::web::Token;

/// How often `--watch` updates the countdowns on a terminal.
const TICK: Duration = Duration::from_secs(1);
const HEADINGS: [&str; 6] = ["NAME", "STATE", "RETRIES", "NEXT", "UPTIME", "LAST EXIT"];
/// The index of the STATE column.
const STATE_COLUMN: usize = 1;
/// Columns of a cell; longer texts are cut. `--json` has them whole.
const CELL_COLUMNS: usize = 48;

/// Arguments of `stead status`.
#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// Print the snapshot as JSON, as returned by GET /api/v1/snapshot
    #[arg(long)]
    json: bool,
    /// Show every change until the supervisor ends
    #[arg(long, short)]
    watch: bool,
}

/// Prints the state of every task.
///
/// # Errors
///
/// No supervisor runs, or it can't be reached.
pub(super) fn run(file: &FileArgs, args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    block_on(async {
        if args.watch {
            return watch(&client, args.json).await;
        }
        let answer = client.get("/api/v1/snapshot").await?;
        if args.json {
            return Ok(print(&String::from_utf8_lossy(&answer))?);
        }
        let board: Board = serde_json::from_slice(&answer).context("cannot parse the snapshot")?;
        Ok(print(&page(&board, &client))?)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// On a terminal one table that is updated in place; elsewhere one table after each change.
async fn watch(client: &Client, json: bool) -> anyhow::Result<()> {
    let is_screen = io::stdout().is_terminal() && !json;
    let mut events = client.events("").await?;
    let mut shown: Option<(Board, Instant)> = None;
    loop {
        let message = if is_screen {
            // `next` is cancel safe: a message that arrived in part is kept.
            timeout(TICK, events.next()).await.ok().transpose()?
        } else {
            Some(events.next().await?)
        };
        match message {
            Some(None) => return Ok(()),
            Some(Some(message)) if message.event != "snapshot" => continue,
            Some(Some(message)) if json => {
                print(&message.data)?;
                continue;
            }
            Some(Some(message)) => {
                let board: Board = serde_json::from_str(&message.data).context("cannot parse the snapshot")?;
                shown = Some((board, Instant::now()));
            }
            None => {
                if let Some((board, at)) = &mut shown {
                    let passed = std::mem::replace(at, Instant::now()).elapsed();
                    board.now += u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
                }
            }
        }
        if let Some((board, _)) = &shown {
            let page = page(board, client);
            print(&if is_screen { over_the_screen(&page) } else { page + "\n" })?;
        }
    }
}

/// `page` with escape sequences that draw it over the previous one, from the top left corner.
fn over_the_screen(page: &str) -> String {
    format!("\x1b[H{}\x1b[J", page.replace('\n', "\x1b[K\n") + "\x1b[K")
}

fn page(board: &Board, client: &Client) -> String {
    let mut page = heading(board);
    page += "\n\n";
    page += &table(board, shows_colour(&io::stdout()));
    if let Some(containment) = board.containment {
        let _ = write!(page, "\n\ncontainment: {containment}");
    }
    for surface in board.tasks.iter().filter(|task| task.is_surface()) {
        if let (Some(address), Ok(token)) = (&surface.address, Token::read(&client.paths.token)) {
            let _ = write!(page, "\n\npage: {address}/#token={}", token.secret());
        }
    }
    page
}

fn heading(board: &Board) -> String {
    let mut heading = format!("{} · up {}", board.project, span(board.now));
    if let Stage::Draining { cause, deadline } = &board.stage {
        let left = span(deadline.saturating_sub(board.now));
        let _ = write!(heading, " · draining: {}, {left} left", ansi::plain_text(cause.as_bytes()));
    }
    let _ = write!(heading, " · pid {} · stead {}", board.pid, board.version);
    heading
}

/// The processes, then stead's builtin tasks.
fn table(board: &Board, colour: bool) -> String {
    let (own, theirs): (Vec<_>, Vec<_>) = board.tasks.iter().partition(|task| task.is_surface());
    let rows: Vec<_> = theirs.iter().chain(&own).map(|task| cells(task, board.now)).collect();
    let widths: Vec<_> = (0..HEADINGS.len())
        .map(|column| rows.iter().map(|row| row[column].width()).chain([HEADINGS[column].len()]).max().unwrap_or(0))
        .collect();
    let mut lines = vec![line(HEADINGS.map(str::to_owned), &widths, None)];
    for (index, (row, task)) in rows.into_iter().zip(theirs.iter().chain(&own)).enumerate() {
        if index == theirs.len() && index > 0 {
            lines.push(String::new());
        }
        lines.push(line(row, &widths, colour.then(|| shade(task))));
    }
    lines.join("\n")
}

fn line(cells: [String; HEADINGS.len()], widths: &[usize], shade: Option<u8>) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = " ".repeat(width - cell.width() + 2);
        match shade {
            Some(shade) if column == STATE_COLUMN => {
                let _ = write!(line, "\x1b[{shade}m{cell}\x1b[0m{gap}");
            }
            _ => line += &(cell.clone() + &gap),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn cells(task: &Task, now: u64) -> [String; HEADINGS.len()] {
    let retries = if task.retries == 0 { "·".to_owned() } else { format!("{}/{}", task.retries, task.max_retries) };
    let last_exit = task.last_exit.as_ref().map(|exit| {
        let ago = span(now.saturating_sub(exit.at));
        format!("{} · {ago} ago", short(&exit.reason.text))
    });
    [
        task.name.clone(),
        format!("{} {}", glyph(task), task.phase.word()),
        retries,
        short(&task.next(now)),
        task.uptime(now).unwrap_or_else(|| "–".to_owned()),
        last_exit.unwrap_or_else(|| "–".to_owned()),
    ]
}

/// `text` as one line of plain text of at most [`CELL_COLUMNS`] columns.
fn short(text: &str) -> String {
    let text = ansi::plain_text(text.as_bytes());
    if text.width() <= CELL_COLUMNS {
        return text;
    }
    let mut cut: String = text.chars().take(CELL_COLUMNS - 1).collect();
    while cut.width() >= CELL_COLUMNS {
        cut.pop();
    }
    cut + "…"
}

/// The symbol of the state, the same on every surface.
fn glyph(task: &Task) -> &'static str {
    match task.phase.word() {
        "waiting" => "◌",
        "starting" => "◔",
        "running" => "◑",
        "ready" => "●",
        "stopping" => "◒",
        "backoff" => "◐",
        "stopped" => "○",
        "done" => "✔",
        "failed" => "✖",
        _ => "?",
    }
}

/// The colour of the state: the parameter of an SGR escape sequence.
fn shade(task: &Task) -> u8 {
    match task.phase.word() {
        "ready" => 32,
        "failed" => 31,
        "backoff" | "stopping" => 33,
        "starting" | "running" => 36,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(json: &str) -> Board {
        serde_json::from_str(json).unwrap()
    }

    const TASKS: &str = r#"{
        "project": "shop", "version": "0.1.0", "pid": 7, "now": 9000, "stage": { "stage": "up" },
        "tasks": [
            { "name": "control", "kind": "builtin", "state": "ready", "since": 0, "run": 1,
              "retries": 0, "max_retries": 5 },
            { "name": "api", "kind": "process", "state": "backoff", "attempt": 2, "since": 8000, "retry_at": 10000,
              "run": 2, "retries": 2, "max_retries": 5,
              "last_exit": { "reason": { "kind": "code", "code": 1, "text": "code 1" }, "expected": false,
                             "at": 8000 } },
            { "name": "db", "kind": "process", "state": "ready", "since": 1000, "run": 1,
              "retries": 0, "max_retries": 5 }
        ] }"#;

    #[test]
    fn processes_come_first_and_columns_are_aligned() {
        let board = board(TASKS);
        assert_eq!(heading(&board), "shop · up 9s · pid 7 · stead 0.1.0");
        let expected = "\
NAME     STATE      RETRIES  NEXT           UPTIME  LAST EXIT
api      ◐ backoff  2/5      retry 2 in 1s  –       code 1 · 1s ago
db       ● ready    ·                       8s      –

control  ● ready    ·                       9s      –";
        assert_eq!(table(&board, false), expected);
        assert!(table(&board, true).contains("\x1b[33m◐ backoff\x1b[0m"));
    }

    #[test]
    fn what_a_task_wrote_into_its_reason_is_one_plain_line() {
        let mut board = board(TASKS);
        let reason = &mut board.tasks[1].last_exit.as_mut().unwrap().reason;
        reason.text = format!("\x1b[2Jpanic\x07: {}", "x".repeat(100));
        let table = table(&board, false);
        assert!(!table.contains(['\x1b', '\x07']) && table.contains("panic: xxx") && table.contains("x… · 1s ago"));
    }
}
