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

/// What comes before it: it must not begin, nor be typed into, until the terminal is its own.
const WAIT_FOR_TERMINAL: &str = "kill -STOP $$\n";

/// An editor that has the terminal.
#[derive(Debug)]
pub(super) struct Editor {
    group: Pid,
}

impl Editor {
    /// Starts it with this file, and gives it the terminal, which must be as the shell left it. It stands still until
    /// it is waited for.
    ///
    /// # Errors
    ///
    /// It can't be started, or the terminal can't be given away.
    pub(super) fn start(file: &Path) -> io::Result<Self> {
        let chosen = VARIABLES.iter().filter_map(env::var_os).find(|value| !value.is_empty());
        let mut script = OsString::from(WAIT_FOR_TERMINAL);
        match chosen {
            Some(editor) => {
                script.push(editor);
                script.push(" \"$1\"");
            }
            None => script.push(FALLBACK),
        }
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").arg(file).process_group(0);
        let editor = Self { group: Pid::from_child(&command.spawn()?) };
        if let Err(error) = give_terminal_to(editor.group) {
            Self::end(editor.group);
            return Err(error);
        }
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

    /// Ends it: the terminal is needed.
    pub(super) fn end(group: Pid) {
        let _ = kill_process_group(group, ToSend::HUP);
        let _ = kill_process_group(group, ToSend::CONT);
    }

    /// The process group.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

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
