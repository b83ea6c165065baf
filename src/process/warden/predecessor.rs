//! The warden of a supervisor that was killed: it is still ending the tasks of the same project, or it hangs. Nothing may
//! be started before it is gone.
//!
//! It is found in `/proc` by its arguments, so this does not depend on any file of the project.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::{KILLED_MAY_TAKE, POLL_INTERVAL, WARDEN_ARGUMENT};
use crate::process::proc::{self, Process};

/// How long a warden may take to end its tasks, before it and all of them are killed.
const ENDING_MAY_TAKE: Duration = Duration::from_secs(10);

/// Returns the arguments of a project's warden.
pub(super) fn arguments(project: &str) -> [String; 3] {
    [WARDEN_ARGUMENT.to_owned(), std::process::id().to_string(), project.to_owned()]
}

/// Waits until no warden of a dead supervisor of this project is left. Blocks.
pub(super) fn await_end(project: &str) {
    await_end_within(project, ENDING_MAY_TAKE);
}

fn await_end_within(project: &str, patience: Duration) {
    let wardens: Vec<Process> = proc::all().filter(|process| is_orphaned_warden(process, project)).collect();
    for warden in &wardens {
        // One that was stopped does not know yet that its supervisor is dead.
        let _ = warden.signal(Signal::SIGCONT);
    }
    if have_ended(&wardens, patience) {
        return;
    }
    for warden in &wardens {
        eprintln!("stead: the warden of a dead supervisor (pid {}) does not end, and is killed", warden.pid);
        // Its descendants first: without it they have no parent here.
        let below = || proc::family(proc::children(warden.pid, warden.stat.threads));
        kill_all(below);
        let _ = warden.signal(Signal::SIGKILL);
    }
    have_ended(&wardens, KILLED_MAY_TAKE);
}

fn is_orphaned_warden(process: &Process, project: &str) -> bool {
    if process.user() != Some(geteuid().as_raw()) {
        return false;
    }
    let arguments = proc::arguments(process.pid);
    let [_, argument, supervisor, of] = arguments.as_slice() else { return false };
    argument == WARDEN_ARGUMENT && of == project && supervisor.parse() != Ok(process.stat.parent)
}

/// Kills what `list` finds until it finds nothing, within a bound: the dying may still fork.
fn kill_all(list: impl Fn() -> Vec<Process>) {
    let deadline = Instant::now() + KILLED_MAY_TAKE;
    loop {
        let left = list();
        if left.is_empty() || Instant::now() > deadline {
            return;
        }
        for process in left {
            let _ = process.signal(Signal::SIGKILL);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Waits for the end of these processes. Returns false if they take too long.
fn have_ended(processes: &[Process], patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while processes.iter().any(Process::is_alive) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::process::proc::Stat;

    /// Runs a script under the arguments of a warden of `project`, whose supervisor is process 1.
    fn fake(dir: &std::path::Path, project: &str, script: &str) -> Child {
        std::fs::write(dir.join(WARDEN_ARGUMENT), script).expect("a file");
        Command::new("sh").args([WARDEN_ARGUMENT, "1", project]).current_dir(dir).spawn().expect("a shell")
    }

    fn until(holds: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_that_does_not_end_is_killed_with_all_below_it_and_no_other_is_touched() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let script = "sh -c 'sh -c \"echo \\$\\$ > new; mv new pid; sleep 600\" & wait' & wait";
        let mut mine = fake(dirs[0].path(), "8:15:mine", script);
        let mut other = fake(dirs[1].path(), "8:15:other", "exec sleep 600");
        until(|| dirs[0].path().join("pid").exists());
        await_end_within("8:15:mine", Duration::from_millis(100));
        mine.wait().unwrap();
        let grandchild = std::fs::read_to_string(dirs[0].path().join("pid")).unwrap().trim().parse().unwrap();
        until(|| !Stat::read(grandchild).is_some_and(|stat| stat.is_alive()));
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn one_that_was_stopped_goes_on_and_ends_by_itself() {
        let dir = tempfile::tempdir().unwrap();
        let mut warden = fake(dir.path(), "8:15:stopped", "kill -STOP $$; exit 7");
        let pid = warden.id();
        until(|| Stat::read(pid).is_some_and(|stat| stat.is_stopped()));
        await_end_within("8:15:stopped", Duration::from_secs(30));
        assert_eq!(warden.wait().unwrap().code(), Some(7));
    }
}
