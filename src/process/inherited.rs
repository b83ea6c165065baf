//! What a process gets from the one that started it, beside its environment: signals that are blocked or ignored, a
//! pending alarm, resource limits. stead itself goes without, and its tasks get the limits that stead was started with.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::sys;

/// The limits that stead could run into itself.
const LIMITS: [Resource; 7] = [
    Resource::As,
    Resource::Cpu,
    Resource::Data,
    Resource::Fsize,
    Resource::Memlock,
    Resource::Nofile,
    Resource::Nproc,
];

static HANGUP_IGNORED: AtomicBool = AtomicBool::new(false);

/// Resets signals and the alarm that this process was started with. Must be called before the first thread.
pub fn reset_inherited() {
    HANGUP_IGNORED.store(sys::is_ignored(Signal::SIGHUP), Ordering::Relaxed);
    nix::unistd::alarm::cancel();
    // Only fails for an invalid mask.
    let _ = sys::reset_signals();
    // The standard library ignores this one; a closed pipe is an error of the write.
    sys::ignore(Signal::SIGPIPE);
    // At a limit the write fails, or the kernel kills at the hard one. A handler, as children must not inherit it.
    for signal in [Signal::SIGXFSZ, Signal::SIGXCPU] {
        sys::catch(signal);
    }
}

/// Whether this process was started to outlive its terminal, by nohup(1).
pub(crate) fn is_hangup_ignored() -> bool {
    HANGUP_IGNORED.load(Ordering::Relaxed)
}

/// The limits that a process was started with.
#[derive(Debug)]
pub(crate) struct InheritedLimits(Vec<(Resource, Rlimit)>);

impl InheritedLimits {
    /// Raises the limits of this process as far as it may.
    pub(crate) fn raise() -> Self {
        let raise = |resource| {
            let inherited = getrlimit(resource);
            // Some systems refuse values that they report themselves.
            let _ = setrlimit(resource, Rlimit { current: inherited.maximum, ..inherited });
            (resource, inherited)
        };
        Self(LIMITS.map(raise).to_vec())
    }

    /// Gives this process, a child, the limits back.
    pub(super) fn restore(&self) {
        for &(resource, inherited) in &self.0 {
            // It was allowed before, and the hard limit is the same.
            let _ = setrlimit(resource, inherited);
        }
    }
}
