//! The lock file: excludes a second supervisor where no name can be reserved, as in another container with the same
//! directory.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, bail};
use rustix::fs::{AtFlags, OFlags, unlinkat};

use super::already_runs;
use crate::private::{self, is_trusted};

/// Opens and locks the file `name` in `dir`, and writes the pid of this process into it.
///
/// # Errors
///
/// Another supervisor has the lock, or the file can't be opened.
pub(super) fn acquire(dir: &OwnedFd, name: &OsStr) -> anyhow::Result<File> {
    let mut file = open(dir, name)?;
    if let Err(held) = file.try_lock() {
        let TryLockError::WouldBlock = held else { return Err(held).context("cannot lock it") };
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        let Some((pid, uid)) = foreign_holder(&file) else { bail!(already_runs(pid.trim())) };
        eprintln!("stead: process {pid} of user {uid} has locked {}, which is replaced", name.display());
        unlinkat(dir, name, AtFlags::empty()).context("cannot replace the lock")?;
        file = open(dir, name)?;
        file.try_lock().context("cannot lock it")?;
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

fn open(dir: impl AsFd, name: &OsStr) -> anyhow::Result<File> {
    private::open_file(dir, name, OFlags::RDWR | OFlags::CREATE)
        .with_context(|| format!("cannot open {}", name.display()))
}

/// The pid and user of a process that has locked the file, if that user is not trusted: anyone who can open a file can lock it.
fn foreign_holder(file: &File) -> Option<(u32, u32)> {
    let about = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    let locked = format!(" {major:02x}:{minor:02x}:{} ", about.ino());
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4312 08:01:1234 0 EOF`
    let lock = locks.lines().find(|line| line.contains(&locked) && !line.contains("->"))?;
    let pid = lock.split_whitespace().nth(4)?.parse().ok()?;
    let uid = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    (!is_trusted(uid)).then_some((pid, uid))
}
