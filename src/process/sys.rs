//! The one place of the crate with `unsafe`: what a child does to itself between fork and exec, and how the runtime
//! is made to wait for a descriptor.
//!
//! What runs in the child of a process that may have many threads must be async-signal-safe: no allocation, no
//! lock, no panic.
#![expect(unsafe_code, reason = "neither of the two can be had without it")]

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use nix::sys::signal::SigSet;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The first descriptor that a child must not inherit.
const FIRST_FOREIGN_FD: RawFd = 3;
/// Signals are numbered from 1 to this on every platform there is.
const LAST_SIGNAL: i32 = 64;
/// How many descriptors are looked at where the kernel can't close a range of them.
const FDS_LOOKED_AT: RawFd = 4_096;

/// Makes `command` start from a clean slate: a session of its own, no signal blocked or ignored, no descriptors
/// but its own three. With `terminal`, what is its standard input becomes its controlling terminal.
pub(super) fn isolate(command: &mut Command, terminal: bool) {
    let prepare = move || {
        rustix::process::setsid()?;
        if terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        reset_signals()?;
        close_foreign_on_exec();
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only, which are async-signal-safe.
    unsafe { command.pre_exec(prepare) };
}

/// Makes the runtime wait until there is something to read.
///
/// # Errors
///
/// The runtime takes no more descriptors, or this kind of them.
pub(super) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open, and the same, until the `AsyncFd` that now has it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// Makes the runtime wait until something can be written.
///
/// # Errors
///
/// As [`watch`].
pub(super) fn watch_writable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: as in `watch`.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::WRITABLE) }?)
}

/// An exec resets handlers by itself, but what is ignored or blocked stays so: under `nohup` the whole tree would
/// be deaf to a hang-up.
fn reset_signals() -> io::Result<()> {
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: `SIG_DFL` is a valid disposition; signals that can't be changed answer with an error, which is fine.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    SigSet::empty().thread_set_mask().map_err(io::Error::from)
}

/// Marks them instead of closing them: the pipe through which a failed exec is reported must live until then.
fn close_foreign_on_exec() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: takes three integers; the flag closes nothing before the exec.
        let marked = unsafe {
            libc::syscall(libc::SYS_close_range, FIRST_FOREIGN_FD, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
        };
        if marked == 0 {
            return;
        }
    }
    for fd in FIRST_FOREIGN_FD..FDS_LOOKED_AT {
        // SAFETY: sets a flag of a descriptor; one that isn't open answers with an error.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
