//! `stead status`: the state of every task, as a table.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, timeout};
use unicode_width::UnicodeWidthStr;

use super::client::{Client, StreamMessage, block_on, parse, while_read};
use super::table::table;
use super::{FileArgs, print, shows_colour};
use crate::present::ansi;
use crate::present::clock::Clock;
use crate::present::parts::parts;
use crate::present::state::{Tone, look};
use crate::present::task::{last_exit, retries, uptime};
use crate::present::text::memory;
use crate::supervisor::engine::{TaskSnapshot, Uptime};
use crate::surfaces::web::Token;
use crate::wire::{Lenient, LenientSnapshot};

/// How often `--watch` updates the countdowns on a terminal.
const TICK: Duration = Duration::from_secs(1);
const HEADINGS: [&str; 9] = ["NAME", "STATE", "RETRIES", "NEXT", "UPTIME", "CPU", "MEM", "PORTS", "LAST EXIT"];
/// The index of the STATE column.
const STATE_COLUMN: usize = 1;
/// Stands for what there is none of.
const NONE: &str = "–";
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
    /// Show what each task's last failed run wrote last, too
    #[arg(long, short = 'W')]
    wide: bool,
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
            return while_read(watch(&client, args)).await;
        }
        let answer = client.get("/api/v1/snapshot?usage=true").await?;
        if args.json {
            return Ok(print(&String::from_utf8_lossy(&answer))?);
        }
        Ok(print(&page(&parse(&answer)?, &client, args.wide))?)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// On a terminal one table that is updated in place; elsewhere one table after each change.
async fn watch(client: &Client, args: &StatusArgs) -> anyhow::Result<()> {
    let json = args.json;
    let is_screen = io::stdout().is_terminal() && !json;
    let mut events = client.events("").await?;
    let mut received_at = Instant::now();
    loop {
        // On a screen countdowns go on while nothing else happens. `next` is cancel safe: a message that arrived in part is
        // kept.
        let silence = if is_screen { TICK } else { Duration::MAX };
        if let Ok(message) = timeout(silence, events.next()).await {
            match message? {
                None => return Ok(()),
                Some(StreamMessage::Event(_) | StreamMessage::Dropped(_) | StreamMessage::Lost(_)) => continue,
                Some(StreamMessage::Snapshot) => received_at = Instant::now(),
            }
        }
        if let Some(snapshot) = events.snapshot_json().filter(|_| json) {
            print(&snapshot.to_string())?;
        } else if let Some(snapshot) = events.snapshot() {
            let mut snapshot = snapshot.clone();
            snapshot.now.0 += received_at.elapsed();
            let page = page(&snapshot, client, args.wide);
            print(&if is_screen { over_the_screen(&page) } else { page + "\n" })?;
        }
    }
}

/// `page` with escape sequences that draw it over the previous one, from the top left corner.
fn over_the_screen(page: &str) -> String {
    format!("\x1b[H{}\x1b[J", page.replace('\n', "\x1b[K\n") + "\x1b[K")
}

fn page(snapshot: &LenientSnapshot, client: &Client, wide: bool) -> String {
    let mut page = heading(snapshot);
    page += "\n\n";
    page += &tasks_table(snapshot, shows_colour(&io::stdout()), wide);
    if let Some(Lenient::Known(containment)) = snapshot.supervisor.containment {
        let _ = write!(page, "\n\ncontainment: {containment}");
    }
    for builtin in snapshot.tasks.iter().filter_map(Lenient::known).filter(|task| task.is_builtin()) {
        let Some(address) = &builtin.address else { continue };
        // A secret is for the screen: what goes into a pipe is often kept.
        match Token::read(&client.paths.token).ok().filter(|_| io::stdout().is_terminal()) {
            Some(token) => drop(write!(page, "\n\npage: {address}/#token={}", token.secret())),
            None => drop(write!(
                page,
                "\n\npage: {address}/ (its token is in {})",
                ansi::plain(&client.paths.token.to_string_lossy())
            )),
        }
    }
    page
}

fn heading(snapshot: &LenientSnapshot) -> String {
    let (clock, supervisor) = (Clock::new(snapshot.now), &snapshot.supervisor);
    let mut heading = format!("{} · up {}", ansi::plain(&supervisor.project), clock.span(Uptime::default()));
    if let Some((cause, deadline)) = snapshot.drain() {
        let (cause, left) = (ansi::plain_text(cause.as_bytes()), clock.left(deadline));
        let _ = write!(heading, " · draining: {cause}, {left} left");
    }
    let _ = write!(heading, " · pid {} · stead {}", supervisor.pid, supervisor.version);
    heading
}

/// The processes, then those of stead's builtin tasks that need attention, and a line about the others.
fn tasks_table(snapshot: &LenientSnapshot, colour: bool, wide: bool) -> String {
    let (own, theirs): (Vec<_>, Vec<_>) = snapshot.tasks.iter().partition(|task| task.is_builtin());
    let parts = parts(own.iter().filter_map(|task| task.known()), snapshot.drain().is_some());
    let is_alone = |task: &&&Lenient<TaskSnapshot>| {
        task.known().is_none() || parts.alone.iter().any(|alone| alone.name == task.name())
    };
    let own: Vec<_> = own.iter().filter(is_alone).copied().collect();
    let tasks = || theirs.iter().chain(&own);
    let rows: Vec<_> = tasks().map(|task| cells(task, snapshot)).collect();
    let mut lines: Vec<_> = table(HEADINGS, &rows).lines().map(str::to_owned).collect();
    if wide {
        let columns = lines.iter().map(|line| line.width()).max().unwrap_or(0);
        let words =
            |task: &&Lenient<TaskSnapshot>| task.known().and_then(|known| known.last_words.clone()).unwrap_or_default();
        let words = tasks().map(|task| ansi::plain(&words(task)));
        for (line, words) in lines.iter_mut().zip(std::iter::once("LAST WORDS".to_owned()).chain(words)) {
            let padded = format!("{line}{:gap$}  {words}", "", gap = columns - line.width());
            *line = padded.trim_end().to_owned();
        }
    }
    for (line, (task, row)) in lines.iter_mut().skip(1).zip(tasks().zip(&rows)).filter(|_| colour) {
        let state = &row[STATE_COLUMN];
        *line = line.replacen(state, &format!("\x1b[{}m{state}\x1b[0m", shade(task)), 1);
    }
    if !theirs.is_empty() && !own.is_empty() {
        lines.insert(1 + theirs.len(), String::new());
    }
    if let Some(folded) = parts.folded {
        lines.extend([String::new(), folded]);
    }
    lines.join("\n")
}

fn cells(task: &Lenient<TaskSnapshot>, snapshot: &LenientSnapshot) -> [String; HEADINGS.len()] {
    let (name, next) = (task.name().to_owned(), short(&snapshot.next(task)));
    let none = || NONE.to_owned();
    let Some(known) = task.known() else {
        let state = format!("? {}", short(task.state()));
        return [name, state, none(), next, none(), none(), none(), none(), none()];
    };
    let clock = Clock::new(snapshot.now);
    let used = if known.retries == 0 { "·".to_owned() } else { retries(known.retries, known.max_retries) };
    let exit = last_exit(known, &clock).map(|(reason, ago)| format!("{} · {ago}", short(&reason)));
    let state = format!("{} {}", look(known).glyph, look(known).word);
    let usage = known.usage.as_ref();
    let cpu = usage.map(|usage| format!("{:.0}%", usage.cpu_percent));
    let memory = usage.map(|usage| memory(usage.memory_bytes));
    let ports = usage.map(|usage| usage.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" "));
    let ports = ports.filter(|ports| !ports.is_empty()).map(|ports| short(&ports));
    let uptime = uptime(known, &clock);
    let [uptime, cpu, memory, ports, exit] = [uptime, cpu, memory, ports, exit].map(|cell| cell.unwrap_or_else(none));
    [name, state, used, next, uptime, cpu, memory, ports, exit]
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

/// The colour of the state: the parameter of an SGR escape sequence.
fn shade(task: &Lenient<TaskSnapshot>) -> u8 {
    match task.known().map(|task| look(task).tone) {
        Some(Tone::Good) => 32,
        Some(Tone::Bad) => 31,
        Some(Tone::Warning) => 33,
        Some(Tone::Busy) => 36,
        Some(Tone::Quiet | Tone::Plain) | None => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel::sample::{at, process, ready};
    use crate::supervisor::engine::{ExitReason, LastExit, PhaseSnapshot, TaskKind, Usage};

    fn snapshot(reason: ExitReason) -> LenientSnapshot {
        let mut control = process("control", ready(0));
        control.kind = TaskKind::Builtin;
        let mut api = process("api", PhaseSnapshot::Backoff { attempt: 2, since: at(8_000), retry_at: at(10_000) });
        (api.run, api.retries) = (2, 2);
        let ran_for = Duration::from_secs(1);
        api.last_exit = Some(LastExit {
            run: 2,
            reason,
            expected: false,
            succeeded: false,
            at: at(8_000),
            ran_for,
            peak_memory: None,
            hint: None,
        });
        serde_json::from_value(serde_json::json!({
            "project": "shop", "version": "0.1.0", "pid": 7, "started_at": "2026-01-01T00:00:00Z", "now": 9000,
            "generation": 1, "at": 0, "stage": { "stage": "up" }, "tasks": [control, api, process("db", ready(1_000))],
        }))
        .unwrap()
    }

    #[test]
    fn processes_come_first_and_columns_are_aligned() {
        let mut snapshot = snapshot(ExitReason::Code { code: 1 });
        assert_eq!(heading(&snapshot), "shop · up 9s · pid 7 · stead 0.1.0");
        let Lenient::Known(db) = &mut snapshot.tasks[2] else { panic!("it is known") };
        db.usage = Some(Usage { processes: 1, cpu_percent: 12.3, memory_bytes: 48 << 20, ports: vec![5432, 5433] });
        let expected = "\
NAME  STATE      RETRIES  NEXT           UPTIME  CPU  MEM  PORTS      LAST EXIT
api   ◐ backoff  2/5      retry in 1.0s  –       –    –    –          code 1 · 1s ago
db    ● ready    ·                       8s      12%  48M  5432 5433  –

stead: 1 part ready";
        assert_eq!(tasks_table(&snapshot, false, false), expected);
        assert!(tasks_table(&snapshot, true, false).contains("\x1b[33m◐ backoff\x1b[0m"));
        let newer = serde_json::json!({ "name": "new", "kind": "process", "state": "dreaming" });
        snapshot.tasks.push(serde_json::from_value(newer).unwrap());
        assert!(tasks_table(&snapshot, false, false).contains("new   ? dreaming  –"));
    }

    #[test]
    fn a_part_of_stead_that_is_not_well_stands_alone() {
        let mut snapshot = snapshot(ExitReason::Code { code: 1 });
        let mut web = process(
            "stead.web",
            PhaseSnapshot::Failed { reason: "taken".to_owned(), dependency: None, retry_at: None },
        );
        web.kind = TaskKind::Builtin;
        snapshot.tasks.push(Lenient::Known(web));
        let table = tasks_table(&snapshot, false, false);
        assert!(
            table.contains("\n\nstead.web  ✖ failed") && table.ends_with("\n\nstead: 1 other part ready"),
            "{table}"
        );
    }

    #[test]
    fn what_a_task_wrote_into_its_reason_is_one_plain_line() {
        let message = format!("\x1b[2Jpanic\x07: {}", "x".repeat(100));
        let table = tasks_table(&snapshot(ExitReason::StartFailed { message }), false, false);
        assert!(!table.contains(['\x1b', '\x07']) && table.contains("panic: xxx") && table.contains("x… · 1s ago"));
    }
}
