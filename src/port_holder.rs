//! Finds out who listens on a TCP port, to name it when the port is wanted for something else, and on which ports a process
//! listens.
//!
//! The answers are for people, and best effort: the kernel tells the user of every listener, but which process it is can be
//! read only of one's own processes, or by root.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Characters of a command line that are shown.
const COMMAND_CHARS: usize = 60;

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortHolder {
    /// The user, by number.
    pub(crate) uid: u32,
    /// The process; none if it may not be seen.
    pub(crate) process: Option<HolderProcess>,
}

/// The process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HolderProcess {
    pub(crate) pid: u32,
    /// Its command line, or its name; safe to show.
    pub(crate) command: String,
    /// The stead project that it belongs to, as a supervisor or as one of its tasks; none if there is none, or it can't be
    /// read.
    pub(crate) project: Option<PathBuf>,
    /// The name of the task, if it is one of that project.
    pub(crate) task: Option<String>,
}

impl PortHolder {
    /// Who keeps `address` from being listened on: a listener on the same port and the same or any address. Blocks for some
    /// milliseconds. None if there is none, or this system can't tell.
    pub(crate) fn of(address: SocketAddr) -> Option<Self> {
        linux::port_holder(address)
    }
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(HolderProcess { pid, command, project, task }) = &self.process else {
            return write!(f, "a process of user {}", self.uid);
        };
        match (task, project) {
            (Some(task), Some(project)) => {
                write!(f, "task {task} of the stead project {} (", shown(&project.to_string_lossy()))?
            }
            (None, Some(project)) => write!(f, "the stead project {} (", shown(&project.to_string_lossy()))?,
            (_, None) => return write!(f, "pid {pid}: {command}"),
        }
        write!(f, "pid {pid}: {command})")
    }
}

/// The sockets that listen on a TCP port here, by their inodes, each with its port. Empty if this system can't tell.
pub(crate) fn listening_sockets() -> BTreeMap<u64, u16> {
    linux::listening_sockets()
}

/// The inodes of the sockets that a process has open, as far as they may be seen.
pub(crate) fn sockets_of(pid: u32) -> Vec<u64> {
    linux::sockets_of(pid)
}

/// `text` of another process as one line without control characters, shortened.
fn shown(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut shown: String = chars.by_ref().take(COMMAND_CHARS).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(not(target_os = "linux"))]
mod linux {
    use super::{BTreeMap, PortHolder, SocketAddr};

    pub(super) fn port_holder(_: SocketAddr) -> Option<PortHolder> {
        None
    }

    pub(super) fn listening_sockets() -> BTreeMap<u64, u16> {
        BTreeMap::new()
    }

    pub(super) fn sockets_of(_: u32) -> Vec<u64> {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fs::{self, DirEntry};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::path::PathBuf;

    use super::{HolderProcess, PortHolder, shown};

    /// A socket that listens, in the kernel's tables.
    const LISTENS: &str = "0A";
    /// The name of a supervisor's process, and of its warden's.
    const SUPERVISOR: &str = "stead";
    /// What stead tells each task its name by.
    const TASK_VARIABLE: &[u8] = b"STEAD_TASK=";
    /// Ancestors that are looked at; a chain of more is not one.
    const ANCESTORS_MOST: usize = 64;

    /// A row of `/proc/net/tcp`.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Listener {
        pub(super) address: SocketAddr,
        pub(super) uid: u32,
        pub(super) inode: u64,
    }

    pub(super) fn port_holder(address: SocketAddr) -> Option<PortHolder> {
        let rivals = listeners().into_iter().filter(|listener| is_rival(listener.address, address));
        // The same address rather than any.
        let rival =
            rivals.min_by_key(|listener| listener.address.ip().to_canonical() != address.ip().to_canonical())?;
        Some(PortHolder { uid: rival.uid, process: process_of(rival.inode) })
    }

    pub(super) fn listening_sockets() -> BTreeMap<u64, u16> {
        listeners().into_iter().map(|listener| (listener.inode, listener.address.port())).collect()
    }

    pub(super) fn sockets_of(pid: u32) -> Vec<u64> {
        let inode = |file: DirEntry| {
            let target = fs::read_link(file.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        };
        fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().filter_map(inode).collect()
    }

    fn listeners() -> Vec<Listener> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
        tables.iter().flat_map(|table| table.lines().filter_map(listener)).collect()
    }

    fn is_rival(holder: SocketAddr, wanted: SocketAddr) -> bool {
        let [holds, wants] = [holder.ip(), wanted.ip()].map(|ip| ip.to_canonical());
        holder.port() == wanted.port() && (holds == wants || holds.is_unspecified() || wants.is_unspecified())
    }

    /// The listener in a row; none if there is none in it.
    pub(super) fn listener(row: &str) -> Option<Listener> {
        let mut columns = row.split_whitespace().skip(1);
        let (address, port) = columns.next()?.split_once(':')?;
        if columns.nth(1)? != LISTENS {
            return None;
        }
        let address = SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?);
        let uid = columns.nth(3)?.parse().ok()?;
        Some(Listener { address, uid, inode: columns.nth(1)?.parse().ok()? })
    }

    /// An address as the kernel prints it: words of 32 bits in its own order of bytes.
    fn ip(digits: &str) -> Option<IpAddr> {
        let word = |at: usize| Some(u32::from_str_radix(digits.get(8 * at..8 * (at + 1))?, 16).ok()?.to_ne_bytes());
        match digits.len() {
            8 => Some(Ipv4Addr::from(word(0)?).into()),
            32 => {
                let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
                Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
            }
            _ => None,
        }
    }

    /// The process that has this socket; the supervisor rather than others that have inherited it.
    fn process_of(inode: u64) -> Option<HolderProcess> {
        let has_it = |pid: &u32| sockets_of(*pid).contains(&inode);
        let pid = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // The oldest: those that it has made since may have it, too. Numbers of processes start anew.
        let pid = pid.filter(has_it).min_by_key(|pid| (started_at(*pid), *pid))?;
        let project = project_of(pid);
        let task = project.as_ref().and_then(|_| task_of(pid));
        Some(HolderProcess { pid, command: shown(&command_of(pid)), project, task })
    }

    /// When a process was started, in ticks since the system was.
    fn started_at(pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; the start time is the 20th field behind it.
        stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
    }

    fn command_of(pid: u32) -> String {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ");
        if line.is_empty() { name_of(pid) } else { line }
    }

    fn name_of(pid: u32) -> String {
        let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        String::from_utf8_lossy(&name).trim_end().to_owned()
    }

    /// The directory of the supervisor that this process is, or descends from: supervisors work in that of their project.
    fn project_of(pid: u32) -> Option<PathBuf> {
        let lineage = std::iter::successors(Some(pid), |pid| parent_of(*pid)).take(ANCESTORS_MOST);
        let supervisor = lineage.filter(|pid| name_of(*pid) == SUPERVISOR).last()?;
        fs::read_link(format!("/proc/{supervisor}/cwd")).ok()
    }

    fn parent_of(pid: u32) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
        (parent != 0).then_some(parent)
    }

    fn task_of(pid: u32) -> Option<String> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let name = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(TASK_VARIABLE))?;
        Some(shown(&String::from_utf8_lossy(name)))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::linux::{Listener, listener};
    use super::*;

    #[test]
    fn the_process_that_listens_is_found_by_its_own_address_and_by_any() {
        for (held, wanted) in [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")] {
            let listener = TcpListener::bind((held, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let wanted = SocketAddr::new(wanted.parse().unwrap(), port);
            let holder = PortHolder::of(wanted).and_then(|holder| holder.process).unwrap();
            assert_eq!(holder.pid, std::process::id(), "{held} {wanted}");
            drop(listener);
            assert_eq!(PortHolder::of(wanted), None);
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn rows_of_the_kernel_are_read() {
        let row =
            "   1: 0100007F:1B9E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000";
        let expected = Listener { address: "127.0.0.1:7070".parse().unwrap(), uid: 1000, inode: 4711 };
        assert_eq!(listener(row), Some(expected));
        let row = row.replace("0100007F", "00000000000000000000000001000000");
        assert_eq!(listener(&row).unwrap().address, "[::1]:7070".parse().unwrap());
        assert_eq!(listener(&row.replace(" 0A ", " 01 ")), None, "a connection");
        for nothing in ["", "  sl  local_address rem_address   st", "1: x:y 0:0 0A", "1: 0100:1 0:0 0A 0 0 0 0 0 0"] {
            assert_eq!(listener(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn it_is_named_as_far_as_it_is_known() {
        let process = |project: Option<&str>, task: Option<&str>| PortHolder {
            uid: 33,
            process: Some(HolderProcess {
                pid: 812,
                command: "./api".to_owned(),
                project: project.map(Into::into),
                task: task.map(Into::into),
            }),
        };
        assert_eq!(process(None, None).to_string(), "pid 812: ./api");
        assert_eq!(process(Some("/shop"), None).to_string(), "the stead project /shop (pid 812: ./api)");
        assert_eq!(
            process(Some("/shop"), Some("api")).to_string(),
            "task api of the stead project /shop (pid 812: ./api)"
        );
        assert_eq!(PortHolder { uid: 33, process: None }.to_string(), "a process of user 33");
        assert_eq!(shown("a\x1b[31m\nb"), "a?[31m?b");
        assert_eq!(shown(&"x".repeat(99)).chars().count(), COMMAND_CHARS + 1);
    }
}
