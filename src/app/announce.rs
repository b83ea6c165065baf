//! Reports from a supervisor in the background to the command that started it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use rustix::stdio::dup2_stdout;

use super::diagnostics::DiagnosticsFile;
use crate::config::builtin;
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{Origin, PhaseSnapshot, Request, Snapshot};

/// The line that the background process writes once it answers requests.
pub(crate) const UP: &str = "up";

/// Writes [`UP`] to standard output once the control socket answers, then redirects standard output to `/dev/null` and
/// standard error to the diagnostics. If the socket fails for good before, no one could reach this supervisor: it ends.
pub(super) async fn announce(kernel: KernelHandle, diagnostics: DiagnosticsFile) {
    let mut snapshots = kernel.watch();
    let control = |snapshot: &Arc<Snapshot>| snapshot.task(builtin::CONTROL).map(|task| task.phase.clone());
    let is_decided = |snapshot: &Arc<Snapshot>| {
        matches!(control(snapshot), Some(PhaseSnapshot::Ready { .. } | PhaseSnapshot::Failed { .. }))
    };
    let Ok(decided) = snapshots.wait_for(is_decided).await.map(|snapshot| control(&snapshot)) else { return };
    if let Some(PhaseSnapshot::Failed { reason, .. }) = decided {
        // `stead up -d` may have ended already.
        let _ = writeln!(io::stderr(), "stead: this supervisor could not be reached by any command: {reason}");
        // If it ends anyway, that is as well.
        let _ = kernel.request(Request::ShutDown, Origin("stead up -d".to_owned())).await;
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
