//! The children of the supervisor: the warden, and orphans once the warden is dead or when this is process 1.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal as RawSignal, WaitOptions, kill_process, wait, waitpid};
use tokio::signal::unix::Signal;
use tokio::time::timeout;

use super::POLL_INTERVAL;
use crate::process::proc;

/// The children of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Children {
    pub(super) warden: Pid,
    /// Whether orphans become children of this process. It has no others than the warden then.
    pub(super) adopts: bool,
}

impl Children {
    /// Waits for the warden to end. Reaps every orphan meanwhile.
    pub(super) async fn ended(self, child_ended: &mut Signal) -> ExitStatus {
        loop {
            if let Some(status) = self.reap() {
                return status;
            }
            child_ended.recv().await;
        }
    }

    /// Returns the status of the warden, if it has ended. Reaps everything that ended before it.
    fn reap(self) -> Option<ExitStatus> {
        loop {
            let ended =
                if self.adopts { wait(WaitOptions::NOHANG) } else { waitpid(Some(self.warden), WaitOptions::NOHANG) };
            match ended {
                Ok(Some((pid, status))) if pid == self.warden => return Some(ExitStatus::from_raw(status.as_raw())),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Kills everything below this process until nothing is left.
    pub(super) async fn kill_what_is_left(self, child_ended: &mut Signal) {
        let me = std::process::id();
        loop {
            self.reap();
            let below = proc::family([me]);
            let below = below.iter().filter(|process| process.pid != me).filter_map(|process| {
                let pid = Pid::from_raw(process.pid.cast_signed())?;
                kill_process(pid, RawSignal::KILL).ok()
            });
            if below.count() == 0 {
                return;
            }
            // One signal may stand for several ends.
            let _ = timeout(POLL_INTERVAL, child_ended.recv()).await;
        }
    }
}
