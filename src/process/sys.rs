//! The only module with `unsafe` code: making processes, waiting for them, having the runtime watch a descriptor, and
//! settings of the allocator.
//!
//! Code that runs in the child of a process with several threads, or in a signal handler, must be async-signal-safe: no
//! allocation, no lock, no panic.
#![expect(unsafe_code, reason = "none of this can be had without it")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The first descriptor that a child must not inherit.
const FIRST_FOREIGN_FD: RawFd = 3;
/// The highest signal number of any platform.
const LAST_SIGNAL: i32 = 64;
/// How many descriptors are tried where the kernel can't close a range of them.
const FDS_LOOKED_AT: RawFd = 4_096;
/// The exit code of a child that panicked before its exec.
const CODE_OF_PANIC: i32 = 70;
/// The unit of `ru_maxrss`.
const PEAK_UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1_024 };

/// As in `linux/sched.h`; the type of libc's constant does not fit.
#[cfg(target_os = "linux")]
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Where the end of a child is announced; negative until it is set.
static CHILD_ENDED: AtomicI32 = AtomicI32::new(-1);

/// Makes `command` start in a session of its own, with no signal blocked or ignored, and with no descriptors but its
/// standard ones.
pub(super) fn isolate(command: &mut Command) {
    let prepare = || {
        rustix::process::setsid()?;
        reset_signals()?;
        close_foreign_on_exec();
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only, which are async-signal-safe.
    unsafe { command.pre_exec(prepare) };
}

/// Has the runtime watch a descriptor for input.
///
/// # Errors
///
/// The runtime takes no more descriptors, or not this kind.
pub(super) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor stays open, and the same, until the `AsyncFd` that owns it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}

/// Has the runtime watch whether the other end of an output is closed.
///
/// # Errors
///
/// The runtime takes no more descriptors, or not this kind: a regular file has no other end.
pub(super) fn watch_reader(output: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = output.as_fd().try_clone_to_owned()?;
    // SAFETY: as for `watch`.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::ERROR) }?)
}

/// Forks, `into` a cgroup if possible. The child calls `child` and exits with the code that it returns. Only for a
/// process without other threads: a lock that one of them holds would never be released in the child.
///
/// # Errors
///
/// Those of fork(2).
pub(super) fn fork(into: Option<&OwnedFd>, child: impl FnOnce() -> i32) -> io::Result<Pid> {
    let born = into.and_then(|cgroup| fork_into(cgroup).ok());
    let forked = match born {
        Some(forked) => forked,
        // SAFETY: there is no other thread, so the child may do whatever its parent may.
        None => unsafe { nix::unistd::fork() }?,
    };
    match forked {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // Unwinding further would run the rest of the parent's program.
            let code = catch_unwind(AssertUnwindSafe(child)).unwrap_or(CODE_OF_PANIC);
            end_at_once(code)
        }
    }
}

/// Whether a child can be born in this cgroup. Forks one that exits at once, and waits for it.
pub(super) fn can_fork_into(cgroup: &OwnedFd) -> bool {
    match fork_into(cgroup) {
        Ok(ForkResult::Parent { child }) => waitpid(child, None).is_ok(),
        Ok(ForkResult::Child) => end_at_once(0),
        Err(_) => false,
    }
}

/// As fork(2) of a process without other threads, but the child is born in a cgroup. Moving it there later takes about
/// twice as long.
#[cfg(target_os = "linux")]
fn fork_into(cgroup: &OwnedFd) -> io::Result<ForkResult> {
    // SAFETY: all zeroes are valid, and mean the defaults.
    let mut how: libc::clone_args = unsafe { std::mem::zeroed() };
    how.flags = CLONE_INTO_CGROUP;
    how.exit_signal = Signal::SIGCHLD as u64;
    how.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    // SAFETY: without a stack and without shared memory the child continues here on a copy of everything.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const how, size_of_val(&how)) };
    match i32::try_from(Errno::result(pid)?).map_err(io::Error::other)? {
        0 => Ok(ForkResult::Child),
        pid => Ok(ForkResult::Parent { child: Pid::from_raw(pid) }),
    }
}

#[cfg(not(target_os = "linux"))]
fn fork_into(_cgroup: &OwnedFd) -> io::Result<ForkResult> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has all threads share two arenas of the allocator. With one for each, as glibc has it, every thread takes 64 MiB of the
/// address space, which a limit on that leaves no room for.
pub(crate) fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Two: a thread that is held up does not hold the rest.
        const ARENAS: libc::c_int = 2;
        // SAFETY: it sets a number in the allocator, which guards it by a lock of its own.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
    }
}

fn end_at_once(code: i32) -> ! {
    // SAFETY: nothing of the process is used after this.
    unsafe { libc::_exit(code) }
}

/// The result of [`reap`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Reaped {
    /// A child that had ended. From now on its pid may belong to another process.
    Dead { pid: u32, status: libc::c_int, peak_memory: u64, cpu_ms: u64 },
    /// There are children, and all of them live.
    AllLive,
    /// There is no child.
    Childless,
}

/// Waits for one child that has ended, if there is one.
pub(super) fn reap() -> Reaped {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to memory of the right type; all zeroes is a valid `rusage`.
    let (pid, usage) = unsafe {
        let pid = libc::wait4(-1, &raw mut status, libc::WNOHANG, usage.as_mut_ptr());
        (pid, usage.assume_init())
    };
    match u32::try_from(pid) {
        Ok(0) => Reaped::AllLive,
        Ok(pid) => {
            let peak_memory = u64::try_from(usage.ru_maxrss).unwrap_or_default().saturating_mul(PEAK_UNIT);
            let millis = |time: libc::timeval| time.tv_sec as u64 * 1_000 + time.tv_usec as u64 / 1_000;
            let cpu_ms = millis(usage.ru_utime) + millis(usage.ru_stime);
            Reaped::Dead { pid, status, peak_memory, cpu_ms }
        }
        Err(_) => Reaped::Childless,
    }
}

/// Has the end of a child write a byte into `pipe`, which must be non-blocking and stay open for good.
///
/// # Errors
///
/// Those of sigaction(2).
pub(super) fn announce_child_ends(pipe: OwnedFd) -> io::Result<()> {
    CHILD_ENDED.store(pipe.as_raw_fd(), Ordering::Relaxed);
    // The handler owns it now.
    std::mem::forget(pipe);
    let flags = SaFlags::SA_RESTART | SaFlags::SA_NOCLDSTOP;
    let action = SigAction::new(SigHandler::Handler(announce_child_end), flags, SigSet::empty());
    // SAFETY: the handler is async-signal-safe.
    unsafe { sigaction(Signal::SIGCHLD, &action) }?;
    Ok(())
}

extern "C" fn announce_child_end(_signal: libc::c_int) {
    let before = Errno::last_raw();
    // SAFETY: write(2) is async-signal-safe. A full pipe already announces an end.
    unsafe { libc::write(CHILD_ENDED.load(Ordering::Relaxed), [0_u8].as_ptr().cast(), 1) };
    Errno::set_raw(before);
}

/// Ignores a signal, unless it is one that can't be.
pub(super) fn ignore(signal: Signal) {
    set_handler(signal, SigHandler::SigIgn);
}

/// Has a signal do nothing, without children inheriting that.
pub(super) fn catch(signal: Signal) {
    extern "C" fn nothing(_signal: libc::c_int) {}
    set_handler(signal, SigHandler::Handler(nothing));
}

fn set_handler(signal: Signal, handler: SigHandler) {
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: only called with handlers that do nothing. Signals that can't be changed answer with an error.
    let _ = unsafe { sigaction(signal, &action) };
}

/// Whether a signal is ignored.
pub(super) fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action this only writes the current one; all zeroes is a valid `sigaction`.
    let action = unsafe {
        libc::sigaction(signal as libc::c_int, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Has the runtime watch a descriptor for room to write.
///
/// # Errors
///
/// As [`watch`].
pub(super) fn watch_writable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: as in `watch`.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::WRITABLE) }?)
}

/// Resets all signals. An exec resets handlers, but ignored and blocked signals stay so: under `nohup` the whole tree
/// would ignore a hang-up.
///
/// # Errors
///
/// Those of sigprocmask(2).
pub(super) fn reset_signals() -> io::Result<()> {
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: `SIG_DFL` is a valid disposition; signals that can't be changed answer with an error, which is fine.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    SigSet::empty().thread_set_mask().map_err(io::Error::from)
}

/// Marks the descriptors instead of closing them: the pipe that reports a failed exec must stay open until the exec.
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
