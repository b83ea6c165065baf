//! A cgroup for each run, where this process may create some: a process can't leave it by forking, by a session of its
//! own or by an empty environment, and all of it is killed in one step.
//!
//! The supervisor creates one cgroup below its own, `stead-PID`. The warden creates one below that for each process
//! tree, which is born in it: moving a process there later takes about twice as long. No controller is enabled, so that processes may stay in the cgroup above. The supervisor
//! holds a lock on its cgroup: one that can be locked belongs to a dead supervisor, and the next one that starts in the
//! same place kills its processes and removes it.
//!
//! This comes on top of what [`trees`](super::trees) knows: a task may move its processes elsewhere (containers do), or
//! a run's cgroup may fail to be created. Then they are found as without cgroups.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::protocol::Id;
use crate::process::{proc, sys};

/// The file that tells whether there are processes in a cgroup or below it.
const EVENTS_FILE: &str = "cgroup.events";
/// The file that kills them all when `1` is written to it.
const KILL_FILE: &str = "cgroup.kill";
/// How long a start waits for the processes of a dead supervisor to end.
const DEATH_MAY_TAKE: Duration = Duration::from_millis(500);
/// The prefix of a supervisor's cgroup.
const PREFIX: &str = "stead-";
/// Supervisors in other pid namespaces may have the same pid.
const NAMESAKES: usize = 16;

/// A cgroup.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cgroup {
    /// Its directory in the file system.
    dir: PathBuf,
    /// The path that its processes read in `/proc/self/cgroup`.
    path: String,
}

/// The cgroup of a supervisor, removed when this is dropped.
#[derive(Debug)]
pub(in crate::process) struct Claim {
    cgroup: Cgroup,
    _lock: File,
}

impl Claim {
    /// Creates a cgroup below that of this process, after removing those of dead supervisors. Returns `None` where that
    /// can't be done, or where no process could be born in it.
    pub(in crate::process) fn here() -> Option<Self> {
        let parent = Cgroup::of_this_process()?;
        parent.remove_what_the_dead_left();
        let claim = (0..NAMESAKES).find_map(|number| Self::make(&parent, number))?;
        // `cgroup.kill` is newer than `CLONE_INTO_CGROUP`.
        let serves = fs::exists(claim.cgroup.dir.join(KILL_FILE)).unwrap_or(false)
            && claim.cgroup.open().is_ok_and(|cgroup| sys::can_fork_into(&cgroup));
        serves.then_some(claim)
    }

    fn make(parent: &Cgroup, number: usize) -> Option<Self> {
        let pid = std::process::id();
        let name = if number == 0 { format!("{PREFIX}{pid}") } else { format!("{PREFIX}{pid}-{number}") };
        let cgroup = parent.child(&name);
        cgroup.make().ok()?;
        // Another supervisor may remove it as a dead one's before it is locked.
        let claimed = File::open(&cgroup.dir).ok().filter(is_lockable).filter(|_| cgroup.dir.exists());
        claimed.map(|lock| Self { cgroup, _lock: lock })
    }

    pub(super) fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.cgroup.kill();
        // If a process has not ended yet, the next supervisor removes it.
        self.cgroup.remove();
    }
}

/// Whether it is named like a supervisor's: other programs may have a `stead-web.slice`.
fn is_supervisors(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix(PREFIX).is_some_and(|numbers| numbers.split('-').all(is_number))
}

fn is_lockable(dir: &File) -> bool {
    flock(dir, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// The directory of the cgroup that this process is in, if there are any.
pub(in crate::process) fn dir_of_this_process() -> Option<PathBuf> {
    Cgroup::of_this_process().map(|cgroup| cgroup.dir)
}

impl Cgroup {
    fn of_this_process() -> Option<Self> {
        let path = proc::cgroup(std::process::id())?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let dir = mounts.lines().find_map(|line| mounted_at(line, &path))?;
        Some(Self { dir, path })
    }

    fn child(&self, name: &str) -> Self {
        Self { dir: self.dir.join(name), path: format!("{}/{name}", self.path.trim_end_matches('/')) }
    }

    /// The cgroup of a tree.
    pub(super) fn of(&self, id: Id) -> Self {
        self.child(&id.to_string())
    }

    /// Creates it.
    ///
    /// # Errors
    ///
    /// Those of mkdir(2).
    pub(super) fn make(&self) -> io::Result<()> {
        fs::create_dir(&self.dir)
    }

    /// Returns the tree in whose cgroup, or below it, a process is.
    pub(super) fn owner(&self, pid: u32) -> Option<Id> {
        let path = proc::cgroup(pid)?;
        path.strip_prefix(&self.path)?.strip_prefix('/')?.split('/').next()?.parse().ok()
    }

    /// Opens it, to have processes born in it.
    ///
    /// # Errors
    ///
    /// Those of open(2).
    pub(super) fn open(&self) -> io::Result<OwnedFd> {
        Ok(File::open(&self.dir)?.into())
    }

    /// Kills every process in it and below. Returns false if there is none, or killing is not permitted.
    pub(super) fn kill(&self) -> bool {
        let events = fs::read_to_string(self.dir.join(EVENTS_FILE));
        events.is_ok_and(|events| is_populated(&events)) && fs::write(self.dir.join(KILL_FILE), "1").is_ok()
    }

    /// Waits for killed processes to end, within a bound.
    fn wait_until_empty(&self) {
        let deadline = Instant::now() + DEATH_MAY_TAKE;
        let Ok(mut events) = File::open(self.dir.join(EVENTS_FILE)) else { return };
        let mut text = String::new();
        // Reading the file acknowledges its state; the poll reports later changes.
        while events.read_to_string(&mut text).is_ok() && is_populated(&text) {
            let Ok(left) = Timespec::try_from(deadline.saturating_duration_since(Instant::now())) else { return };
            let told = poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&left));
            if !told.is_ok_and(|told| told > 0) || events.rewind().is_err() {
                return;
            }
            text.clear();
        }
    }

    /// Removes it with all cgroups below. Returns false if there still are processes in it.
    pub(super) fn remove(&self) -> bool {
        remove(&self.dir)
    }

    fn remove_what_the_dead_left(&self) {
        for dir in children(&self.dir) {
            if is_supervisors(&dir)
                && let Some(_lock) = File::open(&dir).ok().filter(is_lockable)
            {
                let left = Self { dir, path: String::new() };
                if left.kill() {
                    left.wait_until_empty();
                }
                left.remove();
            }
        }
    }
}

fn is_populated(events: &str) -> bool {
    events.lines().any(|line| line == "populated 1")
}

fn remove(dir: &Path) -> bool {
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            for child in children(dir) {
                remove(&child);
            }
            fs::remove_dir(dir).is_ok()
        }
        // Other errors don't go away by trying again.
        Ok(()) | Err(_) => true,
    }
}

fn children(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Returns the directory of the cgroup `path`, if this line of `/proc/self/mountinfo` mounts it. The
/// fields are those of proc_pid_mountinfo(5).
fn mounted_at(line: &str, path: &str) -> Option<PathBuf> {
    let (mount, kind) = line.split_once(" - ")?;
    if !kind.starts_with("cgroup2 ") {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(point).join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_supervisors_cgroup_is_taken_for_one() {
        let is = |name: &str| is_supervisors(&Path::new("/sys/fs/cgroup").join(name));
        assert!(is("stead-4312") && is("stead-4312-1"));
        assert!(!is("stead-web.slice") && !is("stead-") && !is("stead-1-") && !is("instead-1"));
    }

    #[test]
    fn the_place_of_a_cgroup_follows_from_its_mount() {
        let line = |root, kind| format!("35 24 0:30 {root} /sys/fs/cgroup rw,nosuid shared:9 - {kind} cgroup rw");
        let placed = |root, kind, path| mounted_at(&line(root, kind), path).map(|dir| dir.display().to_string());
        assert_eq!(placed("/", "cgroup2", "/a/b").as_deref(), Some("/sys/fs/cgroup/a/b"));
        assert_eq!(placed("/a", "cgroup2", "/a/b").as_deref(), Some("/sys/fs/cgroup/b"));
        assert_eq!(placed("/c", "cgroup2", "/a/b"), None, "another part of the hierarchy is mounted");
        assert_eq!(placed("/", "cgroup", "/a/b"), None, "another kind");
    }
}
