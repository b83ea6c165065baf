//! Reads `/proc` on Linux: the descendants of a process, its identity, its usage.
//!
//! Without `/proc` every answer is empty; [`is_there`] tells.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// More than the kernel writes into a `stat`.
const STAT_BYTES: usize = 1_024;

/// The fields of `/proc/PID/stat` that are needed here; see proc_pid_stat(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// One letter; `Z` and `X` are dead.
    state: u8,
    pub(super) parent: u32,
    /// The process group.
    pub(super) group: u32,
    /// The session.
    pub(super) session: u32,
    /// Processor time in user and kernel mode, in clock ticks.
    pub(super) cpu_ticks: u64,
    /// The number of threads.
    pub(super) threads: u64,
    /// When it started, in clock ticks since boot. Tells it from another process that gets its pid later.
    pub(super) started: u64,
    /// Resident memory in pages.
    pub(super) resident_pages: u64,
}

impl Stat {
    /// Returns `None` if there is no such process.
    pub(super) fn read(pid: u32) -> Option<Self> {
        let mut text = [0; STAT_BYTES];
        let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut text).ok()?;
        Self::parse(std::str::from_utf8(text.get(..length)?.rsplit(|&byte| byte == b')').next()?).ok()?)
    }

    /// Parses what follows the name. The name may hold any byte, the rest holds no bracket.
    fn parse(after_name: &str) -> Option<Self> {
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            state: *fields.first()?.as_bytes().first()?,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            cpu_ticks: number(11)? + number(12)?,
            threads: number(17)?,
            started: number(19)?,
            resident_pages: number(21)?,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }

    /// Whether it is suspended by a signal.
    #[cfg(test)]
    pub(super) fn is_stopped(&self) -> bool {
        self.state == b'T'
    }
}

/// A living process, identified by its pid and start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) stat: Stat,
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        Stat::read(pid).filter(Stat::is_alive).map(|stat| Self { pid, stat })
    }

    /// Whether it is still alive, and not another one that has got its pid since.
    pub(super) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.stat.started == self.stat.started)
    }

    /// The user that it runs as.
    pub(super) fn user(&self) -> Option<u32> {
        fs::metadata(format!("/proc/{}", self.pid)).ok().map(|about| about.uid())
    }

    /// Sends a signal to exactly this process, and not to another that has got its pid since.
    ///
    /// # Errors
    ///
    /// It has ended, or the signal is not permitted.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid.cast_signed())
            && let Ok(held) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
        {
            if !self.is_alive() {
                return Err(Errno::ESRCH);
            }
            let signal = rustix::process::Signal::from_named_raw(signal as i32).ok_or(Errno::EINVAL)?;
            let sent = rustix::process::pidfd_send_signal(held, signal);
            return sent.map_err(|error| Errno::from_raw(error.raw_os_error()));
        }
        if !self.is_alive() {
            return Err(Errno::ESRCH);
        }
        nix::sys::signal::kill(Pid::from_raw(self.pid.cast_signed()), signal)
    }
}

/// Whether descendants can be found here.
pub(super) fn is_there() -> bool {
    let me = std::process::id();
    fs::exists(format!("/proc/{me}/task/{me}/children")).unwrap_or(false)
}

/// Returns the living and dead children of a process that has `threads` threads: each thread has its own list.
pub(super) fn children(pid: u32, threads: u64) -> Vec<u32> {
    let of = |thread: u32| fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).unwrap_or_default();
    let lists: Vec<String> = match threads {
        0 | 1 => vec![of(pid)],
        _ => numbered(&format!("/proc/{pid}/task")).map(of).collect(),
    };
    lists.iter().flat_map(|list| list.split_ascii_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

/// Returns the living among these processes and all their descendants. A process that is born meanwhile may be missed.
pub(super) fn family(roots: impl IntoIterator<Item = u32>) -> Vec<Process> {
    let mut left: Vec<u32> = roots.into_iter().collect();
    let mut seen: HashSet<u32> = left.iter().copied().collect();
    let mut living = Vec::new();
    while let Some(pid) = left.pop() {
        // The dead have no children: the kernel gave those another parent.
        let Some(process) = Process::of(pid) else { continue };
        living.push(process);
        left.extend(children(pid, process.stat.threads).into_iter().filter(|&child| seen.insert(child)));
    }
    living
}

/// Returns every living process.
pub(super) fn all() -> impl Iterator<Item = Process> {
    numbered("/proc").filter_map(Process::of)
}

/// Returns the command line of a process.
pub(super) fn arguments(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments = bytes.strip_suffix(b"\0").unwrap_or(&bytes).split(|&byte| byte == 0);
    arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// Returns the kernel's name of a process: up to 15 bytes, safe to show.
pub(super) fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).replace(char::is_control, "?")
}

/// Returns a variable of the environment that a process was started with, if it may be read.
pub(super) fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|&byte| byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    String::from_utf8(value.to_owned()).ok()
}

/// Returns the cgroup (version 2) of a process, as a path from the root of this process's cgroup namespace.
pub(super) fn cgroup(pid: u32) -> Option<String> {
    let lines = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    lines.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

/// Returns the names in a directory that are numbers.
fn numbered(dir: &str) -> impl Iterator<Item = u32> {
    fs::read_dir(dir).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_after_the_name() {
        let text = " S 11 12 13 0 -1 4194560 1 0 0 0 70 30 0 0 20 0 9 0 555 1000 42 18446744073709551615 1 1";
        let stat = Stat {
            state: b'S',
            parent: 11,
            group: 12,
            session: 13,
            cpu_ticks: 100,
            threads: 9,
            started: 555,
            resident_pages: 42,
        };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse(" S 11"), None);
    }

    #[test]
    fn knows_this_process() {
        let me = std::process::id();
        assert!(is_there());
        assert!(family([me]).iter().any(|process| process.pid == me));
        assert!(!name(me).is_empty());
        assert_eq!(variable(me, "PATH"), std::env::var("PATH").ok());
        assert_eq!(variable(me, "PAT"), None);
    }
}
