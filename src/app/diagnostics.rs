//! stead's own diagnostics: tracing events, in a file below `.stead/`.

use anyhow::Context;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::state_dir::StateDir;

/// Sets the level, as a filter of tracing. `info` by default.
const LOG_LEVEL: &str = "STEAD_LOG";
/// The file below `.stead/`.
pub(super) const LOG_FILE: &str = "stead.log";
/// Lines that may wait for the disk; more are dropped.
const LOG_LINES_QUEUED: usize = 4_096;

/// Writes tracing's events to the file, on a thread of its own that ends when the result is dropped.
pub(super) fn write_diagnostics(state: &StateDir) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder()
        .with_env_var(LOG_LEVEL)
        .try_from_env()
        .or_else(|error| if std::env::var_os(LOG_LEVEL).is_none() { Ok(EnvFilter::new("info")) } else { Err(error) });
    let filter =
        filter.with_context(|| format!("{LOG_LEVEL} is not a filter; write it like \"info\" or \"stead=debug\""))?;
    let file = tracing_appender::rolling::never(state.path(), LOG_FILE);
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LOG_LINES_QUEUED).finish(file);
    // Only a second call in one process could fail, and it would keep the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    Ok(guard)
}
