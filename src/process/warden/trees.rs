//! Assigns the processes below the warden to runs.
//!
//! Every descendant of a task stays a descendant of the warden, which is a subreaper: the kernel gives it all orphans.
//! An orphan is assigned by its cgroup, where runs have one; then by its session, which is that of its main process
//! unless it created one; then by having been seen as a descendant before; then by a variable in its environment.
//! Without cgroups, an orphan that was never seen and cleared its environment belongs to no run, and ends with the
//! warden.
//!
//! Where there is no `/proc`, a tree is what stayed in the process group of its main process.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::cgroup::Cgroup;
use super::protocol::{Id, NAMED};
use crate::process::proc::{self, Process, Stat};
use crate::supervisor::engine::Straggler;

/// The variable by which descendants are found. Its value is the warden's pid and the number of the tree.
pub(super) const MARK: &str = "STEAD_TREE";

/// All processes below the warden.
#[derive(Debug)]
pub(super) struct Trees {
    /// Whether there is no `/proc`, and a tree is just a process group.
    by_group: bool,
    /// The cgroup above those of the trees, if there is one.
    cgroup: Option<Cgroup>,
    /// Trees that are gone, whose cgroups are not removed yet.
    emptied: Vec<Id>,
    warden: u32,
    /// One, except for a warden under test.
    threads: u64,
    trees: BTreeMap<Id, Tree>,
    /// The trees by their main processes, until those are reaped.
    mains: HashMap<u32, Id>,
    /// The other children of the warden.
    orphans: HashMap<u32, Owner>,
    /// Whether all orphans are assigned since the last wait.
    sorted: bool,
}

#[derive(Debug)]
struct Tree {
    main: u32,
    main_reaped: bool,
    /// The descendants that were found when the tree was last listed.
    seen: Vec<(u32, u64)>,
}

/// The run that an orphan belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Tree(Id),
    /// One that was reported as gone.
    Removed,
    Unknown,
}

/// The kind of a process that was reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReapedKind {
    Main(Id),
    Orphan,
}

impl Trees {
    pub(super) fn new() -> Self {
        let warden = std::process::id();
        let threads = Stat::read(warden).map_or(1, |stat| stat.threads);
        Self {
            by_group: !proc::is_there(),
            cgroup: None,
            emptied: Vec::new(),
            warden,
            threads,
            trees: BTreeMap::new(),
            mains: HashMap::new(),
            orphans: HashMap::new(),
            sorted: false,
        }
    }

    pub(super) fn by_group(&self) -> bool {
        self.by_group
    }

    /// Gives every later tree a cgroup below this one.
    pub(super) fn contain(&mut self, cgroup: Cgroup) {
        self.cgroup = Some(cgroup);
    }

    /// Creates the cgroup of a tree. If that fails, the task starts without one, and its processes are found by other
    /// means.
    pub(super) fn prepare(&self, id: Id) -> Option<OwnedFd> {
        let cgroup = self.cgroup.as_ref()?.of(id);
        cgroup.make().and_then(|()| cgroup.open()).ok()
    }

    /// The value of [`MARK`] for a tree.
    pub(super) fn mark(&self, id: Id) -> String {
        format!("{}.{id}", self.warden)
    }

    pub(super) fn insert(&mut self, id: Id, main: u32) {
        self.trees.insert(id, Tree { main, main_reaped: false, seen: Vec::new() });
        self.mains.insert(main, id);
    }

    /// Forgets a tree of which nothing is left.
    pub(super) fn remove(&mut self, id: Id) {
        if let Some(tree) = self.trees.remove(&id)
            && !tree.main_reaped
        {
            self.mains.remove(&tree.main);
        }
        if self.cgroup.is_some() {
            self.emptied.push(id);
        }
    }

    /// Removes the cgroups of trees that are gone. One that can't be removed yet is tried again the next time.
    pub(super) fn remove_cgroups(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            self.emptied.retain(|&id| !cgroup.of(id).remove());
        }
    }

    /// Removes the cgroups of all trees. They must be empty.
    pub(super) fn remove_all_cgroups(&self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.remove();
        }
    }

    /// Records that a child of the warden was reaped: its pid is free.
    pub(super) fn reaped(&mut self, pid: u32) -> ReapedKind {
        self.orphans.remove(&pid);
        // Its children became the warden's.
        self.sorted = false;
        let Some(id) = self.mains.remove(&pid) else { return ReapedKind::Orphan };
        if let Some(tree) = self.trees.get_mut(&id) {
            tree.main_reaped = true;
        }
        ReapedKind::Main(id)
    }

    /// Records that time has passed: there may be new orphans.
    pub(super) fn waited(&mut self) {
        self.sorted = false;
    }

    /// Assigns the warden's new children to trees. Those of a tree that is gone are killed.
    pub(super) fn sort_orphans(&mut self) {
        if self.by_group || self.sorted {
            return;
        }
        self.sorted = true;
        for pid in proc::children(self.warden, self.threads) {
            if self.mains.contains_key(&pid) || self.orphans.contains_key(&pid) {
                continue;
            }
            let owner = self.owner(pid);
            self.orphans.insert(pid, owner);
            if owner == Owner::Removed {
                for process in proc::family([pid]) {
                    // One that can't be killed does not belong to stead.
                    let _ = process.signal(Signal::SIGKILL);
                }
            }
        }
    }

    fn owner(&self, orphan: u32) -> Owner {
        if let Some(id) = self.cgroup.as_ref().and_then(|cgroup| cgroup.owner(orphan)) {
            return if self.trees.contains_key(&id) { Owner::Tree(id) } else { Owner::Removed };
        }
        let Some(stat) = Stat::read(orphan) else { return Owner::Unknown };
        if let Some(&id) = self.mains.get(&stat.session) {
            return Owner::Tree(id);
        }
        let knows = |tree: &Tree| {
            (tree.main_reaped && tree.main == stat.session) || tree.seen.contains(&(orphan, stat.started))
        };
        if let Some((&id, _)) = self.trees.iter().find(|(_, tree)| knows(tree)) {
            return Owner::Tree(id);
        }
        let Some(mark) = proc::variable(orphan, MARK) else { return Owner::Unknown };
        match mark.split_once('.').map(|(warden, id)| (warden.parse::<u32>(), id.parse::<Id>())) {
            Some((Ok(warden), Ok(id))) if warden == self.warden => {
                if self.trees.contains_key(&id) {
                    Owner::Tree(id)
                } else {
                    Owner::Removed
                }
            }
            Some(_) | None => Owner::Unknown,
        }
    }

    /// Whether nothing is left of a tree, as of the last [`Trees::sort_orphans`].
    pub(super) fn is_empty(&self, id: Id) -> bool {
        let Some(tree) = self.trees.get(&id) else { return true };
        tree.main_reaped
            && match self.by_group {
                false => !self.orphans.values().any(|&owner| owner == Owner::Tree(id)),
                true => killpg(pid(tree.main), None) == Err(Errno::ESRCH),
            }
    }

    /// Returns the living processes of a tree, and remembers them as such.
    fn members(&mut self, id: Id) -> Vec<Process> {
        let Some(tree) = self.trees.get_mut(&id).filter(|_| !self.by_group) else { return Vec::new() };
        let main = (!tree.main_reaped).then_some(tree.main);
        let orphans = self.orphans.iter().filter(|(_, owner)| **owner == Owner::Tree(id)).map(|(&pid, _)| pid);
        let members = proc::family(main.into_iter().chain(orphans));
        tree.seen = members.iter().map(|process| (process.pid, process.stat.started)).collect();
        members
    }

    /// Names the remaining processes of a tree, the oldest first.
    pub(super) fn stragglers(&mut self, id: Id) -> Vec<Straggler> {
        let mut members = self.members(id);
        members.sort_unstable_by_key(|process| process.stat.started);
        members
            .into_iter()
            .take(NAMED)
            .map(|process| Straggler { pid: process.pid, name: proc::name(process.pid) })
            .collect()
    }

    /// Sends signals, in this order, to a whole tree.
    pub(super) fn signal(&mut self, id: Id, signals: &[Signal]) {
        // Listed before the first signal: a process that loses its parent by it would be missed.
        let members = self.members(id);
        let Some(tree) = self.trees.get(&id) else { return };
        // While the main process is not reaped, its pid can't be another group's; and no process can leave a group
        // between being found in it and being signalled. Without a list of processes, the group must do.
        let by_group = !tree.main_reaped || self.by_group;
        for &signal in signals {
            if by_group {
                // Fails if no process is left, or signalling is not permitted: both show in what is left.
                let _ = killpg(pid(tree.main), signal);
            }
            for member in members.iter().filter(|member| !by_group || member.stat.group != tree.main) {
                let _ = member.signal(signal);
            }
        }
    }

    /// Kills a whole tree.
    pub(super) fn kill(&mut self, id: Id) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.of(id).kill();
        }
        self.signal(id, &[Signal::SIGKILL]);
    }

    /// Sends signals to a main process alone.
    pub(super) fn signal_main(&self, id: Id, signals: &[Signal]) {
        let Some(tree) = self.trees.get(&id).filter(|tree| !tree.main_reaped) else { return };
        for &signal in signals {
            let _ = nix::sys::signal::kill(pid(tree.main), signal);
        }
    }

    /// Kills everything below the warden. Returns false if there are living processes and none may be killed.
    pub(super) fn kill_all(&mut self) -> bool {
        let in_cgroups = self.cgroup.as_ref().is_some_and(Cgroup::kill);
        if self.by_group {
            return self.trees.values().filter(|tree| killpg(pid(tree.main), Signal::SIGKILL).is_ok()).count() > 0;
        }
        let family = proc::family(proc::children(self.warden, self.threads));
        let killed = family.iter().filter(|process| process.signal(Signal::SIGKILL) != Err(Errno::EPERM));
        killed.count() > 0 || in_cgroups || family.is_empty()
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}
