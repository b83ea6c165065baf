//! Brings a child to life: its command line, its session, its three descriptors.
//!
//! Blocks (a fork, an exec from a slow disk), so it is called where that is fine.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::termios::{Winsize, tcsetwinsize};

use super::start_failure;
use super::{group::Group, sys};
use crate::config::{self, TaskConfig};
use crate::kernel::Stream;

/// What a pipe holds, where it can be said: the larger, the fewer turns a flood of output needs. An unprivileged
/// user may have 64 MiB of this in all (pipe(7)), hence no more.
const PIPE_BYTES: usize = 256 * 1024;
/// The size of a task's terminal until somebody looks at it through one.
const TERMINAL_SIZE: Winsize = Winsize { ws_row: 30, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
/// What a task's terminal understands, unless the task's `env` says otherwise.
const TERMINAL_KIND: &str = "xterm-256color";

/// A main process that runs, and the reading ends of its output.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) group: Group,
    pub(super) outputs: Vec<(Stream, OwnedFd)>,
}

/// Starts the main process of a task.
///
/// # Errors
///
/// Says for people what was tried and why it failed.
pub(super) fn spawn(task: &TaskConfig) -> Result<Spawned, String> {
    let explained = |error: io::Error| start_failure::explain(task, &task.command, &error);
    if task.tty { with_terminal(task) } else { with_pipes(task) }.map_err(explained)
}

/// Starts a command on behalf of a task, in its directory and environment; what it writes is thrown away.
///
/// # Errors
///
/// As [`spawn`].
pub(super) fn spawn_silent(task: &TaskConfig, command: &config::Command) -> Result<Group, String> {
    let explained = |error: io::Error| start_failure::explain(task, command, &error);
    let mut silent = prepared(task, command);
    sys::isolate(&mut silent, false);
    silent.spawn().and_then(Group::led_by).map_err(explained)
}

fn with_pipes(task: &TaskConfig) -> io::Result<Spawned> {
    let (stdout, stdout_writer) = pipe()?;
    let (stderr, stderr_writer) = pipe()?;
    let mut command = prepared(task, &task.command);
    command.stdout(stdout_writer).stderr(stderr_writer);
    sys::isolate(&mut command, false);
    let group = Group::led_by(command.spawn()?)?;
    Ok(Spawned { group, outputs: vec![(Stream::Stdout, stdout), (Stream::Stderr, stderr)] })
}

fn with_terminal(task: &TaskConfig) -> io::Result<Spawned> {
    let (ours, theirs) = terminal::open()?;
    tcsetwinsize(&theirs, TERMINAL_SIZE)?;
    let mut command = prepared(task, &task.command);
    if !task.env.contains_key("TERM") {
        command.env("TERM", TERMINAL_KIND);
    }
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    sys::isolate(&mut command, true);
    let group = Group::led_by(command.spawn()?)?;
    Ok(Spawned { group, outputs: vec![(Stream::Stdout, ours)] })
}

/// The command in the task's directory and environment, connected to nothing.
fn prepared(task: &TaskConfig, command: &config::Command) -> Command {
    let mut prepared = match command {
        config::Command::Shell(line) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(line);
            shell
        }
        config::Command::Argv(argv) => {
            let (program, arguments) = argv.split_first().expect("a command in a config is not empty");
            let mut direct = Command::new(program);
            direct.args(arguments);
            direct
        }
    };
    prepared.current_dir(&task.dir).envs(&task.env);
    prepared.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    prepared
}

fn pipe() -> io::Result<(OwnedFd, Stdio)> {
    let (reader, writer) = io::pipe()?;
    // A pipe of the usual size is fine, too: the user's share of large ones may be spent.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&reader, PIPE_BYTES);
    Ok((reader.into(), writer.into()))
}

#[cfg(target_os = "linux")]
mod terminal {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    /// Both ends of a new terminal: ours and the task's.
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

    /// Both ends of a new terminal: ours and the task's.
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
