//! Waits for the end of a supervisor's process: by a descriptor of it where there are any, else by its lock.

use std::io;
use std::os::fd::OwnedFd;
use std::thread;

use tokio::net::UnixStream;
use tokio::sync::oneshot;

use crate::app::StatePaths;

/// The end of a supervisor. Waited for by a thread: a runtime could not end before it.
pub(super) struct SupervisorEnd(io::Result<oneshot::Receiver<io::Result<()>>>);

impl SupervisorEnd {
    /// The end of the process at the other end of `stream`.
    pub(super) fn of(stream: &UnixStream, paths: &StatePaths) -> Self {
        let (sender, end) = oneshot::channel();
        let (process, paths) = (open_process(stream), paths.clone());
        let waiting = thread::Builder::new().spawn(move || {
            let ended = process.map_or_else(|| paths.wait_until_free(), |process| wait_for(&process));
            // No one may wait any more.
            let _ = sender.send(ended);
        });
        Self(waiting.map(|_| end))
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    ///
    /// The system can't tell, or there is no thread to wait on.
    pub(super) async fn wait(self) -> io::Result<()> {
        self.0?.await.map_err(io::Error::other)?
    }
}

/// A descriptor of the process; `None` where there are none, and if it lives in another pid namespace.
#[cfg(target_os = "linux")]
fn open_process(stream: &UnixStream) -> Option<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    let pid = stream.peer_cred().ok()?.pid().and_then(Pid::from_raw)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn open_process(_stream: &UnixStream) -> Option<OwnedFd> {
    None
}

/// Waits until a descriptor of a process is readable: until the process has ended.
fn wait_for(process: &OwnedFd) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};

    Ok(rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(process, PollFlags::IN)], None)).map(drop)?)
}
