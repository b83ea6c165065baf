//! What the process trees use: processor time and memory.
//!
//! Reads only the processes of the trees it is asked for, never the whole of `/proc`, and only when it is asked.
//! A process whose parents are gone belongs to no tree and is not counted.

use std::collections::BTreeMap;

use crate::supervisor::engine::Usage;

#[cfg(target_os = "linux")]
pub(crate) use linux::Sampler;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::time::Instant;

    use rustix::param::{clock_ticks_per_second, page_size};

    use super::{BTreeMap, Usage};
    use crate::process::proc::{Stat, children};

    /// Samples process trees; what it saw last is what a share of processor time is measured against.
    #[derive(Debug, Default)]
    pub(crate) struct Sampler {
        last: Option<Instant>,
        seen: HashMap<u32, Stat>,
    }

    impl Sampler {
        /// The use of each tree, by the key it was given under with the pid of its main process. A tree that is gone
        /// is left out. Reads files that never wait for a disk: about 20 µs a process.
        pub(crate) fn sample<K: Ord + Clone>(&mut self, mains: &[(K, u32)]) -> BTreeMap<K, Usage> {
            let now = Instant::now();
            let ticks = self.last.map(|last| now.duration_since(last).as_secs_f64() * clock_ticks_per_second() as f64);
            let mut seen = HashMap::with_capacity(self.seen.len());
            let mut used = BTreeMap::new();
            for (key, main) in mains {
                let (usage, busy) = self.walk(*main, &mut seen);
                let share = ticks.filter(|&ticks| ticks > 0.0).map_or(0.0, |ticks| busy as f64 / ticks);
                if usage.processes > 0 {
                    used.insert(key.clone(), Usage { cpu_percent: (share * 100.0) as f32, ..usage });
                }
            }
            self.last = Some(now);
            self.seen = seen;
            used
        }

        /// A tree's use without its share of processor time, and the clock ticks it was busy since the last sample.
        fn walk(&self, main: u32, seen: &mut HashMap<u32, Stat>) -> (Usage, u64) {
            let mut usage = Usage { processes: 0, cpu_percent: 0.0, memory_bytes: 0 };
            let mut busy = 0;
            let mut left = vec![main];
            while let Some(pid) = left.pop() {
                let Some(stat) = Stat::read(pid) else { continue };
                if seen.insert(pid, stat).is_some() {
                    continue;
                }
                usage.processes += 1;
                usage.memory_bytes += stat.resident_pages * page_size() as u64;
                busy += self.busy_since(pid, &stat);
                left.extend(children(pid, stat.threads));
            }
            (usage, busy)
        }

        fn busy_since(&self, pid: u32, stat: &Stat) -> u64 {
            match self.seen.get(&pid) {
                Some(before) if before.started == stat.started => stat.cpu_ticks.saturating_sub(before.cpu_ticks),
                Some(_) | None => 0,
            }
        }
    }
}

/// Where there is no `/proc`, nothing is known.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub(crate) struct Sampler;

#[cfg(not(target_os = "linux"))]
impl Sampler {
    /// Nothing.
    pub(crate) fn sample<K: Ord + Clone>(&mut self, _mains: &[(K, u32)]) -> BTreeMap<K, Usage> {
        BTreeMap::new()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_tree_is_summed_up() {
        let mut tree = Command::new("sh")
            .args(["-c", "sh -c 'while :; do :; done' & echo; read end; kill $!"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut sampler = Sampler::default();
        let deadline = Instant::now() + Duration::from_secs(30);
        let busy = loop {
            let used = sampler.sample(&[("tree", tree.id()), ("gone", u32::MAX)]);
            assert_eq!(used.keys().collect::<Vec<_>>(), [&"tree"]);
            if used["tree"].processes == 2 && used["tree"].cpu_percent > 0.0 {
                break used["tree"];
            }
            assert!(Instant::now() < deadline, "{used:?}");
            std::thread::yield_now();
        };
        drop(tree.stdin.take());
        tree.wait().unwrap();
        assert!(busy.memory_bytes > 0);
        assert!(sampler.sample(&[("tree", tree.id())]).is_empty());
    }
}
