//! Our end of a run's terminal, beside the capture: shows what was captured, passes on what is typed, sets the size.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;

use super::sys;
use crate::screen::{ScreenSize, TaskScreen};

/// The terminal of one run.
#[derive(Debug)]
pub(super) struct Pty {
    fd: AsyncFd<OwnedFd>,
    screen: TaskScreen,
}

impl Pty {
    /// Takes a second hold of the terminal that `ours` is our end of, and makes it as large as its screen.
    ///
    /// # Errors
    ///
    /// Out of descriptors, or the runtime can't wait for it.
    pub(super) fn new(ours: &OwnedFd, screen: TaskScreen) -> io::Result<Self> {
        let fd = ours.try_clone()?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        screen.begin();
        let pty = Self { fd: sys::watch_writable(fd)?, screen };
        set_size(&pty.fd, pty.screen.size())?;
        Ok(pty)
    }

    /// Serves the screen until the run is over and all that was captured of it is shown.
    pub(super) async fn serve(self) {
        let mut size = self.screen.size();
        loop {
            let wanted = self.screen.size();
            if wanted != size {
                size = wanted;
                // A terminal that nobody has open any more has no size.
                let _ = set_size(&self.fd, size);
            }
            if self.screen.show_some() {
                yield_now().await;
                continue;
            }
            if !self.screen.is_live() {
                return;
            }
            tokio::select! {
                () = self.screen.stirred() => {}
                () = self.pass_input(), if self.screen.has_input() => {}
            }
        }
    }

    async fn pass_input(&self) {
        let write = |fd: &OwnedFd| self.screen.pass_input(|bytes| Ok(rustix::io::write(fd, bytes)?));
        let passed = self.fd.async_io(Interest::WRITABLE, write).await;
        if passed.is_err() {
            self.screen.drop_input();
        }
    }
}

/// Tells the programs in the terminal, too (SIGWINCH).
///
/// # Errors
///
/// It is no terminal, or one that nobody has open any more.
pub(super) fn set_size(terminal: impl AsFd, size: ScreenSize) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal, size)?)
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.screen.end();
    }
}
