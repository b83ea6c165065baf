//! A process group: the main process of a run with all that stayed in its group.
//!
//! Knows how to see the main process end, how to signal the group, and when nothing alive is left of it. It decides
//! nothing: who calls says when to signal. A group that is dropped before it is gone is killed.

use std::io;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::killpg;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};
use tokio::runtime::Handle;

use crate::config::Signal;
use crate::supervisor::core::ExitReason;

/// How often a group is looked at when nothing can be waited for: without pidfds, nothing tells when it is empty.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One process group. The main process leads it, so its pid names the group.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    end: end::End,
    stage: Mutex<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The main process is alive, or a zombie that holds the group's number.
    Led,
    /// The main process has been waited for; others may be left.
    Leaderless,
    /// Nothing is left, and the number may mean somebody else any time.
    Gone,
}

impl Group {
    /// The group of a child that was made the leader of one.
    ///
    /// # Errors
    ///
    /// The end of the child can't be watched (out of descriptors); the child has been killed then.
    pub(super) fn led_by(mut child: Child) -> io::Result<Self> {
        let leader = Pid::from_child(&child);
        match end::End::of(leader) {
            Ok(end) => Ok(Self { leader, end, stage: Mutex::new(Stage::Led) }),
            Err(error) => {
                signal_group(leader, Signal::KILL);
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The pid of the main process.
    pub(super) fn pid(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal to the whole group; does nothing once it is gone.
    pub(super) fn signal(&self, signal: Signal) {
        let stage = self.stage();
        match *stage {
            Stage::Led | Stage::Leaderless => signal_group(self.leader, signal),
            Stage::Gone => {}
        }
    }

    /// Kills the whole group. Nobody can escape by forking: a fork with a signal pending fails.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Waits until the main process has ended. It stays a zombie, so that its number still means this group.
    pub(super) async fn ended(&self) {
        self.end.reached(self.leader).await;
    }

    /// Takes how the main process ended, which must have been waited for with [`Group::ended`].
    pub(super) fn reap(&self) -> ExitReason {
        let mut stage = self.stage();
        let status = waitid(WaitId::Pid(self.leader), WaitIdOptions::EXITED);
        *stage = Stage::Leaderless;
        match status {
            Ok(Some(status)) => reason(&status),
            Ok(None) => ExitReason::Error { message: "its end was not reported".to_owned() },
            Err(error) => ExitReason::Error { message: format!("its end can't be known: {error}") },
        }
    }

    /// After [`Group::reap`]: waits until nothing alive is left of the group.
    pub(super) async fn emptied(&self) {
        while exists(self.leader) && end::a_member_ended(self.leader).await {}
        *self.stage() = Stage::Gone;
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        let stage = *self.stage();
        // Whoever drops it can't be made to wait, yet what nobody waits for stays a zombie.
        if let (Stage::Led, Ok(runtime)) = (stage, Handle::try_current()) {
            let leader = self.leader;
            runtime.spawn_blocking(move || waitid(WaitId::Pid(leader), WaitIdOptions::EXITED));
        }
    }
}

fn nix_pid(pid: Pid) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(pid.as_raw_nonzero().get())
}

fn signal_group(leader: Pid, signal: Signal) {
    let Ok(signal) = nix::sys::signal::Signal::try_from(signal.as_raw()) else { return };
    match killpg(nix_pid(leader), signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(group = %leader, %signal, %error, "a process group can't be signalled"),
    }
}

/// Whether the group has members: living, or dead and not waited for.
fn exists(leader: Pid) -> bool {
    killpg(nix_pid(leader), None) != Err(Errno::ESRCH)
}

fn reason(status: &WaitIdStatus) -> ExitReason {
    match status.terminating_signal() {
        Some(signal) => ExitReason::Signal { signal: Signal::from_raw(signal), core_dumped: status.dumped() },
        None => ExitReason::Code { code: status.exit_status().unwrap_or_default() },
    }
}

/// Ends as Linux tells them: a pidfd is readable once its process has ended.
#[cfg(target_os = "linux")]
mod end {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tokio::io::unix::AsyncFd;
    use tokio::task::spawn_blocking;
    use tokio::time::sleep;

    use super::LOOK_AGAIN;
    use crate::process::proc::{self, Stat};
    use crate::process::sys;

    #[derive(Debug)]
    pub(super) struct End(AsyncFd<OwnedFd>);

    impl End {
        pub(super) fn of(process: Pid) -> io::Result<Self> {
            let pidfd = pidfd_open(process, PidfdFlags::empty())?;
            Ok(Self(sys::watch(pidfd)?))
        }

        pub(super) async fn reached(&self, _process: Pid) {
            // An error means that the runtime is shutting down: nobody will poll this again.
            if self.0.readable().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Waits for the end of one member. False if there is none alive: what is left are zombies that somebody else
    /// must wait for.
    pub(super) async fn a_member_ended(leader: Pid) -> bool {
        let group = leader.as_raw_nonzero().get().unsigned_abs();
        let members = spawn_blocking(move || proc::members(group)).await.unwrap_or_default();
        let Some(&member) = members.first() else { return false };
        let Some(pid) = i32::try_from(member).ok().and_then(Pid::from_raw) else { return false };
        match End::of(pid) {
            // Asked once more now that the pid is held: it could have become somebody else's in between.
            Ok(end) if Stat::read(member).is_some_and(|stat| stat.is_member_of(group)) => end.reached(pid).await,
            Ok(_) => {}
            Err(_) => sleep(LOOK_AGAIN).await,
        }
        true
    }
}

/// Ends where there are no pidfds: the main process announces itself by SIGCHLD, the others are looked for.
#[cfg(not(target_os = "linux"))]
mod end {
    use std::io;

    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::sync::Mutex;
    use tokio::time::sleep;

    use super::LOOK_AGAIN;

    #[derive(Debug)]
    pub(super) struct End(Mutex<Signal>);

    impl End {
        pub(super) fn of(_process: Pid) -> io::Result<Self> {
            Ok(Self(Mutex::new(signal(SignalKind::child())?)))
        }

        pub(super) async fn reached(&self, process: Pid) {
            let mut child_ended = self.0.lock().await;
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            while let Ok(None) = waitid(WaitId::Pid(process), options) {
                child_ended.recv().await;
            }
        }
    }

    pub(super) async fn a_member_ended(_leader: Pid) -> bool {
        sleep(LOOK_AGAIN).await;
        true
    }
}
