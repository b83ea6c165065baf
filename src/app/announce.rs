//! A supervisor in the background reports to the command that started it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::kernel::KernelHandle;
use crate::supervisor::engine::{PhaseSnapshot, Snapshot};

/// The line that the process in the background writes when it answers requests.
pub(crate) const UP: &str = "up";
/// The surface that answers them.
const CONTROL: &str = "control";

/// Once the supervisor can be asked, tells whoever waits for that, and lets go of the outputs it was started with:
/// nothing goes to the first any more, and the second goes to `log`.
pub(super) async fn announce(kernel: KernelHandle, log: PathBuf) {
    let answers = |snapshot: &Arc<Snapshot>| {
        snapshot.task(CONTROL).is_some_and(|task| matches!(task.phase, PhaseSnapshot::Ready { .. }))
    };
    if kernel.watch().wait_for(answers).await.is_err() {
        return;
    }
    if let Err(error) = let_go(&log) {
        tracing::warn!(%error, "the outputs are still those of whoever started this");
    }
}

fn let_go(log: &Path) -> io::Result<()> {
    // Whoever waited may have gone away.
    let _ = writeln!(io::stdout(), "{UP}");
    dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    dup2_stderr(File::options().append(true).create(true).open(log)?)?;
    Ok(())
}
