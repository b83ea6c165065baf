//! A few descriptors that tasks can't use up: with them the control surface answers in any case.
//!
//! The soft limit is kept that much below the hard one, and raised for the moment in which one of them is opened. The
//! kernel holds everything else to the soft limit.

use std::io;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most descriptors that are set aside.
const RESERVED_MOST: u64 = 5;
/// At most one in so many is set aside, but always one.
const SHARE: u64 = 16;

/// The two soft limits, once descriptors are set aside.
static LIMITS: Mutex<Option<DescriptorLimits>> = Mutex::new(None);

#[derive(Debug, Clone, Copy)]
struct DescriptorLimits {
    usual: u64,
    hard: u64,
}

/// Sets descriptors aside. To be called before anything opens many of them; without a limit there is nothing to do.
pub(crate) fn reserve_descriptors() {
    let Some(hard) = getrlimit(Resource::Nofile).maximum else { return };
    let limits = DescriptorLimits { usual: hard.saturating_sub((hard / SHARE).clamp(1, RESERVED_MOST)), hard };
    if limits.set_soft(limits.usual).is_ok() {
        *LIMITS.lock().unwrap_or_else(PoisonError::into_inner) = Some(limits);
    }
}

/// Opens something with the descriptors that are set aside. Others may take one of them in the same moment, hence they
/// are a few.
pub(crate) fn with_reserved_descriptors<T>(open: impl FnOnce() -> T) -> T {
    let reserve = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(limits) = *reserve else { return open() };
    // Up to the hard limit every process may do that.
    let _ = limits.set_soft(limits.hard);
    let opened = open();
    let _ = limits.set_soft(limits.usual);
    opened
}

/// Whether this process has no descriptors left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMFILE as i32)
}

impl DescriptorLimits {
    fn set_soft(self, soft: u64) -> rustix::io::Result<()> {
        setrlimit(Resource::Nofile, Rlimit { current: Some(soft), maximum: Some(self.hard) })
    }
}
