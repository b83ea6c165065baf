//! The few facts read from Linux' `/proc`: who belongs to a group, who are a process' children, what it uses.

use std::fs;
use std::io::Read;

/// More than the kernel writes into a `stat`.
const STAT_BYTES: usize = 1_024;

/// What `/proc/PID/stat` says, as far as it is needed here. The fields are those of proc_pid_stat(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// One letter; `Z` and `X` are dead.
    pub(super) state: u8,
    /// The process group.
    pub(super) group: u32,
    /// Time on a processor in user and kernel mode, in clock ticks.
    pub(super) cpu_ticks: u64,
    /// Its threads.
    pub(super) threads: u64,
    /// When it started, in clock ticks since boot: tells it from another process that got its pid later.
    pub(super) started: u64,
    /// Resident memory in pages.
    pub(super) resident_pages: u64,
}

impl Stat {
    /// None if there is no such process (any more).
    pub(super) fn read(pid: u32) -> Option<Self> {
        let mut text = [0; STAT_BYTES];
        let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut text).ok()?;
        Self::parse(std::str::from_utf8(text.get(..length)?.rsplit(|&byte| byte == b')').next()?).ok()?)
    }

    /// Takes what follows the name: the name may hold anything, the rest holds no bracket.
    fn parse(after_name: &str) -> Option<Self> {
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            state: *fields.first()?.as_bytes().first()?,
            group: fields.get(2)?.parse().ok()?,
            cpu_ticks: number(11)? + number(12)?,
            threads: number(17)?,
            started: number(19)?,
            resident_pages: number(21)?,
        })
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }

    /// Whether it is alive and in `group`.
    pub(super) fn is_member_of(&self, group: u32) -> bool {
        self.group == group && self.is_alive()
    }
}

/// The living members of a process group. Reads the `stat` of every process there is.
pub(super) fn members(group: u32) -> Vec<u32> {
    numbered("/proc").filter(|&pid| Stat::read(pid).is_some_and(|stat| stat.is_member_of(group))).collect()
}

/// The living and dead children of a process that has `threads` threads: each thread has its own list.
pub(super) fn children(pid: u32, threads: u64) -> Vec<u32> {
    let of = |thread: u32| fs::read_to_string(format!("/proc/{pid}/task/{thread}/children")).unwrap_or_default();
    let lists: Vec<String> = match threads {
        0 | 1 => vec![of(pid)],
        _ => numbered(&format!("/proc/{pid}/task")).map(of).collect(),
    };
    lists.iter().flat_map(|list| list.split_ascii_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

/// The names in a directory that are numbers.
fn numbered(dir: &str) -> impl Iterator<Item = u32> {
    fs::read_dir(dir).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_after_the_name() {
        let text = " S 11 12 13 0 -1 4194560 1 0 0 0 70 30 0 0 20 0 9 0 555 1000 42 18446744073709551615 1 1";
        let stat = Stat { state: b'S', group: 12, cpu_ticks: 100, threads: 9, started: 555, resident_pages: 42 };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse(" S 11"), None);
    }

    #[test]
    fn finds_itself_in_its_own_group() {
        let me = std::process::id();
        let stat = Stat::read(me).unwrap();
        assert!(members(stat.group).contains(&me));
    }
}
