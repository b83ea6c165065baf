//! The last lines that a supervisor writes: what had to be killed, what is left, and how it ended.

use std::io::{self, Write};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::config::builtin::BUILTIN_NAMESPACE;
use crate::duration::Pretty;
use crate::supervisor::ShutdownOutcome;
use crate::supervisor::engine::{Killed, Straggler};

/// How long they may take to reach the terminal.
const WRITE_TIME: Duration = Duration::from_millis(500);

/// Words them; the last line is how it ended.
pub(super) fn last_words(outcome: &ShutdownOutcome) -> String {
    let mut text = String::new();
    // After a forced end only tasks are named: stead's own parts were given no time either.
    let is_told = |killed: &&Killed| !(outcome.forced && killed.name.starts_with(BUILTIN_NAMESPACE));
    for killed in outcome.killed.iter().filter(is_told) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::engine::{Origin, ShutdownCause};

    #[test]
    fn a_forced_end_does_not_blame_steads_own_parts() {
        let killed = |name: &str| Killed { name: name.to_owned(), held: Duration::from_secs(1), left: Vec::new() };
        let cause = ShutdownCause::Graceful { origin: Origin("SIGINT".to_owned()) };
        let took = Duration::from_secs(2);
        let killed = vec![killed("api"), killed("stead.hooks")];
        let outcome = ShutdownOutcome { cause, forced: true, took, killed, abandoned: Vec::new() };
        let api = "stead: api did not stop and was killed after 1s\n";
        assert_eq!(last_words(&outcome), format!("{api}stead: forced, asked by SIGINT, killed after 2s\n"));
        let hooks = "stead: stead.hooks did not stop and was killed after 1s\n";
        let graceful = last_words(&ShutdownOutcome { forced: false, ..outcome });
        assert!(graceful.starts_with(&format!("{api}{hooks}")), "{graceful}");
    }
}
