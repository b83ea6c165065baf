//! The socket file: made private, found again, cleared away.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Bytes of a path that fit into a socket's address everywhere: macOS has room for 104, Linux for 108, each with the
/// zero at the end.
const PATH_MOST: usize = 103;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;

/// The file, which is removed when this is dropped, if it is still the one that was made.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    made: (u64, u64),
}

impl SocketFile {
    /// Whether the file is still there, and the one that was made.
    pub(super) fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|about| identity(&about) == self.made)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "cannot remove the control socket");
        }
    }
}

/// Listens at `path`. What a supervisor that is gone has left there is replaced; anything but a socket is not.
pub(super) fn listen(path: &Path) -> anyhow::Result<(UnixListener, SocketFile)> {
    clear(path)?;
    let cannot = || format!("cannot listen on {}", path.display());
    let address = Address::of(path).with_context(cannot)?;
    let socket = UnixSocket::new_stream().with_context(cannot)?;
    socket.bind(&address.path).with_context(cannot)?;
    let made = identity(&fs::symlink_metadata(path).with_context(cannot)?);
    let file = SocketFile { path: path.to_owned(), made };
    // No client can connect before it listens, so no umask leaves a moment in which others could.
    fs::set_permissions(path, Permissions::from_mode(0o600)).with_context(cannot)?;
    let listener = socket.listen(BACKLOG).with_context(cannot)?;
    Ok((listener, file))
}

/// Connects to the supervisor that listens at `path`.
///
/// # Errors
///
/// Nothing listens there, or the file is not for this user.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(&Address::of(path)?.path).await
}

/// The same, without a runtime.
pub(super) fn connect_blocking(path: &Path) -> io::Result<StdStream> {
    StdStream::connect(&Address::of(path)?.path)
}

/// Whether no process listens on a socket, judged by the error of connecting to it.
pub(super) fn is_unserved(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::ConnectionRefused)
}

fn clear(path: &Path) -> anyhow::Result<()> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    if !about.file_type().is_socket() {
        let what = if about.is_symlink() { "a symbolic link" } else { "not a socket" };
        bail!("{} is {what}: remove it, the control socket belongs there", path.display());
    }
    fs::remove_file(path).with_context(|| format!("cannot remove the old {}", path.display()))
}

fn identity(about: &fs::Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// A path that fits into a socket's address. Where the real one doesn't, it goes through the open directory.
struct Address {
    path: PathBuf,
    _dir: Option<File>,
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= PATH_MOST {
            return Ok(Self { path: path.to_owned(), _dir: None });
        }
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(ErrorKind::InvalidFilename.into());
        };
        let dir = File::open(dir)?;
        let through = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
        if !through.exists() {
            let most = format!("a socket's path has {PATH_MOST} bytes at most on this system");
            return Err(io::Error::new(ErrorKind::InvalidFilename, most));
        }
        Ok(Self { path: through.join(name), _dir: Some(dir) })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn a_long_path_is_reached_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120)).join("e".repeat(120));
        fs::create_dir_all(&deep).unwrap();
        let path = deep.join("control.sock");
        let (listener, file) = listen(&path).unwrap();
        let (connected, accepted) = tokio::join!(connect(&path), listener.accept());
        connected.unwrap();
        accepted.unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_is_left_over_is_replaced_and_anything_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert_eq!(connect(&path).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        drop(listen(&path).unwrap());

        fs::write(&path, "mine").unwrap();
        assert!(listen(&path).unwrap_err().to_string().contains("is not a socket"));
        fs::remove_file(&path).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        symlink(&elsewhere, &path).unwrap();
        assert!(listen(&path).unwrap_err().to_string().contains("is a symbolic link"));
        assert!(!elsewhere.exists() && fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    #[tokio::test]
    async fn only_the_own_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let (_listener, first) = listen(&path).unwrap();
        let (_other, second) = listen(&path).unwrap();
        drop(first);
        assert!(path.exists(), "the second one's stays");
        drop(second);
        assert!(!path.exists());
    }
}
