//! Processor time and memory of process trees.
//!
//! Reads only the processes of the trees it is asked for, never the whole of `/proc`. A process whose ancestors have
//! ended belongs to no tree and is not counted. Without `/proc` there is no usage.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use rustix::param::{clock_ticks_per_second, page_size};

use super::proc::{Stat, children};
use crate::supervisor::engine::Usage;

/// Samples process trees. A share of processor time is measured against the last sample.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    last: Option<Instant>,
    seen: HashMap<u32, Stat>,
}

impl Sampler {
    /// Returns the usage of each tree under the key that its main process was given with, without the trees that are
    /// gone. Reads files that never wait for a disk: about 20 µs a process.
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

    /// Returns a tree's usage without its share of processor time, and the clock ticks it was busy since the last
    /// sample.
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

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
