//! Notices that no one reads an output any more, such as a pipe to `head`.

use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::sys::watch_reader;

/// The reader of an output.
pub(crate) struct OutputReader(Option<AsyncFd<OwnedFd>>);

impl OutputReader {
    /// The reader at the other end of `output`. Only within a runtime.
    pub(crate) fn of(output: &impl AsFd) -> Self {
        Self(watch_reader(output).ok())
    }

    /// Waits until the other end is closed. Never returns for an output that has none, such as a regular file.
    pub(crate) async fn has_gone(&self) {
        if let Some(reader) = &self.0
            && let Ok(mut ready) = reader.ready(Interest::ERROR).await
            && ready.ready().is_error()
        {
            ready.retain_ready();
            return;
        }
        std::future::pending().await
    }
}
