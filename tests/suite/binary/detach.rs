//! `stead up -d`: a supervisor in the background.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};

use super::Project;

const API: &str = "[tasks.api]\ncommand = 'exec sleep 1000'\n";

/// A project whose supervisor, if one is left, is killed when a test ends.
pub(super) struct Background(pub(super) Project);

impl Background {
    pub(super) fn new(config: &str) -> Self {
        Self(Project::new(config))
    }

    /// The pid of the supervisor that runs or ran last.
    pub(super) fn pid(&self) -> Option<Pid> {
        let pid = fs::read_to_string(self.0.path().join(".stead/lock")).ok()?;
        Some(Pid::from_raw(pid.trim().parse().ok()?))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.0.client(&["status"]).code == Some(0)
            && let Some(pid) = self.pid()
        {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

#[test]
fn it_runs_on_in_a_session_of_its_own_and_down_ends_it() {
    let background = Background::new(API);
    let project = &background.0;
    let told = project.client(&["up", "-d", "--wait"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{told:?}");
    let pid = background.pid().expect("a pid");
    assert!(told.out.starts_with(&format!("stead runs in the background, pid {pid}\n")), "{told:?}");
    assert!(told.out.ends_with("api: running\n"), "{told:?}");
    assert_eq!(getsid(Some(pid)), Ok(pid));
    assert_eq!(project.client(&["status"]).code, Some(0));
    let again = project.client(&["up", "-d"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains(&format!("a supervisor (pid {pid}) already runs in")), "{again:?}");
    let down = project.client(&["down"]);
    assert!(down.out.starts_with("stead: graceful, asked by control"), "{down:?}");
    // Its lock is free a moment before it is gone.
    #[cfg(target_os = "linux")]
    super::terminal::wait_for_end(pid);
    let diagnostics = fs::read_to_string(project.path().join(".stead/stead.log")).expect("a log");
    assert!(diagnostics.contains(&down.out), "its last words are kept: {diagnostics}");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_started() {
    let background = Background::new("[tasks.api]\ncomand = 'x'\n");
    let told = background.0.client(&["up", "-d"]);
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    assert!(told.err.contains("did you mean `command`?"), "{told:?}");
    assert!(told.err.ends_with("nothing was started\n"), "{told:?}");
    assert!(!background.0.path().join(".stead").exists());
    assert_eq!(background.0.client(&["up", "--wait"]).code, Some(2), "there is nothing to wait for");
    assert_eq!(background.0.client(&["up", "-d", "--plain"]).code, Some(2));
}

#[test]
fn what_never_gets_ready_is_said_and_goes_on_running() {
    let background = Background::new(&format!("{API}ready.tcp = '127.0.0.1:1'\n"));
    let told = background.0.client(&["up", "-d", "--wait", "--timeout", "3s"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.starts_with("stead: not ready within 3s: api is "), "{told:?}");
    assert_eq!(background.0.client(&["status"]).code, Some(0));
}

/// Ends with the given code once there is a file `go`.
fn once_asked(code: u8) -> String {
    format!("command = 'while ! test -e go; do sleep 0.02; done; echo ERROR no table; exit {code}'\n")
}

#[test]
fn what_is_to_end_is_waited_for_until_it_has() {
    let once = |code| format!("[tasks.once]\nrestart = 'never'\n{}", once_asked(code));
    let needed = |code| {
        let migrate = format!("[tasks.migrate]\nmax_retries = 0\n{}", once_asked(code));
        format!("{migrate}{API}after.migrate = 'success'\n[tasks.nightly]\ncommand = 'true'\nschedule = '0 0 1 1 *'\n")
    };
    for (name, config) in [("once", once as fn(u8) -> String), ("migrate", needed)] {
        for (code, expected) in [(0, Some(0)), (3, Some(1))] {
            let background = Background::new(&config(code));
            let project = &background.0;
            assert_eq!(project.client(&["up", "-d"]).code, Some(0));
            let early = project.client(&["wait", name, "--timeout", "300ms"]);
            assert_eq!(early.code, Some(1), "{early:?}");
            assert_eq!(early.err, format!("stead: not ready within 300ms: {name} is running, and has not ended\n"));
            fs::write(project.path().join("go"), "").expect("a file");
            let told = project.client(&["wait", "--all"]);
            assert_eq!(told.code, expected, "{told:?}");
            assert_eq!(told.out.contains(&format!("{name}: done\n")), code == 0, "{told:?}");
            assert_eq!(project.client(&["down"]).code, Some(0));
            let told = project.client(&["up", "-d", "--wait"]);
            assert_eq!(told.code, expected, "{told:?}");
            if code != 0 {
                let said = format!("stead: {name} has failed: ");
                assert!(told.err.starts_with(&said) && told.err.contains("(“no table”)\n"), "{told:?}");
                assert!(told.err.ends_with("\n`stead why` tells more\n"), "{told:?}");
            }
        }
    }
}

#[test]
fn a_server_of_another_tool_that_is_not_restarted_is_not_waited_for() {
    let background = Background::new("");
    let dir = background.0.path();
    fs::remove_file(dir.join("stead.toml")).expect("an empty file");
    fs::write(dir.join("process-compose.yaml"), "processes:\n  web:\n    command: exec sleep 1000\n").expect("a file");
    let told = background.0.client(&["up", "-d", "--wait", "--timeout", "20s"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.ends_with("web: running\n"), "{told:?}");
    assert_eq!(background.0.client(&["down"]).code, Some(0));
}

#[test]
fn a_supervisor_that_ends_before_all_is_ready_gives_its_exit_code_and_last_words() {
    let background = Background::new(
        "[tasks.api]\ncommand = 'exit 3'\nmax_retries = 0\non_exhausted = 'fatal'\n\
         [tasks.slow]\ncommand = 'exec sleep 1000'\nready.tcp = '127.0.0.1:1'\n",
    );
    let told = background.0.client(&["up", "-d", "--wait"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("api: 0 retries spent: code 3"), "{told:?}");
}

#[test]
fn after_a_kill_it_is_started_again_without_a_clean_up() {
    let background = Background::new(API);
    let project = &background.0;
    assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
    let first = background.pid().expect("a pid");
    kill(first, Signal::SIGKILL).expect("a live process");
    // It is gone once its lock is free.
    let lock = fs::File::open(project.path().join(".stead/lock")).expect("a lock");
    lock.lock_shared().expect("the lock");
    drop(lock);
    let second = project.client(&["up", "-d", "--wait"]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_ne!(background.pid(), Some(first));
    assert_eq!(project.client(&["down"]).code, Some(0));
}

#[test]
fn flags_that_choose_less_output_go_with_it() {
    for flag in ["--headless", "--no-mouse"] {
        let background = Background::new(API);
        let told = background.0.client(&["up", flag, "-d"]);
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{told:?}");
        assert_eq!(background.0.client(&["down"]).code, Some(0));
    }
}

#[test]
fn chosen_tasks_and_another_file_are_passed_on() {
    let background = Background::new(&format!("{API}[tasks.other]\ncommand = 'exec sleep 1000'\n"));
    let path = background.0.path().join("stead.toml");
    let told = background.0.client(&["-f", path.to_str().expect("text"), "up", "-d", "--wait", "other"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.ends_with("other: running\n") && !told.out.contains("api: "), "{told:?}");
}
