//! Lends the terminal to an editor.
//!
//! The editor has a process group of its own and the terminal's foreground, so that what is typed there, ctrl-c
//! above all, never reaches this process.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use rustix::process::{Pid, Signal as ToSend, WaitId, WaitIdOptions, getpgrp, kill_process_group, waitid};
use rustix::termios::tcsetpgrp;

/// What is asked for an editor, in this order.
const VARIABLES: [&str; 2] = ["VISUAL", "EDITOR"];
/// What is tried without one: the first that is there.
const FALLBACK: &str = "less -R -- \"$1\" 2>/dev/null || vi -- \"$1\"";

/// An editor that has the terminal.
#[derive(Debug)]
pub(super) struct Editor {
    group: Pid,
}

impl Editor {
    /// Starts it with this file, and gives it the terminal. The terminal must be as the shell left it.
    ///
    /// # Errors
    ///
    /// It can't be started, or the terminal can't be given away.
    pub(super) fn start(file: &Path) -> io::Result<Self> {
        let chosen = VARIABLES.iter().filter_map(env::var_os).find(|value| !value.is_empty());
        let with_file = |mut editor: OsString| {
            editor.push(" \"$1\"");
            editor
        };
        let script = chosen.map_or_else(|| FALLBACK.into(), with_file);
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").arg(file).process_group(0);
        let editor = Self { group: Pid::from_child(&command.spawn()?) };
        if let Err(error) = give_terminal_to(editor.group) {
            Self::end(editor.group);
            return Err(error);
        }
        editor.resume();
        Ok(editor)
    }

    /// Waits for its end, then takes the terminal back. Blocks. There is no shell to stop it from: an editor that
    /// stops goes on at once.
    pub(super) fn wait(&self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED;
        while let Ok(Some(status)) = waitid(WaitId::Pid(self.group), options) {
            if !status.stopped() {
                break;
            }
            self.resume();
        }
        if let Err(error) = give_terminal_to(getpgrp()) {
            tracing::warn!(%error, "the terminal can't be taken back");
        }
    }

    /// Ends it: somebody else needs the terminal.
    pub(super) fn end(group: Pid) {
        let _ = kill_process_group(group, ToSend::HUP);
        let _ = kill_process_group(group, ToSend::CONT);
    }

    /// The process group.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// It may have asked for the terminal before it had it, and been stopped for that.
    fn resume(&self) {
        let _ = kill_process_group(self.group, ToSend::CONT);
    }
}

/// Makes a group the terminal's foreground. Without the block a group in the background would be stopped for this.
fn give_terminal_to(group: Pid) -> io::Result<()> {
    let mut output = SigSet::empty();
    output.add(Signal::SIGTTOU);
    let before = output.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let given = tcsetpgrp(rustix::stdio::stdin(), group);
    before.thread_set_mask()?;
    Ok(given?)
}
