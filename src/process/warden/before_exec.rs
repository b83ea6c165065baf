//! What a child does between fork and exec.
//!
//! It runs in a copy of the warden, which has one thread, so it may allocate and lock. It must not return into the
//! warden's own program, and [`become_task`] doesn't.
//!
//! The warden does not wait for the exec, as `posix_spawn` would: a program on a disk that hangs delays its own start
//! and no other. A failed exec is reported through a pipe that a successful one closes.

use std::convert::Infallible;
use std::io::{self, PipeWriter, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, setgid, setuid};
use rustix::fs::{Mode, RawMode};
use rustix::process::{Pid, Resource, Rlimit};

use super::protocol::{Credentials, STDIO, Spawn, StartFault, StartStep};
use crate::config::Limits;
use crate::process::{InheritedLimits, sys};

/// The exit code of a child that failed before its exec. The warden reports the fault instead.
const CODE_OF_FAULT: i32 = 127;
/// Seconds of processor time between `SIGXCPU` and `SIGKILL`.
pub(in crate::process) const CPU_TIME_GRACE: u64 = 5;

/// Variables that tell of the process that started stead, or are meant for stead alone: its service manager's.
pub(in crate::process) const NOT_INHERITED: [&str; 7] =
    ["OLDPWD", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// What a child gets from the warden beside its orders.
pub(super) struct Birth<'a> {
    /// The variable by which descendants are found.
    pub(super) mark: (&'static str, String),
    /// The warden's pid.
    pub(super) warden: Pid,
    /// The limits that stead was started with.
    pub(super) limits: &'a InheritedLimits,
}

/// Becomes the task. Returns only on failure, with the cause written to `fault`, which an exec closes.
pub(super) fn become_task(spawn: &Spawn, birth: Birth<'_>, stdio: [OwnedFd; STDIO], mut fault: PipeWriter) -> i32 {
    let Err(why) = try_to_become(spawn, birth, stdio);
    if let Ok(text) = serde_json::to_vec(&why) {
        // Fails only if the warden is gone.
        let _ = fault.write_all(&text);
    }
    CODE_OF_FAULT
}

fn try_to_become(spawn: &Spawn, birth: Birth<'_>, stdio: [OwnedFd; STDIO]) -> Result<Infallible, StartFault> {
    let Birth { mark, warden, limits } = birth;
    let at = |step| move |error: io::Error| StartFault { step, errno: error.raw_os_error().unwrap_or_default() };
    let [stdin, stdout, stderr] = stdio;
    rustix::process::setsid().map_err(|error| at(StartStep::Prepare)(error.into()))?;
    if spawn.terminal {
        rustix::process::ioctl_tiocsctty(&stdin).map_err(|error| at(StartStep::Prepare)(error.into()))?;
    }
    sys::reset_signals().map_err(at(StartStep::Prepare))?;
    limits.restore();
    limit(&spawn.limits)?;
    if spawn.nice != 0 {
        rustix::process::nice(spawn.nice).map_err(|error| at(StartStep::Nice)(error.into()))?;
    }
    if let Some(bits) = spawn.umask {
        rustix::process::umask(Mode::from_bits_truncate(bits as RawMode));
    }
    if let Some(credentials) = &spawn.credentials {
        assume(credentials).map_err(at(StartStep::Credentials))?;
    }
    // After the change of user, which resets it.
    die_with(warden).map_err(at(StartStep::Prepare))?;

    let (program, arguments) =
        spawn.argv.split_first().ok_or(StartFault { step: StartStep::Run, errno: Errno::EINVAL as i32 })?;
    let pwd = enter(Path::new(&spawn.dir)).map_err(at(StartStep::Run))?;
    let mut command = Command::new(program);
    for variable in NOT_INHERITED {
        command.env_remove(variable);
    }
    command.args(arguments).env("PWD", pwd).envs(&spawn.env).env(mark.0, mark.1);
    command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    Err(at(StartStep::Run)(command.exec()))
}

/// Changes to a directory and returns what a shell that did so would set as `PWD`: the path as it was written, unless
/// that holds `..`.
fn enter(dir: &Path) -> io::Result<PathBuf> {
    std::env::set_current_dir(dir)?;
    let is_plain = dir.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if is_plain && dir.is_absolute() { Ok(dir.to_owned()) } else { std::env::current_dir() }
}

fn limit(limits: &Limits) -> Result<(), StartFault> {
    let wanted = [
        (StartStep::OpenFiles, Resource::Nofile, limits.open_files, 0),
        (StartStep::Memory, Resource::As, limits.memory, 0),
        (StartStep::CpuTime, Resource::Cpu, limits.cpu_time, CPU_TIME_GRACE),
        (StartStep::Core, Resource::Core, limits.core, 0),
    ];
    for (step, resource, most, grace) in wanted {
        let Some(most) = most else { continue };
        let limit = Rlimit { current: Some(most), maximum: Some(most.saturating_add(grace)) };
        rustix::process::setrlimit(resource, limit)
            .map_err(|error| StartFault { step, errno: error.raw_os_error() })?;
    }
    Ok(())
}

pub(in crate::process) fn assume(credentials: &Credentials) -> io::Result<()> {
    // On macOS the groups follow from the user.
    #[cfg(not(target_os = "macos"))]
    nix::unistd::setgroups(&credentials.groups.iter().copied().map(Gid::from_raw).collect::<Vec<_>>())?;
    // The user last: it takes the right to change the rest.
    setgid(Gid::from_raw(credentials.group))?;
    setuid(Uid::from_raw(credentials.user))?;
    Ok(())
}

/// Has the kernel kill this process when the warden dies. Elsewhere only a warden that ends in good order ends its
/// tasks.
#[cfg(target_os = "linux")]
fn die_with(warden: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // The warden may have died before this.
    if rustix::process::getppid() == Some(warden) { Ok(()) } else { Err(Errno::ESRCH.into()) }
}

#[cfg(not(target_os = "linux"))]
fn die_with(_warden: Pid) -> io::Result<()> {
    Ok(())
}
