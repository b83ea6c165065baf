//! Opens directories and files that only trusted users can write to: `.stead/`, the logs, the token.
//!
//! A user who can replace one of them controls the supervisor, or makes it write where another user wants. So no symbolic
//! link is followed, and owner and mode are checked on the open descriptor, not on the name.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fstat, mkdirat, openat, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The mode of a directory that is created here.
const DIR_MODE: Mode = Mode::RWXU;
/// The mode of a file that is created here.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The variable in which `sudo` puts the user who ran it.
const SUDO_UID: &str = "SUDO_UID";

/// Whether files of this user can be relied on: those of root, of the user of this process, and, if root runs this by
/// `sudo`, of the user who ran `sudo`.
pub(crate) fn is_trusted(uid: u32) -> bool {
    let own = geteuid().as_raw();
    let by_sudo = || std::env::var(SUDO_UID).ok()?.parse().ok();
    uid == 0 || uid == own || (own == 0 && by_sudo() == Some(uid))
}

/// Opens the directory `path`. No component of a relative path may be a symbolic link; of an absolute path, the last one
/// may not.
///
/// # Errors
///
/// The directory does not exist, or is a link; another user owns it or can write to it.
pub(crate) fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    walk(path, &open_dir_at)
}

/// Opens the directory `path`, and creates it with mode 0700 if it does not exist; so with every directory above it.
///
/// # Errors
///
/// Those of [`open_dir`], or it can't be created.
pub(crate) fn create_dir(path: &Path) -> io::Result<OwnedFd> {
    walk(path, &|parent, name| match open_dir_at(parent, name) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match mkdirat(parent, name, DIR_MODE) {
                // Another process was faster: what it created is checked below.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            open_dir_at(parent, name)
        }
        opened => opened,
    })
}

/// Takes away the access of other users to a directory that belongs to the user of this process.
///
/// # Errors
///
/// The mode can't be changed.
pub(crate) fn close_to_others(dir: impl AsFd) -> io::Result<()> {
    let about = fstat(&dir)?;
    if about.st_uid == geteuid().as_raw() && Mode::from_raw_mode(about.st_mode).intersects(Mode::RWXG | Mode::RWXO) {
        fchmod(dir, DIR_MODE)?;
    }
    Ok(())
}

/// Opens the regular file `name` in `dir`; with [`OFlags::CREATE`] it gets mode 0600.
///
/// # Errors
///
/// It can't be opened; it is a link or no regular file, or another user owns it.
pub(crate) fn open_file(dir: impl AsFd, name: &OsStr, flags: OFlags) -> io::Result<File> {
    // Not blocking: a FIFO is refused, not waited for.
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(openat(dir, name, flags, FILE_MODE).map_err(|error| named(error, name))?);
    let about = fstat(&file)?;
    if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
        return Err(refused(name, "is not a regular file"));
    }
    check_owner(&about, name)?;
    Ok(file)
}

/// Opens the regular file `path`, as [`open_dir`] and [`open_file`] do; with [`OFlags::CREATE`] its directory is created,
/// too.
///
/// # Errors
///
/// Those of both.
pub(crate) fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(refused(path.as_os_str(), "does not name a file"));
    };
    let dir = if flags.contains(OFlags::CREATE) { create_dir(parent)? } else { open_dir(parent)? };
    open_file(dir, name, flags)
}

/// Opens the file `name` in `dir`, both of which were found, not named by the user of this process.
///
/// # Errors
///
/// They can't be opened; or the directory, the file, or a link in its place belongs to a user who is not trusted, or every
/// user can replace the file.
pub(crate) fn open_found(dir: &Path, name: &OsStr) -> io::Result<File> {
    let dir = open_any(dir)?;
    let about = fstat(&dir)?;
    check_found(&about)?;
    let mode = Mode::from_raw_mode(about.st_mode);
    if mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX) {
        return Err(unsafe_to_find("every user can replace it"));
    }
    check_found(&statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)?)?;
    let file = File::from(openat(&dir, name, OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?);
    check_found(&fstat(&file)?)?;
    Ok(file)
}

fn check_found(about: &Stat) -> io::Result<()> {
    let owner = about.st_uid;
    if is_trusted(owner) {
        Ok(())
    } else {
        Err(unsafe_to_find(&format!("it or its directory belongs to user {owner}")))
    }
}

fn unsafe_to_find(why: &str) -> io::Error {
    let hint = "it was found above the working directory; name it with -f if you trust it";
    io::Error::new(ErrorKind::PermissionDenied, format!("{why}, and {hint}"))
}

/// Opens one directory after the other, each by `step`.
fn walk(path: &Path, step: &dyn Fn(&OwnedFd, &OsStr) -> io::Result<OwnedFd>) -> io::Result<OwnedFd> {
    let (start, rest) = match (path.is_absolute(), path.parent(), path.file_name()) {
        (true, Some(parent), Some(name)) => {
            // Links above are the system's, or the user has named them.
            match open_any(parent) {
                Err(error) if error.kind() == ErrorKind::NotFound => (walk(parent, step)?, Path::new(name)),
                opened => (opened?, Path::new(name)),
            }
        }
        (true, _, _) => (open_any(path)?, Path::new("")),
        (false, _, _) => (open_any(Path::new("."))?, path),
    };
    let mut dir = start;
    for component in rest.components() {
        match component {
            Component::Normal(name) => dir = step(&dir, name)?,
            Component::ParentDir => dir = openat(&dir, "..", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?,
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(dir)
}

fn open_any(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn open_dir_at(parent: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        // The system says the same of a link and of a file.
        Errno::NOTDIR if is_link(parent, name) => named(Errno::LOOP, name),
        error => named(error, name),
    })?;
    let about = fstat(&dir)?;
    check_owner(&about, name)?;
    if Mode::from_raw_mode(about.st_mode).contains(Mode::WOTH) {
        return Err(refused(name, "can be written to by every user: change its mode to 0700"));
    }
    Ok(dir)
}

fn check_owner(about: &Stat, name: &OsStr) -> io::Result<()> {
    if is_trusted(about.st_uid) {
        return Ok(());
    }
    let (owner, own) = (about.st_uid, geteuid().as_raw());
    Err(refused(
        name,
        &format!("belongs to user {owner}, and this is user {own}: remove it, or run stead as that user"),
    ))
}

fn is_link(parent: &OwnedFd, name: &OsStr) -> bool {
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|about| FileType::from_raw_mode(about.st_mode) == FileType::Symlink)
}

/// The error of an open that does not follow links.
fn named(error: Errno, name: &OsStr) -> io::Error {
    match error {
        // A link is the one or the other, depending on what it was opened as.
        Errno::LOOP | Errno::MLINK => refused(name, "is a symbolic link: name what it leads to, or remove it"),
        Errno::NOTDIR => refused(name, "is not a directory: remove it, or name another"),
        error => error.into(),
    }
}

fn refused(name: &OsStr, why: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, format!("{} {why}", name.display()))
}
