//! stead's own diagnostics: tracing events, in a file below `.stead/`.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use rustix::stdio::dup2_stderr;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Sets the level, as a filter of tracing. `info` by default.
const LOG_LEVEL: &str = "STEAD_LOG";
/// Lines that may wait for the disk; more are dropped.
const LOG_LINES_QUEUED: usize = 4_096;

/// Writes tracing's events to the file, on a thread of its own that ends when the result is dropped.
pub(super) fn write_diagnostics(file: DiagnosticsFile) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder()
        .with_env_var(LOG_LEVEL)
        .try_from_env()
        .or_else(|error| if std::env::var_os(LOG_LEVEL).is_none() { Ok(EnvFilter::new("info")) } else { Err(error) });
    let filter =
        filter.with_context(|| format!("{LOG_LEVEL} is not a filter; write it like \"info\" or \"stead=debug\""))?;
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_QUEUED).finish(file);
    // Only a second call in one process could fail, and it would keep the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    Ok(guard)
}

/// The file. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(in crate::app) struct DiagnosticsFile(Arc<Mutex<OpenDiagnostics>>);

#[derive(Debug)]
struct OpenDiagnostics {
    file: File,
    is_stderr: bool,
}

impl DiagnosticsFile {
    pub(in crate::app) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(OpenDiagnostics { file, is_stderr: false })))
    }

    /// Redirects standard error to the file.
    ///
    /// # Errors
    ///
    /// The descriptor can't be duplicated.
    pub(in crate::app) fn take_stderr(&self) -> io::Result<()> {
        let mut current = self.current();
        current.is_stderr = true;
        Ok(dup2_stderr(&current.file)?)
    }

    /// Goes on in another file: the one before was removed.
    pub(in crate::app) fn replace(&self, file: File) {
        let mut current = self.current();
        current.file = file;
        if current.is_stderr
            && let Err(error) = dup2_stderr(&current.file)
        {
            tracing::warn!(%error, "standard error still goes to a file that was removed");
        }
    }

    /// Whether `is_it` holds for the file.
    pub(in crate::app) fn matches(&self, is_it: impl FnOnce(&File) -> bool) -> bool {
        is_it(&self.current().file)
    }

    fn current(&self) -> MutexGuard<'_, OpenDiagnostics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for DiagnosticsFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.current().file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.current().file.flush()
    }
}
