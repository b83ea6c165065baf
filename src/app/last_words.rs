//! The last lines that a supervisor writes: what had to be killed, what is left, and how it ended.

use std::io::{self, Write};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::duration::Pretty;
use crate::supervisor::ShutdownOutcome;
use crate::supervisor::engine::Straggler;

/// How long they may take to reach the terminal.
const WRITE_TIME: Duration = Duration::from_millis(500);

/// Words them; the last line is how it ended.
pub(super) fn last_words(outcome: &ShutdownOutcome) -> String {
    let mut text = String::new();
    for killed in &outcome.killed {
        let left = match killed.left.as_slice() {
            [] => String::new(),
            left => format!(" (left: {})", Straggler::list(left)),
        };
        text += &format!("stead: {} did not stop and was killed after {}{left}\n", killed.name, Pretty(killed.held));
    }
    for name in &outcome.abandoned {
        text += &format!("stead: {name} was still there when time was up\n");
    }
    text + &format!("stead: {outcome}\n")
}

/// Writes them to standard error. A terminal that is gone loses them, and one that is stalled does not delay the end.
pub(super) fn write_last_words(text: String) {
    let (written, done) = channel();
    let writing = thread::Builder::new().spawn({
        let text = text.clone();
        move || {
            let _ = io::stderr().write_all(text.as_bytes());
            let _ = written.send(());
        }
    });
    match writing {
        Ok(_) => drop(done.recv_timeout(WRITE_TIME)),
        // No thread is left, which is no reason to lose them.
        Err(_) => drop(io::stderr().write_all(text.as_bytes())),
    }
}
