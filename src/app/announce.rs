//! Reports from a supervisor in the background to the command that started it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use rustix::stdio::dup2_stdout;

use super::diagnostics::DiagnosticsFile;
use crate::config::builtin;
use crate::kernel::KernelHandle;
use crate::supervisor::engine::{Origin, PhaseSnapshot, Request, Snapshot, TaskState};

/// The line that the background process writes once it answers requests.
pub(crate) const UP: &str = "up";

/// Writes [`UP`] to standard output once the control socket answers, then redirects standard output to `/dev/null` and
/// standard error to the diagnostics. If the socket fails for good before, no one could reach this supervisor: it ends.
pub(super) async fn announce(kernel: KernelHandle, diagnostics: DiagnosticsFile) {
    let mut snapshots = kernel.watch();
    let is_decided = |snapshot: &Arc<Snapshot>| {
        let control = snapshot.task(builtin::CONTROL);
        control.is_some_and(|task| task.counts_as_ready() || task.state() == TaskState::Failed)
    };
    let Ok(decided) = snapshots.wait_for(is_decided).await.map(|snapshot| Arc::clone(&snapshot)) else { return };
    let control = decided.task(builtin::CONTROL).map(|task| &task.phase);
    if let Some(PhaseSnapshot::Failed { reason, .. }) = control {
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
