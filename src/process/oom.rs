//! Whether the kernel has killed a process for want of memory.
//!
//! A cgroup with a memory controller counts the kills below it; without one, the kernel counts those of the whole system.
//! A kill is taken for the cause of one end only.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use super::warden::cgroup_dir;

/// The file of a cgroup's memory events. A cgroup without a memory controller, and the one at the top, have none.
const EVENTS: &str = "memory.events";
/// The counters of the whole system.
const SYSTEM: &str = "/proc/vmstat";
/// The counter in both.
const COUNTER: &str = "oom_kill";

/// The events of the cgroup that this process and its descendants are counted in, if there is one.
static CGROUP_EVENTS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let dir = cgroup_dir()?;
    dir.ancestors().map(|dir| dir.join(EVENTS)).find(|events| events.exists())
});

/// Whether only this process and what it has started are counted there. A cgroup above counts its neighbours, too.
static IS_OWN: LazyLock<bool> = LazyLock::new(|| {
    CGROUP_EVENTS.as_deref().and_then(Path::parent).is_some_and(|dir| cgroup_dir().as_deref() == Some(dir))
});

/// The kills that have been taken for the cause of an end.
static EXPLAINED: Mutex<Counters> = Mutex::new(Counters { cgroup: 0, system: 0 });

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counters {
    cgroup: u64,
    system: u64,
}

/// The counters when a run started.
#[derive(Debug, Clone, Copy)]
pub(super) struct OomKills(Counters);

impl OomKills {
    /// Reads the counters. They are no files on a disk.
    pub(super) fn now() -> Self {
        Self(Counters::read(CGROUP_EVENTS.as_deref()))
    }

    /// Whether there was a kill since, and whether it is certain that it was one of stead's processes. It is not reported again.
    pub(super) fn since_start(&self) -> Option<bool> {
        let now = Counters::read(CGROUP_EVENTS.as_deref());
        let mut explained = EXPLAINED.lock().unwrap_or_else(PoisonError::into_inner);
        let certain = self.0.grew_to(now, *explained)?;
        *explained = explained.with_one_more(self.0);
        Some(certain && *IS_OWN)
    }
}

impl Counters {
    fn read(cgroup: Option<&Path>) -> Self {
        Self { cgroup: cgroup.map_or(0, counter), system: counter(Path::new(SYSTEM)) }
    }

    /// With one kill after `start` explained: others at the same moment explain other ends.
    fn with_one_more(self, start: Self) -> Self {
        let after = |explained: u64, start: u64| explained.max(start) + 1;
        Self { cgroup: after(self.cgroup, start.cgroup), system: after(self.system, start.system) }
    }

    fn grew_to(self, now: Self, explained: Self) -> Option<bool> {
        if now.cgroup > self.cgroup.max(explained.cgroup) {
            return Some(true);
        }
        (now.system > self.system.max(explained.system)).then_some(false)
    }
}

fn counter(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let counted = text.lines().find_map(|line| line.strip_prefix(COUNTER)?.strip_prefix(' ')?.trim().parse().ok());
    counted.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_explains_one_end_and_a_cgroup_is_sure_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let events = dir.path().join(EVENTS);
        fs::write(&events, "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n").unwrap();
        assert_eq!(Counters::read(Some(&events)).cgroup, 3);
        let none = Counters::default();
        let (cgroup, system) = (Counters { cgroup: 1, system: 1 }, Counters { cgroup: 0, system: 1 });
        assert_eq!(none.grew_to(none, none), None);
        assert_eq!(none.grew_to(cgroup, none), Some(true));
        assert_eq!(none.grew_to(system, none), Some(false));
        assert_eq!(none.grew_to(cgroup, cgroup), None, "it explains another end");
        assert_eq!(cgroup.grew_to(cgroup, none), None, "it was before the start");
        let two = Counters { cgroup: 2, system: 2 };
        assert_eq!(none.grew_to(two, none.with_one_more(none)), Some(true), "the other explains another end");
        assert_eq!(none.grew_to(two, none.with_one_more(none).with_one_more(none)), None);
    }
}
