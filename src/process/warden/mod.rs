//! The warden: a second process of this binary, which creates every other process and leaves none behind.
//!
//! ```text
//!  supervisor ──── socket pair ────▶ warden ──fork──▶ task ─▶ its descendants
//!   the loop,       orders with       one thread,        │
//!   tokio           descriptors,      one poll           └ the warden reaps all orphans
//!                   reports
//! ```
//!
//! - The supervisor dies: its end of the socket closes, and the warden kills everything below itself.
//! - The warden dies: its tasks die with it (`PR_SET_PDEATHSIG`), and the supervisor reaps and kills their descendants
//!   before it ends: [`task`].
//! - A signal to the process group of one does not reach the other: each has a session of its own.
//! - The supervisor dies and another one starts: that one waits until the [warden before it](predecessor) is gone.
//! - Both die at once: the remaining processes are in [`cgroup`]s, where there are any. The next supervisor kills them.
//!
//! Without subreapers (anything but Linux), a tree is a process group, and the second promise is not given; see
//! [`Containment`](crate::kernel::Containment).

mod before_exec;
mod cgroup;
mod client;
mod orphans;
mod predecessor;
mod protocol;
mod serve;
mod task;
#[cfg(test)]
mod tests;
mod trees;

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

pub(super) use before_exec::{CPU_TIME_GRACE, NOT_INHERITED, assume};
#[cfg(test)]
pub(super) use cgroup::Claim;
pub(super) use cgroup::dir_of_this_process as cgroup_dir;
pub(crate) use client::Warden;
pub(crate) use client::this_program;
pub(super) use client::{Child, SpawnError};
pub(super) use protocol::{Credentials, Exit, SignalTarget, Spawn, StartFault, StartStep};
pub(super) use serve::serve;
pub(crate) use task::WardenTask;

/// How long killed processes may take to end: longer only if the kernel itself holds one, on a disk that hangs.
const KILLED_MAY_TAKE: Duration = Duration::from_secs(1);
/// How often a state is polled where no event reports its change.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The argument that makes this program the warden. A list of processes shows `stead warden-of 4312 PROJECT`.
const WARDEN_ARGUMENT: &str = "warden-of";

/// Runs the warden to its end, if this process was started as one.
#[must_use]
pub fn serve_if_called() -> Option<ExitCode> {
    let called = std::env::args_os().nth(1).is_some_and(|argument| argument == OsStr::new(WARDEN_ARGUMENT));
    called.then(serve)
}
