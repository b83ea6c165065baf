//! The supervisor's end of a run's terminal, beside the capture: feeds the screen, passes on input, sets the size.

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
    /// Duplicates the supervisor's end of a terminal and sets its size to that of the screen.
    ///
    /// # Errors
    ///
    /// Out of descriptors, or the runtime can't watch it.
    pub(super) fn new(ours: &OwnedFd, screen: TaskScreen) -> io::Result<Self> {
        let fd = ours.try_clone()?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        screen.begin();
        let pty = Self { fd: sys::watch_writable(fd)?, screen };
        set_size(&pty.fd, pty.screen.size())?;
        Ok(pty)
    }

    /// Serves the screen until the run is over and all that was captured is shown.
    pub(super) async fn serve(self) {
        let mut size = self.screen.size();
        loop {
            let wanted = self.screen.size();
            if wanted != size {
                size = wanted;
                // Fails if no process has the terminal open any more.
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

/// Sets the size of a terminal. Its programs are notified by SIGWINCH.
///
/// # Errors
///
/// It is not a terminal, or no process has it open any more.
pub(super) fn set_size(terminal: impl AsFd, size: ScreenSize) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(terminal, size)?)
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.screen.end();
    }
}
