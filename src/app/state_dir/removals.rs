//! Tells when files in some directories were removed or renamed, without polling.

#[cfg(target_os = "linux")]
pub(super) use inotify::InotifyRemovals as Removals;
#[cfg(not(target_os = "linux"))]
pub(super) use watcher::NotifyRemovals as Removals;

#[cfg(target_os = "linux")]
mod inotify {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
    use rustix::io::Errno;

    /// Bytes of events that are read at a time.
    const EVENT_BYTES: usize = 4_096;

    /// InotifyRemovals that were noticed.
    pub(in super::super) struct InotifyRemovals(OwnedFd);

    impl InotifyRemovals {
        pub(in super::super) fn new() -> io::Result<Self> {
            Ok(Self(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?))
        }

        /// Watches a directory, if it exists. Watching it twice changes nothing.
        pub(in super::super) fn watch(&self, dir: &Path) -> io::Result<()> {
            let removals =
                WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
            match inotify::add_watch(&self.0, dir, removals | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW) {
                Ok(_) | Err(Errno::NOENT) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }

        /// Waits for a removal, for `limit` at most if it is given. Returns whether there was one.
        pub(in super::super) fn wait(&self, limit: Option<Duration>) -> io::Result<bool> {
            let limit = limit.map(|limit| limit.try_into().unwrap_or_default());
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
            let mut events = Reader::new(&self.0, &mut buffer);
            loop {
                match events.next() {
                    Ok(_) => {}
                    Err(Errno::WOULDBLOCK) => return Ok(true),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod watcher {
    use std::io;
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
    use std::time::Duration;

    use notify::{RecommendedWatcher, RecursiveMode, Watcher};

    /// NotifyRemovals that were noticed.
    pub(in super::super) struct NotifyRemovals {
        watcher: Mutex<RecommendedWatcher>,
        removed: Receiver<()>,
    }

    impl NotifyRemovals {
        pub(in super::super) fn new() -> io::Result<Self> {
            let (sender, removed) = channel();
            let pass_on = move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| event.kind.is_remove() || event.kind.is_modify()) {
                    // The receiver lives as long as the watcher.
                    let _ = sender.send(());
                }
            };
            let watcher = notify::recommended_watcher(pass_on).map_err(io::Error::other)?;
            Ok(Self { watcher: Mutex::new(watcher), removed })
        }

        pub(in super::super) fn watch(&self, dir: &Path) -> io::Result<()> {
            let mut watcher = self.watcher.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if dir.is_dir() {
                watcher.watch(dir, RecursiveMode::NonRecursive).map_err(io::Error::other)
            } else {
                Ok(())
            }
        }

        pub(in super::super) fn wait(&self, limit: Option<Duration>) -> io::Result<bool> {
            match limit {
                Some(limit) => match self.removed.recv_timeout(limit) {
                    Ok(()) => Ok(true),
                    Err(RecvTimeoutError::Timeout) => Ok(false),
                    Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
                },
                None => self.removed.recv().map(|()| true).map_err(io::Error::other),
            }
        }
    }
}
