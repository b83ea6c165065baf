//! Processor time, memory and ports of process trees.
//!
//! Reads only the processes of the trees it is asked for, never the whole of `/proc`. A process whose ancestors have
//! ended belongs to no tree and is not counted. Without `/proc` there is no usage.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::time::{ClockId, clock_gettime};

use super::proc::{Stat, children};
use crate::port_holder::{listening_sockets, sockets_of};
use crate::supervisor::engine::Usage;

/// Samples process trees. A share of processor time is measured against the last sample, that of a tree that is seen for the
/// first time over its life.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    last: Option<Instant>,
    seen: HashMap<u32, Stat>,
    ports: ListeningPorts,
}

/// Which processes listen where. What a process has open is read only when it is new, or when some socket has begun or ended
/// to listen.
#[derive(Debug, Default)]
struct ListeningPorts {
    sockets: BTreeMap<u64, u16>,
    of: HashMap<u32, Vec<u16>>,
}

/// One tree, summed up.
#[derive(Debug, Default)]
struct MeasuredTree {
    pids: Vec<u32>,
    memory_bytes: u64,
    /// Clock ticks it was busy since the last sample.
    busy: u64,
    /// Clock ticks its processes have ever been busy.
    busy_ever: u64,
}

impl Sampler {
    /// Returns the usage of each tree under the key that its main process was given with, without the trees that are
    /// gone. Reads files that never wait for a disk: about 20 µs a process.
    pub(crate) fn sample<K: Ord + Clone>(&mut self, mains: &[(K, u32)]) -> BTreeMap<K, Usage> {
        let now = Instant::now();
        let ticks = self.last.map(|last| now.duration_since(last).as_secs_f64() * clock_ticks_per_second() as f64);
        let mut seen = HashMap::with_capacity(self.seen.len());
        let mut used = BTreeMap::new();
        self.ports.refresh();
        for (key, main) in mains {
            let tree = self.walk(*main, &mut seen);
            let Some(root) = seen.get(main).filter(|_| !tree.pids.is_empty()) else { continue };
            let (busy, ticks) = match self.seen.get(main) {
                Some(before) if before.started == root.started => (tree.busy, ticks.unwrap_or_default()),
                Some(_) | None => (tree.busy_ever, ticks_since_boot() - root.started as f64),
            };
            let share = if ticks > 0.0 { busy as f64 / ticks } else { 0.0 };
            let usage = Usage {
                processes: u32::try_from(tree.pids.len()).unwrap_or(u32::MAX),
                cpu_percent: (share * 100.0) as f32,
                memory_bytes: tree.memory_bytes,
                ports: self.ports.of_tree(&tree.pids),
            };
            used.insert(key.clone(), usage);
        }
        self.ports.of.retain(|pid, _| seen.contains_key(pid));
        self.last = Some(now);
        self.seen = seen;
        used
    }

    fn walk(&self, main: u32, seen: &mut HashMap<u32, Stat>) -> MeasuredTree {
        let mut tree = MeasuredTree::default();
        let mut left = vec![main];
        while let Some(pid) = left.pop() {
            let Some(stat) = Stat::read(pid) else { continue };
            if seen.insert(pid, stat).is_some() {
                continue;
            }
            tree.pids.push(pid);
            tree.memory_bytes += stat.resident_pages * page_size() as u64;
            tree.busy += self.busy_since(pid, &stat);
            tree.busy_ever += stat.cpu_ticks;
            left.extend(children(pid, stat.threads));
        }
        tree
    }

    fn busy_since(&self, pid: u32, stat: &Stat) -> u64 {
        match self.seen.get(&pid) {
            Some(before) if before.started == stat.started => stat.cpu_ticks.saturating_sub(before.cpu_ticks),
            Some(_) | None => 0,
        }
    }
}

impl ListeningPorts {
    fn refresh(&mut self) {
        let sockets = listening_sockets();
        if sockets != self.sockets {
            self.sockets = sockets;
            self.of.clear();
        }
    }

    fn of_tree(&mut self, pids: &[u32]) -> Vec<u16> {
        let Self { sockets, of } = self;
        let of_one = |pid| {
            let ports = || sockets_of(pid).iter().filter_map(|inode| sockets.get(inode).copied()).collect::<Vec<_>>();
            of.entry(pid).or_insert_with(ports).clone()
        };
        let ports: BTreeSet<u16> = pids.iter().copied().flat_map(of_one).collect();
        ports.into_iter().collect()
    }
}

fn ticks_since_boot() -> f64 {
    #[cfg(target_os = "linux")]
    let since = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let since = clock_gettime(ClockId::Monotonic);
    (since.tv_sec as f64 + since.tv_nsec as f64 / 1e9) * clock_ticks_per_second() as f64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;
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
                break used["tree"].clone();
            }
            assert!(Instant::now() < deadline, "{used:?}");
            std::thread::yield_now();
        };
        drop(tree.stdin.take());
        tree.wait().unwrap();
        assert!(busy.memory_bytes > 0);
        assert!(sampler.sample(&[("tree", tree.id())]).is_empty());
    }

    #[test]
    fn a_tree_that_is_seen_first_is_measured_over_its_life_with_the_ports_it_listens_on() {
        let me = [("me", std::process::id())];
        let mut sampler = Sampler::default();
        let listeners = [(); 2].map(|()| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        let used = sampler.sample(&me);
        assert!(used["me"].cpu_percent > 0.0, "{used:?}");
        assert!(listeners.iter().all(|listener| used["me"].ports.contains(&port(listener))), "{used:?}");
        let gone = port(&listeners[0]);
        drop(listeners);
        // A process that another test is starting may still have it.
        let deadline = Instant::now() + Duration::from_secs(30);
        while sampler.sample(&me)["me"].ports.contains(&gone) {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }
}
