//! Prepares the start of a child: command line, environment, descriptors. The warden does the rest.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::task::spawn_blocking;

use super::notify::{NotifySocket, SOCKET_VARIABLE, WATCHDOG_VARIABLE};
use super::one_shot::{self, OneShotOutcome};
use super::start_failure::explain;
use super::warden::{Child, Spawn, SpawnError, StartFault, StartStep};
use super::{ProcessTask, pty};
use crate::config::{CommandLine, TaskStdin};
use crate::logs::OutputStream;
use crate::screen::ScreenSize;

/// The size of a pipe, where it can be set: the larger, the fewer turns a flood of output needs. An unprivileged user
/// may have 64 MiB of this in all (pipe(7)), hence no more.
const PIPE_BYTES: usize = 256 * 1024;
/// `TERM` in a task's terminal, unless the task's `env` sets it.
pub(super) const TERMINAL_KIND: &str = "xterm-256color";

/// The reading ends of what a process writes to.
pub(super) type Outputs = Vec<(OutputStream, OwnedFd)>;

/// A process that runs, with the reading ends of its output.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) outputs: Outputs,
    /// The writing end of its standard input, if that is to stay open.
    pub(super) stdin: Option<OwnedFd>,
}

/// What a process is given, and the other ends of it.
struct OpenedStdio {
    stdio: [OwnedFd; 3],
    outputs: Outputs,
    stdin: Option<OwnedFd>,
}

/// Starts the main process of a run.
///
/// # Errors
///
/// What was tried and why it failed.
pub(super) async fn spawn(task: &ProcessTask, run: u64, socket: Option<&NotifySocket>) -> Result<Spawned, String> {
    let command = &task.config.command;
    let mut spawn = prepared(task, command, run);
    if let Some(socket) = socket {
        spawn.env.insert(SOCKET_VARIABLE.to_owned(), socket.address().to_owned());
        let watchdog = task.watchdog().map(|limit| (WATCHDOG_VARIABLE.to_owned(), limit.as_micros().to_string()));
        spawn.env.extend(watchdog);
    }
    let opened = match &task.screen {
        Some(screen) => with_terminal(&mut spawn, screen.size()),
        None => with_pipes(task, task.config.stdin),
    };
    let OpenedStdio { stdio, outputs, stdin } = match opened {
        Ok(opened) => opened,
        Err(error) => return Err(explained(task, command, StartFault::of(StartStep::Prepare, &error)).await),
    };
    Ok(Spawned { child: make(task, command, spawn, stdio).await?, outputs, stdin })
}

/// Runs a command of a task to its end, in the task's directory and environment. Its remaining processes are killed then,
/// and all of them if the future is dropped.
///
/// # Errors
///
/// It could not be run.
pub(super) async fn run_quietly(task: &ProcessTask, command: &CommandLine, run: u64) -> Result<OneShotOutcome, String> {
    match one_shot::run(&task.warden, prepared(task, command, run), String::new()).await {
        Ok(outcome) => Ok(outcome),
        Err(SpawnError::System(fault)) => Err(explained(task, command, fault).await),
        Err(error) => Err(error.to_string()),
    }
}

/// Starts a command on behalf of a run, with these variables beside those of the task.
///
/// # Errors
///
/// As [`spawn`].
pub(super) async fn spawn_beside(
    task: &ProcessTask,
    command: &CommandLine,
    run: u64,
    env: &[(&str, String)],
) -> Result<Spawned, String> {
    let mut spawn = prepared(task, command, run);
    spawn.env.extend(env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    match with_pipes(task, TaskStdin::Null) {
        Ok(OpenedStdio { stdio, outputs, stdin }) => {
            Ok(Spawned { child: make(task, command, spawn, stdio).await?, outputs, stdin })
        }
        Err(error) => Err(explained(task, command, StartFault::of(StartStep::Prepare, &error)).await),
    }
}

async fn make(task: &ProcessTask, command: &CommandLine, spawn: Spawn, stdio: [OwnedFd; 3]) -> Result<Child, String> {
    match task.warden.spawn(spawn, stdio).await {
        Ok(child) => Ok(child),
        Err(SpawnError::System(fault)) => Err(explained(task, command, fault).await),
        Err(error) => Err(error.to_string()),
    }
}

/// Looks for the cause in the file system, which may block.
async fn explained(task: &ProcessTask, command: &CommandLine, fault: StartFault) -> String {
    let (config, command) = (task.config.clone(), command.clone());
    let explained = spawn_blocking(move || explain(&config, &command, fault)).await;
    explained.unwrap_or_else(|error| format!("cannot start: {error}"))
}

fn with_pipes(task: &ProcessTask, stdin: TaskStdin) -> io::Result<OpenedStdio> {
    let (stdout, stdout_writer) = pipe()?;
    let (stderr, stderr_writer) = pipe()?;
    let outputs = vec![(OutputStream::Stdout, stdout), (OutputStream::Stderr, stderr)];
    let (theirs, stdin) = match stdin {
        TaskStdin::Null => (task.warden.dev_null()?, None),
        TaskStdin::Open => {
            let (reader, writer) = io::pipe()?;
            (reader.into(), Some(writer.into()))
        }
    };
    Ok(OpenedStdio { stdio: [theirs, stdout_writer, stderr_writer], outputs, stdin })
}

fn with_terminal(spawn: &mut Spawn, size: ScreenSize) -> io::Result<OpenedStdio> {
    let (ours, theirs) = terminal::open()?;
    pty::set_size(&theirs, size)?;
    spawn.terminal = true;
    spawn.env.entry("TERM".to_owned()).or_insert_with(|| TERMINAL_KIND.to_owned());
    let stdio = [theirs.try_clone()?, theirs.try_clone()?, theirs];
    Ok(OpenedStdio { stdio, outputs: vec![(OutputStream::Stdout, ours)], stdin: None })
}

/// Returns the command in the task's directory and environment, within its limits, with the name of the task and the
/// number of the run in its environment.
fn prepared(task: &ProcessTask, command: &CommandLine, run: u64) -> Spawn {
    let config = &task.config;
    let own = config.env.iter().map(|(name, variable)| (name.clone(), variable.value.expose().to_owned()));
    let mut env: BTreeMap<_, _> = own.collect();
    for (name, value) in &task.runs_as.env {
        env.entry((*name).to_owned()).or_insert_with(|| value.clone());
    }
    env.insert("STEAD_TASK".to_owned(), config.name.clone());
    env.insert("STEAD_RUN".to_owned(), run.to_string());
    Spawn {
        argv: command.to_argv(),
        env,
        dir: config.dir.clone().into(),
        terminal: false,
        limits: config.limits,
        nice: config.nice,
        umask: config.umask,
        credentials: task.runs_as.credentials.clone(),
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    // The default size works, too: the user's share of large pipes may be used up.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(reader.as_fd(), PIPE_BYTES);
    Ok((reader.into(), writer.into()))
}

#[cfg(target_os = "linux")]
mod terminal {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    /// Returns both ends of a new terminal: the supervisor's and the task's.
    pub(super) fn open() -> io::Result<(OwnedFd, OwnedFd)> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        Ok((ours, theirs))
    }
}

#[cfg(not(target_os = "linux"))]
mod terminal {
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::OpenOptionsExt;

    use nix::libc::O_NOCTTY;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    /// As above.
    pub(super) fn open() -> io::Result<(OwnedFd, OwnedFd)> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::ioctl_fioclex(&ours)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let path = ptsname(&ours, Vec::new())?;
        let path = path.to_str().map_err(io::Error::other)?;
        let theirs = File::options().read(true).write(true).custom_flags(O_NOCTTY).open(path)?;
        Ok((ours, theirs.into()))
    }
}
