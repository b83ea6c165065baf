//! How the supervisor of a project is addressed: by the socket in its state directory, and on Linux by a name in the
//! kernel that no deletion of files takes away.
//!
//! The name is an abstract Unix socket, made of the device and inode of the directory and the project's key. The kernel
//! gives it to one process at a time and takes it back when that process ends, so it also excludes a second supervisor.
//! It knows no owner: any user can take any name. Both ends therefore check who is at the other end.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::socket::{self, is_unserved};
use crate::config::Project;
use crate::private::is_trusted;

/// The addresses of one project's supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    path: PathBuf,
    /// The name, with its leading zero byte; `None` where there are no names.
    name: Option<PathBuf>,
}

/// Why a supervisor can't be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// No process listens.
    #[error("no supervisor listens")]
    NoServer,
    /// A process of a user who is not trusted listens.
    #[error("{} is served by user {uid}, not by you; nothing was sent to it: remove it", path.display())]
    Foreign { path: PathBuf, uid: u32 },
    /// The socket can't be reached.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What came of reserving the name of a project.
#[derive(Debug)]
pub(crate) enum Reservation {
    /// It is reserved. Requests that come by it are accepted here.
    Ours(StdListener),
    /// A process of a trusted user has it: the supervisor of the same project.
    Taken { pid: i32 },
    /// A process of another user has it.
    Squatted { pid: i32, uid: u32 },
    /// There are no such names on this system, or this one can't be had.
    Unavailable,
}

impl Endpoint {
    /// The addresses of a project's supervisor, whose socket is at `path`. If the directory does not exist there is only
    /// the path.
    pub(crate) fn of(project: &Project, path: &Path) -> Self {
        let name = fs::metadata(&project.root).ok().and_then(|dir| name::of(dir.dev(), dir.ino(), project.key()));
        Self { path: path.to_owned(), name }
    }

    /// Connects to the supervisor, if it belongs to a trusted user.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub(crate) async fn connect(&self) -> Result<UnixStream, ConnectError> {
        match socket::connect(&self.path).await {
            Ok(stream) => return checked(stream, &self.path),
            Err(error) if is_unserved(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(name) = &self.name else { return Err(ConnectError::NoServer) };
        // If another user has taken the name, it does not lead to a supervisor.
        let by_name = UnixStream::connect(name).await.ok().and_then(|stream| checked(stream, name).ok());
        by_name.ok_or(ConnectError::NoServer)
    }

    /// Whether a process listens. Who that is, is checked by [`connect`](Self::connect).
    pub(crate) fn is_served(&self) -> bool {
        socket::connect_blocking(&self.path).is_ok() || self.name.as_deref().is_some_and(name::is_served)
    }

    /// Reserves the name for this process until it ends.
    pub(crate) fn reserve(&self) -> Reservation {
        self.name.as_deref().map_or(Reservation::Unavailable, name::reserve)
    }
}

/// `stream`, unless a user who is not trusted is at its other end.
fn checked(stream: UnixStream, path: &Path) -> Result<UnixStream, ConnectError> {
    match stream.peer_cred()?.uid() {
        uid if is_trusted(uid) => Ok(stream),
        uid => Err(ConnectError::Foreign { path: path.to_owned(), uid }),
    }
}

#[cfg(target_os = "linux")]
mod name {
    use std::ffi::OsString;
    use std::io::{self, ErrorKind};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::thread::sleep;
    use std::time::Duration;

    use rustix::net::sockopt::socket_peercred;

    use super::Reservation;
    use crate::private::is_trusted;
    use crate::stable_hash::fnv1a;

    /// How often a name is tried whose holder does not answer: it is starting, or ending.
    const TRIES: u32 = 50;
    /// The wait between two tries.
    const BETWEEN_TRIES: Duration = Duration::from_millis(10);

    /// The name for the directory with these numbers and the project with this key.
    pub(super) fn of(device: u64, inode: u64, key: &[u8]) -> Option<PathBuf> {
        let name = format!("\0stead/{device:x}/{inode:x}/{:x}", fnv1a(key));
        Some(OsString::from_vec(name.into_bytes()).into())
    }

    /// Whether a process of a trusted user listens.
    pub(super) fn is_served(name: &Path) -> bool {
        holder(name).is_ok_and(|(_, uid)| is_trusted(uid))
    }

    pub(super) fn reserve(name: &Path) -> Reservation {
        for _ in 0..TRIES {
            match bind(name) {
                Ok(listener) => return Reservation::Ours(listener),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot reserve the name of the project");
                    return Reservation::Unavailable;
                }
            }
            if let Ok((pid, uid)) = holder(name) {
                return if is_trusted(uid) { Reservation::Taken { pid } } else { Reservation::Squatted { pid, uid } };
            }
            sleep(BETWEEN_TRIES);
        }
        Reservation::Unavailable
    }

    fn bind(name: &Path) -> io::Result<UnixListener> {
        let listener = UnixListener::bind_addr(&address(name)?)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// The process that listens on the name, and its user.
    fn holder(name: &Path) -> io::Result<(i32, u32)> {
        let peer = socket_peercred(UnixStream::connect_addr(&address(name)?)?)?;
        Ok((peer.pid.as_raw_nonzero().get(), peer.uid.as_raw()))
    }

    fn address(name: &Path) -> io::Result<SocketAddr> {
        SocketAddr::from_abstract_name(&name.as_os_str().as_bytes()[1..])
    }
}

#[cfg(not(target_os = "linux"))]
mod name {
    use std::path::{Path, PathBuf};

    use super::Reservation;

    pub(super) fn of(_device: u64, _inode: u64, _key: &[u8]) -> Option<PathBuf> {
        None
    }

    pub(super) fn is_served(_name: &Path) -> bool {
        false
    }

    pub(super) fn reserve(_name: &Path) -> Reservation {
        Reservation::Unavailable
    }
}
