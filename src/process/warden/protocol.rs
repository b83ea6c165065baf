//! The messages between supervisor and warden, and their encoding.
//!
//! A frame is the version of this protocol, the length of its body (both `u32`, little endian) and the body in JSON.
//! The descriptors of a [`Spawn`] travel with the first byte of its frame. Both ends are the same binary, so an invalid
//! frame means that another program speaks: the connection ends, and with it every task.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cgroup::Cgroup;
use crate::config::Limits;
use crate::supervisor::engine::Straggler;

/// Grows with every change of the messages.
const VERSION: u32 = 4;
/// Version and length.
const HEADER_BYTES: usize = 8;
/// The longest body: more than a config file and its environment files can make of one command.
const MESSAGE_BYTES: usize = 8 << 20;
/// Bytes received at once.
const RECEIVE_BYTES: usize = 16 << 10;
/// Descriptors of one process: standard input, output and error.
pub(super) const STDIO: usize = 3;
/// The most processes that one report names.
pub(super) const NAMED: usize = 8;

/// Identifies a process with all its descendants, from its order until it is gone.
pub(super) type Id = u64;

/// A message from the supervisor to the warden.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum WardenOrder {
    /// Give every later process tree a cgroup of its own below this one.
    Contain(Cgroup),
    /// Create a process; three descriptors come with it.
    Spawn(Id, Box<Spawn>),
    /// Send these signals, one after the other.
    Signal(Id, Vec<i32>, SignalTarget),
    /// Kill a process with all its descendants, and those that are yet to be born.
    Kill(Id),
}

/// A process to create.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::process) struct Spawn {
    /// The program with its arguments; never empty.
    pub(in crate::process) argv: Vec<String>,
    /// Variables set on top of the warden's environment, which is the supervisor's.
    pub(in crate::process) env: BTreeMap<String, String>,
    /// The working directory.
    pub(in crate::process) dir: OsString,
    /// Whether standard input is a terminal, to become the controlling one.
    pub(in crate::process) terminal: bool,
    /// Its resource limits.
    pub(in crate::process) limits: Limits,
    /// Added to its niceness.
    pub(in crate::process) nice: i32,
    /// The file mode bits it withholds; the supervisor's if none.
    pub(in crate::process) umask: Option<u32>,
    /// The user and groups to switch to, if any.
    pub(in crate::process) credentials: Option<Credentials>,
}

/// A user with its groups, by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::process) struct Credentials {
    pub(in crate::process) user: u32,
    pub(in crate::process) group: u32,
    /// All groups of the user.
    pub(in crate::process) groups: Vec<u32>,
}

/// The target of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) enum SignalTarget {
    /// The main process alone.
    Main,
    /// Every process of the tree.
    Tree,
}

/// A message from the warden to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum WardenReport {
    /// The process runs; its pid.
    Started(Id, u32),
    /// The process could not be created. The id is free.
    Failed(Id, StartFault),
    /// The main process has ended.
    Exited(Id, Exit),
    /// The remaining processes: the main process has ended, or the tree is being killed.
    Left(Id, Vec<Straggler>),
    /// Nothing is left of the tree. The id is free.
    Gone(Id),
}

/// Why a process could not be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::process) struct StartFault {
    pub(in crate::process) step: StartStep,
    /// The system's error number.
    pub(in crate::process) errno: i32,
}

impl StartFault {
    /// The system's answer to a step.
    pub(in crate::process) fn of(step: StartStep, error: &io::Error) -> Self {
        Self { step, errno: error.raw_os_error().unwrap_or_default() }
    }
}

/// The steps of a start that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) enum StartStep {
    /// Its descriptors, its process, its session.
    Prepare,
    /// The limit of open files.
    OpenFiles,
    /// The limit of memory.
    Memory,
    /// The limit of processor time.
    CpuTime,
    /// The limit of core files.
    Core,
    /// Its niceness.
    Nice,
    /// Switching to its user.
    Credentials,
    /// Its directory, its program.
    Run,
}

/// The end of a main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::process) struct Exit {
    /// The status as wait(2) returns it.
    pub(in crate::process) wait_status: i32,
    /// The peak of resident memory, in bytes, of the process or of one of the descendants it waited for.
    pub(in crate::process) peak_memory: u64,
    /// The processor time of both together, in milliseconds.
    pub(in crate::process) cpu_ms: u64,
}

impl Exit {
    pub(in crate::process) fn status(self) -> ExitStatus {
        ExitStatus::from_raw(self.wait_status)
    }

    pub(in crate::process) fn cpu_time(self) -> Duration {
        Duration::from_millis(self.cpu_ms)
    }
}

/// Encodes a message.
///
/// # Errors
///
/// It is longer than the other end accepts.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEADER_BYTES];
    serde_json::to_writer(&mut frame, message)?;
    let body = frame.len() - HEADER_BYTES;
    let length = u32::try_from(body).ok().filter(|_| body <= MESSAGE_BYTES);
    let length = length.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "its command is too long"))?;
    frame[..4].copy_from_slice(&VERSION.to_le_bytes());
    frame[4..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Sends as much of `bytes` as there is room for, with `fds` on the first of them.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(STDIO))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds));
    assert!(fits, "a message carries three descriptors at most");
    Ok(retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()))?)
}

/// Bytes and descriptors that have been received and not yet been decoded.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// One entry for each order with descriptors; `None` if this process had no numbers left for them.
    stdio: VecDeque<Option<[OwnedFd; STDIO]>>,
}

impl Inbox {
    /// Receives what there is, blocking if the socket does. Returns false at the end.
    ///
    /// # Errors
    ///
    /// Those of the socket, or a wrong number of descriptors.
    pub(super) fn receive(&mut self, socket: impl AsFd) -> io::Result<bool> {
        let mut chunk = [0; RECEIVE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(STDIO))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received =
            retry_on_intr(|| recvmsg(&socket, &mut [IoSliceMut::new(&mut chunk)], &mut control, RecvFlags::empty()))?;
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            self.stdio.push_back(None);
        } else if !fds.is_empty() {
            // No other thread forks meanwhile, so `MSG_CMSG_CLOEXEC`, which only Linux has, is not needed.
            for fd in &fds {
                rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
            }
            let stdio = fds.try_into().map_err(|_| malformed("descriptors that are not three"))?;
            self.stdio.push_back(Some(stdio));
        }
        self.bytes.extend_from_slice(&chunk[..received.bytes]);
        Ok(received.bytes > 0)
    }

    /// Returns the next message, if it is complete.
    ///
    /// # Errors
    ///
    /// It is not a message of this protocol.
    pub(super) fn next<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [version, length] = [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[at + byte])));
        if version != VERSION {
            return Err(malformed("another version"));
        }
        let length = length as usize;
        if length > MESSAGE_BYTES {
            return Err(malformed("a message that is too long"));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body)?;
        self.bytes.drain(..HEADER_BYTES + length);
        Ok(Some(message))
    }

    /// Returns the descriptors of the order that was decoded last; `None` if this process had no numbers left for them.
    ///
    /// # Errors
    ///
    /// None were sent.
    pub(super) fn take_stdio(&mut self) -> io::Result<Option<[OwnedFd; STDIO]>> {
        self.stdio.pop_front().ok_or_else(|| malformed("no descriptors"))
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn received(bytes: &[u8]) -> io::Result<Option<WardenOrder>> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(bytes).unwrap();
        let mut inbox = Inbox::default();
        inbox.receive(&theirs).unwrap();
        inbox.next()
    }

    fn with_header(version: u32, length: u32, body: &[u8]) -> Vec<u8> {
        [version.to_le_bytes().as_slice(), &length.to_le_bytes(), body].concat()
    }

    #[test]
    fn a_message_arrives_with_its_descriptors() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let spawn = Spawn { argv: vec!["true".to_owned()], ..Spawn::default() };
        let bytes = frame(&WardenOrder::Spawn(7, Box::new(spawn))).unwrap();
        let stdin = std::io::stdin();
        let sent = send(&ours, &bytes, &[stdin.as_fd(), stdin.as_fd(), stdin.as_fd()]).unwrap();
        assert_eq!(sent, bytes.len());
        let mut inbox = Inbox::default();
        assert!(inbox.receive(&theirs).unwrap());
        assert!(matches!(inbox.next().unwrap(), Some(WardenOrder::Spawn(7, spawn)) if spawn.argv == ["true"]));
        assert!(inbox.take_stdio().unwrap().is_some());
        assert!(inbox.take_stdio().is_err());
        drop(ours);
        assert!(!inbox.receive(&theirs).unwrap(), "the end");
    }

    #[test]
    fn a_message_may_come_in_pieces_and_several_at_once() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let bytes = [frame(&WardenOrder::Kill(1)).unwrap(), frame(&WardenOrder::Kill(2)).unwrap()].concat();
        let mut inbox = Inbox::default();
        for byte in &bytes[..bytes.len() - 1] {
            ours.write_all(&[*byte]).unwrap();
            inbox.receive(&theirs).unwrap();
        }
        assert!(matches!(inbox.next().unwrap(), Some(WardenOrder::Kill(1))));
        assert!(inbox.next::<WardenOrder>().unwrap().is_none());
        ours.write_all(&bytes[bytes.len() - 1..]).unwrap();
        inbox.receive(&theirs).unwrap();
        assert!(matches!(inbox.next().unwrap(), Some(WardenOrder::Kill(2))));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(received(&with_header(VERSION, 2, b"no")).is_err());
        assert!(received(&with_header(VERSION, 13, br#"{"Reboot": 1}"#)).is_err());
        assert!(received(&with_header(VERSION + 1, 11, br#"{"Kill": 1}"#)).is_err());
        assert!(received(&with_header(VERSION, u32::MAX, b"")).is_err());
        assert!(received(&with_header(VERSION, 11, br#"{"Kill": 1}"#)).unwrap().is_some());
    }

    #[test]
    fn what_is_too_long_is_not_sent() {
        let spawn = Spawn { argv: vec!["x".repeat(MESSAGE_BYTES)], ..Spawn::default() };
        assert!(frame(&WardenOrder::Spawn(1, Box::new(spawn))).is_err());
    }
}
