//! What a task says of itself by sd_notify(3): that it is ready, that it is alive, what it does.
//!
//! Each run has a socket of its own under a name that can't be guessed. A message counts if its sender runs as the task
//! does and is a process of the run, or has ended since.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, bind,
    recvmsg, socket_with,
};
use rustix::process::geteuid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use super::proc::{self, Stat};
use super::sys;

/// The variable that names the socket.
pub(super) const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";
/// The variable that says how often `WATCHDOG=1` is expected, in microseconds.
pub(super) const WATCHDOG_VARIABLE: &str = "WATCHDOG_USEC";
/// The longest message.
const MESSAGE_BYTES: usize = 4 * 1024;
/// Characters of `STATUS=` that are kept.
const STATUS_CHARS: usize = 200;
/// What comes within this time is one report: a task may say a lot.
const PAUSE: Duration = Duration::from_millis(20);
/// Messages that are read at a time.
const MESSAGES_AT_ONCE: usize = 100;
/// A process further below the main one than this is not known as one of the run.
const GENERATIONS: usize = 64;
/// Random bytes of the name.
const NAME_BYTES: usize = 16;

/// The socket of one run.
#[derive(Debug)]
pub(super) struct NotifySocket {
    socket: AsyncFd<OwnedFd>,
    address: String,
    /// The user that the task runs as.
    user: u32,
}

/// What a task has said, the latest of each kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TaskNotice {
    /// Whether it is ready, or is about to end.
    pub(super) ready: Option<bool>,
    pub(super) status: Option<String>,
    /// `WATCHDOG=1`: it is alive.
    pub(super) is_alive: bool,
    /// `WATCHDOG=trigger`: it wants to be restarted.
    pub(super) gives_up: bool,
}

impl NotifySocket {
    /// Makes a socket for a task that runs as `user`, or as stead does.
    ///
    /// # Errors
    ///
    /// The system has none, or no random numbers.
    pub(super) fn bind(user: Option<u32>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        let name = format!("stead/notify/{}", random_name()?);
        bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        set_socket_passcred(&socket, true)?;
        let user = user.unwrap_or_else(|| geteuid().as_raw());
        Ok(Self { socket: sys::watch(socket)?, address: format!("@{name}"), user })
    }

    /// As the variable has it.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for what the run with this main process says next.
    ///
    /// # Errors
    ///
    /// The socket can't be read.
    pub(super) async fn next(&self, main: u32) -> io::Result<TaskNotice> {
        loop {
            let (mut notice, mut ignored) = (TaskNotice::default(), 0_usize);
            drop(self.socket.readable().await?);
            for _ in 0..MESSAGES_AT_ONCE {
                match self.socket.try_io(Interest::READABLE, receive) {
                    Ok((message, sender)) if self.is_trusted(sender, main) => notice.take(&message),
                    Ok(_) => ignored += 1,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            if ignored > 0 {
                tracing::warn!(ignored, main, "notifications of other processes are ignored");
            }
            // So many at once and then a pause, also of strangers: a flood does not keep this busy.
            sleep(PAUSE).await;
            if notice != TaskNotice::default() {
                return Ok(notice);
            }
        }
    }

    fn is_trusted(&self, sender: Option<NoticeSender>, main: u32) -> bool {
        let Some(NoticeSender { pid, user }) = sender else { return false };
        if user != self.user && user != 0 {
            return false;
        }
        let mut ancestor = pid;
        for _ in 0..GENERATIONS {
            if ancestor == main {
                return true;
            }
            match Stat::read(ancestor) {
                Some(stat) if stat.session == main => return true,
                Some(stat) => ancestor = stat.parent,
                // It has sent this and ended.
                None if ancestor == pid => return true,
                None => break,
            }
        }
        // It may have lost its parent.
        proc::variable(pid, SOCKET_VARIABLE).is_some_and(|address| address == self.address)
    }
}

/// Who has sent a message, as the kernel says.
#[derive(Debug, Clone, Copy)]
struct NoticeSender {
    pid: u32,
    user: u32,
}

fn receive(socket: &OwnedFd) -> io::Result<(Vec<u8>, Option<NoticeSender>)> {
    let mut message = vec![0; MESSAGE_BYTES];
    // Descriptors that come along, such as those of a barrier, are closed at once.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1), ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [io::IoSliceMut::new(&mut message)], &mut control, flags)?;
    message.truncate(received.bytes);
    let mut sender = None;
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmCredentials(credentials) = part {
            let pid = credentials.pid.as_raw_nonzero().get().unsigned_abs();
            sender = Some(NoticeSender { pid, user: credentials.uid.as_raw() });
        }
    }
    Ok((message, sender))
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0; NAME_BYTES];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl TaskNotice {
    fn take(&mut self, message: &[u8]) {
        for line in String::from_utf8_lossy(message).lines() {
            match line.split_once('=') {
                Some(("READY", "1")) => self.ready = Some(true),
                Some(("STOPPING", "1")) => self.ready = Some(false),
                Some(("STATUS", text)) => self.status = Some(text.chars().take(STATUS_CHARS).collect()),
                Some(("WATCHDOG", "1")) => self.is_alive = true,
                Some(("WATCHDOG", "trigger")) => self.gives_up = true,
                // Others are for service managers that keep descriptors, follow pids, extend timeouts.
                Some(_) | None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_kind_the_latest_counts_and_the_rest_is_ignored() {
        let mut notice = TaskNotice::default();
        notice.take(b"READY=1\nSTATUS=warming up\nMAINPID=12\n\xff\n");
        notice.take(b"STATUS=serving\nWATCHDOG=1");
        let expected =
            TaskNotice { ready: Some(true), status: Some("serving".to_owned()), is_alive: true, gives_up: false };
        assert_eq!(notice, expected);
        notice.take(b"STOPPING=1");
        assert_eq!(notice.ready, Some(false));
    }
}
