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

    /// Whether there was a kill since, and whether the cgroup of this process says so. The kill is not reported again.
    pub(super) fn since_start(&self) -> Option<bool> {
        let now = Counters::read(CGROUP_EVENTS.as_deref());
        let mut explained = EXPLAINED.lock().unwrap_or_else(PoisonError::into_inner);
        let certain = self.0.grew_to(now, *explained)?;
        *explained = now;
        Some(certain)
    }
}

impl Counters {
    fn read(cgroup: Option<&Path>) -> Self {
        Self { cgroup: cgroup.map_or(0, counter), system: counter(Path::new(SYSTEM)) }
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
    }
}
