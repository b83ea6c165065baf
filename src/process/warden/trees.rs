//! Who belongs to which run: the processes below the warden, sorted into trees.
//!
//! Every descendant of a task stays a descendant of the warden, whatever it does: the warden is whom the kernel gives
//! orphans to. An orphan is known by its session, which is that of its main process unless it made one of its own;
//! then by having been seen as a descendant before; then by the variable that its main process was started with. Only
//! one that was never seen and threw its environment away is nobody's, and ends when the warden does.
//!
//! Where there is no `/proc`, a tree is what stayed in the process group of its main process.

use std::collections::{BTreeMap, HashMap};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::protocol::{Id, NAMED};
use crate::process::proc::{self, Process, Stat};
use crate::supervisor::core::Straggler;

/// The variable that every task is started with. Its value is the warden's pid and the number of the tree.
pub(super) const MARK: &str = "STEAD_TREE";

/// What can be promised of descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// Every one is found.
    Trees,
    /// Only those that stay in their process group: there is no `/proc` to find the others by.
    Groups,
}

impl Promise {
    /// What holds here.
    pub(super) fn here() -> Self {
        if proc::is_there() { Self::Trees } else { Self::Groups }
    }
}

/// Everything below the warden.
#[derive(Debug)]
pub(super) struct Trees {
    promise: Promise,
    warden: u32,
    /// One, but for a warden that is under test.
    threads: u64,
    trees: BTreeMap<Id, Tree>,
    /// The trees of the main processes that have not been waited for.
    mains: HashMap<u32, Id>,
    /// The other children of the warden, and whose they are.
    orphans: HashMap<u32, Owner>,
    /// Whether they were sorted since the last wait.
    sorted: bool,
}

#[derive(Debug)]
struct Tree {
    main: u32,
    main_reaped: bool,
    /// Descendants that were there when the tree was last looked at.
    seen: Vec<(u32, u64)>,
}

/// Whose an orphan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Tree(Id),
    /// A tree's that was thought to be gone.
    Gone,
    Nobody,
}

/// What a process was that has been waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    Main(Id),
    Orphan,
}

impl Trees {
    pub(super) fn new() -> Self {
        let promise = Promise::here();
        let warden = std::process::id();
        let threads = Stat::read(warden).map_or(1, |stat| stat.threads);
        Self {
            promise,
            warden,
            threads,
            trees: BTreeMap::new(),
            mains: HashMap::new(),
            orphans: HashMap::new(),
            sorted: false,
        }
    }

    pub(super) fn promise(&self) -> Promise {
        self.promise
    }

    /// The value of [`MARK`] for a tree.
    pub(super) fn mark(&self, id: Id) -> String {
        format!("{}.{id}", self.warden)
    }

    pub(super) fn plant(&mut self, id: Id, main: u32) {
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
    }

    /// A child of the warden has been waited for: its pid means nothing any more.
    pub(super) fn reaped(&mut self, pid: u32) -> Was {
        self.orphans.remove(&pid);
        // Its children became the warden's.
        self.sorted = false;
        let Some(id) = self.mains.remove(&pid) else { return Was::Orphan };
        if let Some(tree) = self.trees.get_mut(&id) {
            tree.main_reaped = true;
        }
        Was::Main(id)
    }

    /// Time has passed: there may be new orphans.
    pub(super) fn waited(&mut self) {
        self.sorted = false;
    }

    /// Looks whose the warden's new children are. What belongs to a tree that is gone is killed.
    pub(super) fn sort_orphans(&mut self) {
        if self.promise == Promise::Groups || self.sorted {
            return;
        }
        self.sorted = true;
        for pid in proc::children(self.warden, self.threads) {
            if self.mains.contains_key(&pid) || self.orphans.contains_key(&pid) {
                continue;
            }
            let owner = self.owner(pid);
            self.orphans.insert(pid, owner);
            if owner == Owner::Gone {
                for process in proc::family([pid]) {
                    // One that can't be killed is none of stead's.
                    let _ = signal_process(&process, Signal::SIGKILL);
                }
            }
        }
    }

    fn owner(&self, orphan: u32) -> Owner {
        let Some(stat) = Stat::read(orphan) else { return Owner::Nobody };
        if let Some(&id) = self.mains.get(&stat.session) {
            return Owner::Tree(id);
        }
        let knows = |tree: &Tree| {
            (tree.main_reaped && tree.main == stat.session) || tree.seen.contains(&(orphan, stat.started))
        };
        if let Some((&id, _)) = self.trees.iter().find(|(_, tree)| knows(tree)) {
            return Owner::Tree(id);
        }
        let Some(mark) = proc::variable(orphan, MARK) else { return Owner::Nobody };
        match mark.split_once('.').map(|(warden, id)| (warden.parse::<u32>(), id.parse::<Id>())) {
            Some((Ok(warden), Ok(id))) if warden == self.warden => {
                if self.trees.contains_key(&id) {
                    Owner::Tree(id)
                } else {
                    Owner::Gone
                }
            }
            Some(_) | None => Owner::Nobody,
        }
    }

    /// Whether nothing is left of a tree, as of the last [`Trees::sort_orphans`].
    pub(super) fn is_empty(&self, id: Id) -> bool {
        let Some(tree) = self.trees.get(&id) else { return true };
        tree.main_reaped
            && match self.promise {
                Promise::Trees => !self.orphans.values().any(|&owner| owner == Owner::Tree(id)),
                Promise::Groups => killpg(pid(tree.main), None) == Err(Errno::ESRCH),
            }
    }

    /// The living of a tree, who are remembered as such.
    fn members(&mut self, id: Id) -> Vec<Process> {
        let Some(tree) = self.trees.get_mut(&id).filter(|_| self.promise == Promise::Trees) else { return Vec::new() };
        let main = (!tree.main_reaped).then_some(tree.main);
        let orphans = self.orphans.iter().filter(|(_, owner)| **owner == Owner::Tree(id)).map(|(&pid, _)| pid);
        let members = proc::family(main.into_iter().chain(orphans));
        tree.seen = members.iter().map(|process| (process.pid, process.stat.started)).collect();
        members
    }

    /// Names what is left of a tree.
    pub(super) fn stragglers(&mut self, id: Id) -> Vec<Straggler> {
        let members = self.members(id).into_iter().take(NAMED);
        members.map(|process| Straggler { pid: process.pid, name: proc::name(process.pid) }).collect()
    }

    /// Sends signals, in this order, to a whole tree.
    pub(super) fn signal(&mut self, id: Id, signals: &[Signal]) {
        // Before the first signal: who loses its parent by it is still known after.
        let members = self.members(id);
        let Some(tree) = self.trees.get(&id) else { return };
        // While the main process is not waited for, its number means no other group; and nobody can leave a group
        // between being found in it and being signalled. Without a list of the others, the group must do.
        let by_group = !tree.main_reaped || self.promise == Promise::Groups;
        for &signal in signals {
            if by_group {
                // Nobody is left, or they may not be signalled: both show in what is left.
                let _ = killpg(pid(tree.main), signal);
            }
            for member in members.iter().filter(|member| !by_group || member.stat.group != tree.main) {
                let _ = signal_process(member, signal);
            }
        }
    }

    /// Sends signals to a main process alone.
    pub(super) fn signal_main(&self, id: Id, signals: &[Signal]) {
        let Some(tree) = self.trees.get(&id).filter(|tree| !tree.main_reaped) else { return };
        for &signal in signals {
            let _ = nix::sys::signal::kill(pid(tree.main), signal);
        }
    }

    /// Kills everything below the warden. False if there are living and it may kill none of them.
    pub(super) fn kill_all(&mut self) -> bool {
        match self.promise {
            Promise::Trees => {
                let family = proc::family(proc::children(self.warden, self.threads));
                let killed =
                    family.iter().filter(|process| signal_process(process, Signal::SIGKILL) != Err(Errno::EPERM));
                killed.count() > 0 || family.is_empty()
            }
            Promise::Groups => {
                let killed = self.trees.values().filter(|tree| killpg(pid(tree.main), Signal::SIGKILL).is_ok());
                killed.count() > 0
            }
        }
    }
}

/// Sends a signal to exactly this process, and to nobody who got its pid since.
fn signal_process(process: &Process, signal: Signal) -> Result<(), Errno> {
    let is_it = || Stat::read(process.pid).is_some_and(|stat| stat.started == process.stat.started);
    #[cfg(target_os = "linux")]
    if let Some(found) = rustix::process::Pid::from_raw(process.pid.cast_signed())
        && let Ok(held) = rustix::process::pidfd_open(found, rustix::process::PidfdFlags::empty())
    {
        if !is_it() {
            return Err(Errno::ESRCH);
        }
        let Some(signal) = rustix::process::Signal::from_named_raw(signal as i32) else { return Err(Errno::EINVAL) };
        return rustix::process::pidfd_send_signal(held, signal).map_err(|error| Errno::from_raw(error.raw_os_error()));
    }
    if is_it() { nix::sys::signal::kill(pid(process.pid), signal) } else { Err(Errno::ESRCH) }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}
