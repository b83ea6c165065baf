//! The warden: a second process of this binary, which has every other process made and leaves none behind.
//!
//! ```text
//!  supervisor ──── socket pair ────▶ warden ──fork──▶ task ─▶ its descendants
//!   the loop,       orders with       one thread,        │
//!   tokio, faces    descriptors,      one poll           └ orphans come to the warden, which waits for all
//!      ▲            reports                │
//!      └── orphans, should the warden die ─┘
//! ```
//!
//! - The supervisor dies: its end of the socket closes, and the warden kills everything below itself.
//! - The warden dies: its tasks die with it (`PR_SET_PDEATHSIG`), their descendants become the supervisor's, which kills
//!   them, and ends: [`keeper`].
//! - Neither is hit by what is sent to the other's process group: each has a session of its own.
//! - Both die at once: what is left is in [`cgroup`]s, where there are any, and ends when the next supervisor starts.
//!
//! Where the kernel can't give orphans to whom they belong (anything but Linux), a tree is a process group, and the
//! second promise is not given: [`Containment`](crate::kernel::Containment) says so.

mod cgroup;
mod child;
mod client;
mod orphans;
mod protocol;
mod serve;
mod task;
#[cfg(test)]
mod tests;
mod trees;

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

#[cfg(test)]
pub(super) use cgroup::Claim;
pub(crate) use client::Warden;
pub(crate) use client::this_program;
pub(super) use client::{Child, SpawnError};
pub(super) use protocol::{Credentials, SignalTarget, Spawn, StartFault, StartStep};
pub(super) use serve::serve;
pub(crate) use task::WardenTask;

/// How long killed processes may take to end: longer only if the kernel itself holds one, on a disk that hangs.
const KILLED_MAY_TAKE: Duration = Duration::from_secs(1);
/// How often a state is polled where no event reports its change.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// What makes this program the warden. In a list of processes it reads `stead warden-of 4312`.
const WARDEN_ARGUMENT: &str = "warden-of";

/// Serves as the warden to its end, if that is what this process was made for.
#[must_use]
pub fn serve_if_called() -> Option<ExitCode> {
    let called = std::env::args_os().nth(1).is_some_and(|argument| argument == OsStr::new(WARDEN_ARGUMENT));
    called.then(serve)
}
