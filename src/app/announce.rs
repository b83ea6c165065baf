//! Reports from a supervisor in the background to the command that started it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::config::builtin;
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{PhaseSnapshot, Snapshot};

/// The line that the background process writes once it answers requests.
pub(crate) const UP: &str = "up";

/// Writes [`UP`] to standard output once the control socket answers, then redirects standard output to `/dev/null` and
/// standard error to `log`.
pub(super) async fn announce(kernel: KernelHandle, log: PathBuf) {
    let answers = |snapshot: &Arc<Snapshot>| {
        snapshot.task(builtin::CONTROL).is_some_and(|task| matches!(task.phase, PhaseSnapshot::Ready { .. }))
    };
    if kernel.watch().wait_for(answers).await.is_err() {
        return;
    }
    if let Err(error) = redirect_outputs(&log) {
        tracing::warn!(%error, "cannot redirect the outputs, they are still those of `stead up -d`");
    }
}

fn redirect_outputs(log: &Path) -> io::Result<()> {
    // `stead up -d` may have ended already.
    let _ = writeln!(io::stdout(), "{UP}");
    dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    dup2_stderr(File::options().append(true).create(true).open(log)?)?;
    Ok(())
}
