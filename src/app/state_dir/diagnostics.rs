//! The file that stead's own diagnostics go to, and in the background its standard error.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::stdio::dup2_stderr;

/// The file. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Diagnostics(Arc<Mutex<DiagnosticsFile>>);

#[derive(Debug)]
struct DiagnosticsFile {
    file: File,
    is_stderr: bool,
}

impl Diagnostics {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(DiagnosticsFile { file, is_stderr: false })))
    }

    /// Redirects standard error to the file.
    ///
    /// # Errors
    ///
    /// The descriptor can't be duplicated.
    pub(crate) fn take_stderr(&self) -> io::Result<()> {
        let mut current = self.current();
        current.is_stderr = true;
        Ok(dup2_stderr(&current.file)?)
    }

    /// Goes on in another file: the one before was removed.
    pub(super) fn replace(&self, file: File) {
        let mut current = self.current();
        current.file = file;
        if current.is_stderr
            && let Err(error) = dup2_stderr(&current.file)
        {
            tracing::warn!(%error, "standard error still goes to a file that was removed");
        }
    }

    /// Whether `is_it` holds for the file.
    pub(super) fn matches(&self, is_it: impl FnOnce(&File) -> bool) -> bool {
        is_it(&self.current().file)
    }

    fn current(&self) -> MutexGuard<'_, DiagnosticsFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Diagnostics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.current().file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.current().file.flush()
    }
}
