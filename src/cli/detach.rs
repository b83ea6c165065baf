//! `stead up -d`: a supervisor in the background, in a session of its own.
//!
//! ```text
//! up -d ──spawns──▶ up --in-background: leaves the session, claims `.stead/`, supervises
//!   ▲                  │ what is wrong goes to the standard error that both have
//!   └──── "up" ────────┘ once its control socket answers; from then on it writes to stead.log
//! ```

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::board::{Board, Stage};
use super::client::{Client, ClientError, block_on};
use super::wait::{self, WaitArgs};
use super::{EXIT_REFUSED, FileArgs, print, quote};
use crate::app::UP;
use crate::process::this_program;

/// The argument of the process in the background.
pub(super) const ARGUMENT: &str = "in-background";
/// How long `--wait` waits unless it is told.
pub(super) const WAIT: Duration = Duration::from_secs(60);

/// Starts a supervisor in the background, and returns once it answers, or once all is ready if `wait` says how long that
/// may take. Where it ends before, its exit code is taken.
///
/// # Errors
///
/// It can't be started.
pub(super) fn detach(file: &FileArgs, tasks: &[String], wait: Option<Duration>) -> anyhow::Result<ExitCode> {
    let mut command = Command::new(this_program().context("cannot tell where this program is")?);
    command.arg0("stead").arg("up").arg(format!("--{ARGUMENT}"));
    if let Some(path) = &file.file {
        command.arg("--file").arg(path);
    }
    command.arg("--").args(tasks.iter().map(OsStr::new));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start the supervisor")?;
    let mut said = String::new();
    let stdout = child.stdout.take().context("the supervisor has no output")?;
    BufReader::new(stdout).read_line(&mut said).context("cannot hear the supervisor")?;
    if said.trim_end() != UP {
        // It has said why on standard error.
        return Ok(code_of(child.wait().context("cannot wait for the supervisor")?));
    }
    print(&format!(
        "stead runs in the background, pid {}\n\
         `stead attach` shows it, `stead status` says how everything stands, `stead down` ends it",
        child.id()
    ))?;
    match wait {
        Some(timeout) => until_ready(file, timeout, child),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn until_ready(file: &FileArgs, timeout: Duration, mut child: Child) -> anyhow::Result<ExitCode> {
    let reached = wait::run(file, &WaitArgs::until_all_are_ready(timeout));
    // What was seen may be the begin of its end.
    if !is_ending(file)? {
        return reached;
    }
    let status = child.wait().context("cannot wait for the supervisor")?;
    if let Some(words) = Client::of(file)?.paths.outcome() {
        quote(words.trim_end());
    }
    Ok(code_of(status))
}

/// Whether the supervisor drains, or is gone already.
fn is_ending(file: &FileArgs) -> anyhow::Result<bool> {
    let client = Client::of(file)?;
    block_on(async {
        match client.get("/api/v1/snapshot").await {
            Ok(snapshot) => {
                let board: Board = serde_json::from_slice(&snapshot).context("the snapshot can't be read")?;
                Ok(matches!(board.stage, Stage::Draining { .. }))
            }
            Err(error) => Ok(matches!(error, ClientError::NoServer(_) | ClientError::Broken(_))),
        }
    })
}

fn code_of(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        super::complain(&format!("the supervisor was ended by signal {signal} before it was up"));
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(EXIT_REFUSED))
}

/// Leaves the session of whoever started this process, and so its terminal.
///
/// # Errors
///
/// It leads a process group: somebody has started it by hand.
pub(super) fn leave_session() -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot leave the session; `stead up -d` is what starts this")?;
    Ok(())
}
