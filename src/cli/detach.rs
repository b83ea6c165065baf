//! `stead up -d`: a supervisor in the background, in a session of its own.
//!
//! ```text
//! up -d ──spawns──▶ up --in-background: leaves the session, claims `.stead/`, supervises
//!   ▲                  │ errors go to the standard error of both
//!   └──── "up" ────────┘ once its control socket answers; from then on standard error is stead.log
//! ```

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::client::{Client, ClientError, block_on};
use super::config_file::ForeignArgs;
use super::wait::{self, WaitArgs};
use super::{EXIT_REFUSED, FileArgs, eprint_line, print};
use crate::app::UP;
use crate::config::TaskSelection;
use crate::process::this_program;
use crate::wire::LenientSnapshot;

/// The flag of the process in the background.
pub(super) const IN_BACKGROUND: &str = "in-background";
/// The default of `--timeout`.
pub(super) const WAIT_DEFAULT: Duration = Duration::from_secs(60);

/// Starts a supervisor in the background. Returns once it answers requests; with `wait`, once every process is ready or
/// that time is over. If the supervisor ends first, its exit code is returned.
///
/// # Errors
///
/// The supervisor can't be started.
pub(super) fn detach(
    file: &FileArgs,
    selection: &TaskSelection,
    foreign: &ForeignArgs,
    wait: Option<Duration>,
) -> anyhow::Result<ExitCode> {
    let mut command = Command::new(this_program().context("cannot find the path of this program")?);
    command.arg0("stead").arg("up").arg(format!("--{IN_BACKGROUND}"));
    if let Some(path) = &file.file {
        command.arg("--file").arg(path);
    }
    for profile in &selection.profiles {
        command.arg("--profile").arg(profile);
    }
    command.args(foreign.arguments());
    command.arg("--").args(&selection.tasks);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start the supervisor")?;
    let mut said = String::new();
    let stdout = child.stdout.take().context("the supervisor has no output")?;
    BufReader::new(stdout).read_line(&mut said).context("cannot read the output of the supervisor")?;
    if said.trim_end() != UP {
        // Its error is on standard error.
        let status = child.wait().context("cannot wait for the supervisor")?;
        return Ok(if status.success() { ExitCode::from(EXIT_REFUSED) } else { code_of(status) });
    }
    print(&format!(
        "stead runs in the background, pid {}\n\
         `stead attach` shows the dashboard, `stead status` the state of every task, `stead down` ends it",
        child.id()
    ))?;
    match wait {
        Some(timeout) => until_ready(file, timeout, child),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn until_ready(file: &FileArgs, timeout: Duration, mut child: Child) -> anyhow::Result<ExitCode> {
    let reached = wait::run(file, &WaitArgs::until_all_are_ready(timeout));
    // A task that is not ready may be one that the supervisor has begun to stop.
    if !is_ending(file)? {
        if !matches!(reached, Ok(ExitCode::SUCCESS)) {
            eprint_line("`stead why` tells more");
        }
        return reached;
    }
    let status = child.wait().context("cannot wait for the supervisor")?;
    if let Some(words) = Client::of(file)?.paths.outcome() {
        eprint_line(words.trim_end());
    }
    Ok(code_of(status))
}

/// Whether the supervisor drains or has ended.
fn is_ending(file: &FileArgs) -> anyhow::Result<bool> {
    let client = Client::of(file)?;
    block_on(async {
        match client.read::<LenientSnapshot>("/api/v1/snapshot").await {
            Ok(snapshot) => Ok(snapshot.drain().is_some()),
            Err(error @ ClientError::Unreadable(_)) => Err(error.into()),
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

/// Moves this process to a session of its own, without a terminal.
///
/// # Errors
///
/// This process leads a process group: a shell started it, not `stead up -d`.
pub(super) fn leave_session() -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot leave the session; use `stead up -d`")?;
    // It was executed by a descriptor, so the kernel does not call it by its name. Without one it works as well.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"stead");
    Ok(())
}
