//! Reports from a supervisor in the background to the command that started it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use rustix::stdio::dup2_stdout;

use super::diagnostics::DiagnosticsFile;
use crate::config::builtin;
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{PhaseSnapshot, Snapshot};

/// The line that the background process writes once it answers requests.
pub(crate) const UP: &str = "up";

/// Writes [`UP`] to standard output once the control socket answers, then redirects standard output to `/dev/null` and
/// standard error to the diagnostics.
pub(super) async fn announce(kernel: KernelHandle, diagnostics: DiagnosticsFile) {
    let answers = |snapshot: &Arc<Snapshot>| {
        snapshot.task(builtin::CONTROL).is_some_and(|task| matches!(task.phase, PhaseSnapshot::Ready { .. }))
    };
    if kernel.watch().wait_for(answers).await.is_err() {
        return;
    }
    if let Err(error) = redirect_outputs(&diagnostics) {
        tracing::warn!(%error, "cannot redirect the outputs, they are still those of `stead up -d`");
    }
}

fn redirect_outputs(diagnostics: &DiagnosticsFile) -> io::Result<()> {
    // `stead up -d` may have ended already.
    let _ = writeln!(io::stdout(), "{UP}");
    dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    diagnostics.take_stderr()
}
