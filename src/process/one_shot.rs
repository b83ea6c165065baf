//! Commands that belong to no task, such as hooks: run once, fed from a string, with the start of their output kept.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};

use super::warden::{Spawn, SpawnError, StartFault, StartStep};
use super::{Warden, reason_of};
use crate::config::CommandLine;
use crate::supervisor::engine::ExitReason;

/// Bytes of output that are kept; the rest is read and discarded.
const OUTPUT_BYTES: usize = 4 * 1024;

/// A command to run once.
#[derive(Debug)]
pub(crate) struct OneShotCommand<'a> {
    pub(crate) command: &'a CommandLine,
    /// The working directory.
    pub(crate) dir: &'a Path,
    /// Variables set on top of the supervisor's own environment.
    pub(crate) env: BTreeMap<String, String>,
    /// The contents of its standard input.
    pub(crate) input: String,
}

/// The result of a command that ran.
#[derive(Debug)]
pub(crate) struct OneShotOutcome {
    pub(crate) reason: ExitReason,
    /// The start of what it wrote to standard output and standard error.
    pub(crate) output: String,
}

impl OneShotCommand<'_> {
    /// Runs the command to the end of its main process. Its remaining processes are killed then, and all of them if the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// It could not be run.
    pub(crate) async fn run(self, warden: &Warden) -> Result<OneShotOutcome, String> {
        let spawn = Spawn { argv: self.command.to_argv(), env: self.env, dir: self.dir.into(), ..Spawn::default() };
        run(warden, spawn, self.input).await.map_err(|error| error.to_string())
    }
}

/// As [`OneShotCommand::run`].
pub(super) async fn run(warden: &Warden, spawn: Spawn, text: String) -> Result<OneShotOutcome, SpawnError> {
    let cannot = |error: io::Error| SpawnError::System(StartFault::of(StartStep::Prepare, &error));
    let (stdin, input) = io::pipe().map_err(cannot)?;
    let (output, stdout) = io::pipe().map_err(cannot)?;
    let stderr = stdout.try_clone().map_err(cannot)?;
    let mut input = Sender::from_owned_fd(OwnedFd::from(input)).map_err(cannot)?;
    let mut output = Receiver::from_owned_fd(OwnedFd::from(output)).map_err(cannot)?;
    let child = warden.spawn(spawn, [stdin.into(), stdout.into(), stderr.into()]).await?;
    let mut kept = Vec::new();
    let fed = async move {
        // The command need not read its input.
        let _ = input.write_all(text.as_bytes()).await;
    };
    let exited = {
        let said = async {
            tokio::join!(fed, keep(&mut output, &mut kept));
            std::future::pending().await
        };
        tokio::select! {
            exited = child.exited() => exited,
            () = said => None,
        }
    };
    // What it wrote before its end is in the pipe by now. A descendant may hold the pipe open. Asked of the system: the
    // runtime may hear of the end before it hears that there is something to read.
    let mut rest = [0; OUTPUT_BYTES];
    while let Ok(read @ 1..) = rustix::io::read(&output, &mut rest) {
        take(&mut kept, &rest[..read]);
        if kept.len() == OUTPUT_BYTES {
            break;
        }
    }
    let exit = exited.ok_or(SpawnError::WardenGone)?;
    Ok(OneShotOutcome { reason: reason_of(exit.status()), output: String::from_utf8_lossy(&kept).into_owned() })
}

/// Reads to the end.
async fn keep(output: &mut Receiver, kept: &mut Vec<u8>) {
    let mut buffer = [0; OUTPUT_BYTES];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        take(kept, &buffer[..read]);
    }
}

fn take(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = OUTPUT_BYTES - kept.len();
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
